/** `npm start` in a terminal: Ctrl-C stops everything, and only an insisting one cuts it short. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from './support/cluster.ts';
import { repo, run } from './support/shell.ts';

const root = mkdtempSync(join(tmpdir(), 'kubets-foreground-'));
after(() => rmSync(root, { recursive: true, force: true }));

async function startForeground(name: string) {
  const dir = join(root, name);
  const shape = ['--masters', '1', '--nodes', '0', '--data-dir', dir];
  const port = ['--port', String(await freePort())];
  const child = spawn('npm', ['start', '--', ...shape, ...port], { cwd: repo, detached: true });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  child.stdout.resume();
  const exited = once(child, 'exit');
  while (!text.includes('The cluster is ready')) await once(child.stderr, 'data');
  const { pid } = child;
  assert.ok(pid !== undefined);
  /** As a terminal does it: to every process of the group. */
  const interrupt = (): void => void process.kill(-pid, 'SIGINT');
  const leftovers = async (): Promise<string> => (await run('pgrep', ['-f', dir])).out;
  return { exited, interrupt, leftovers };
}

test('one Ctrl-C, which reaches the command several times, stops everything in order', async () => {
  const cluster = await startForeground('once');
  cluster.interrupt();
  await cluster.exited;
  assert.equal(await cluster.leftovers(), '');
});

test('two in a row are one wish', async () => {
  const cluster = await startForeground('again');
  cluster.interrupt();
  cluster.interrupt();
  await cluster.exited;
  assert.equal(await cluster.leftovers(), '');
});
