/** What cannot work is refused: one line that says what to do, an exit code, and nothing half-started. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { kubets } from './support/cluster.ts';
import { run } from './support/shell.ts';

const root = mkdtempSync(join(tmpdir(), 'kubets-refusals-'));
after(() => rmSync(root, { recursive: true, force: true }));

function freshDir(name: string): string {
  return join(root, name);
}

async function refused(args: readonly string[], message: RegExp, code = 2): Promise<void> {
  const result = await kubets(args);
  assert.equal(result.code, code, result.err);
  assert.match(result.err, message);
  assert.ok(!/\n\s+at /.test(result.err), `a stack trace: ${result.err}`);
}

test('an unknown flag', () =>
  refused(['up', '--master', '3'], /unknown option '--master'[\s\S]*did you mean --masters/i));

test('an unknown command', () => refused(['upp'], /unknown command 'upp'/));

test('the release is no secret', async () => {
  const { code, out } = await kubets(['--version']);
  assert.equal(code, 0);
  assert.match(out, /^\d+\.\d+\.\d+\n$/);
});

test('a number out of range', () => refused(['up', '--masters', '0'], /from 1 to 7/));

test('an even number of masters', () => refused(['up', '--masters', '2'], /use an odd one/));

test('a busy port', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const dir = freshDir('busy');
  const flags = ['--data-dir', dir, '--runtime', 'simulated', '--port', String(address.port)];
  await refused(
    ['up', ...flags],
    new RegExp(`port ${address.port} is in use; choose another with --port`),
  );
  await refused(['up', '--detach', ...flags], /is in use; choose another with --port/);
  server.close();
  const left = await run('pgrep', ['-f', dir]);
  assert.equal(left.out, '', 'nothing half-started');
});

test('a damaged state file', async () => {
  const dir = freshDir('damaged');
  await run('mkdir', ['-p', dir]);
  writeFileSync(join(dir, 'state.json'), '{"version":1');
  await refused(['up', '--data-dir', dir], /state\.json is damaged.*use another --data-dir/);
});

test('a data directory that is a file', async () => {
  const file = freshDir('file');
  writeFileSync(file, '');
  await refused(['up', '--data-dir', file], /cannot use --data-dir .*file/);
});

test('a private key others can read', async () => {
  const dir = freshDir('open-key');
  await run('mkdir', ['-p', join(dir, 'pki')]);
  writeFileSync(join(dir, 'pki', 'ca.key'), 'x');
  writeFileSync(join(dir, 'pki', 'ca.crt'), 'x');
  chmodSync(join(dir, 'pki', 'ca.key'), 0o644);
  await refused(['up', '--data-dir', dir, '--runtime', 'simulated'], /chmod 600 .*ca\.key/);
});

test('commands about a cluster that is not there', async () => {
  const dir = freshDir('none');
  await refused(['status', '--data-dir', dir], /no cluster in .*npm start/);
  await refused(['kubeconfig', '--data-dir', dir], /no cluster in/);
  await refused(['logs', 'etcd-1', '--data-dir', dir], /no cluster in/);
  await refused(['image', 'load', '/nowhere.tar', '--data-dir', dir], /no file \/nowhere\.tar/);
  const down = await kubets(['down', '--data-dir', dir]);
  assert.equal(down.code, 0, 'stopping what does not run is no error');
  assert.ok(!existsSync(dir), 'looking makes nothing');
});

test('a component runs alone under its own flags, and its errors are its own', async () => {
  const help = await kubets(['etcd', '--help']);
  assert.equal(help.code, 0);
  assert.match(help.out, /--initial-cluster/);
  await refused(['scheduler', '--nothing'], /^scheduler: unknown flag --nothing/);
});

test('help names every command', async () => {
  const { out, code } = await kubets(['--help']);
  assert.equal(code, 0);
  for (const command of ['up', 'down', 'status', 'kubeconfig', 'logs', 'image']) {
    assert.match(out, new RegExp(`^  ${command}\\b`, 'm'));
  }
});
