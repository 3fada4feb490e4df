/** The frame of a process, tried as a process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const dir = mkdtempSync(join(tmpdir(), 'kubets-process-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const frame = join(import.meta.dirname, 'index.ts');
const program = join(dir, 'program.ts');
writeFileSync(
  program,
  `import { createServer } from 'node:http';
import { ConfigError, flag, runMain } from '${frame}';
await runMain({
  name: 'sample', summary: 'a sample', flags: { fail: flag.enum({ values: ['no', 'config', 'start'], default: 'no', help: 'how' }) },
  start(ctx, config) {
    if (config.fail === 'config') throw new ConfigError('give it another port');
    if (config.fail === 'start') throw new Error('disk on fire');
    const server = createServer();
    server.listen(0, '127.0.0.1');
    ctx.health.addCheck('store', () => { if (process.env.SICK) throw new Error('no store'); });
    ctx.onShutdown('server', () => { server.close(); process.stdout.write('closed\\n'); });
  },
});
`,
);

function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env } });
  let err = '';
  let out = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const says = async (text: string): Promise<void> => {
    while (!err.includes(text)) await once(child.stderr, 'data');
  };
  return { child, exited, says, err: () => err, out: () => out };
}

test('SIGTERM drains in order and exits 0', async () => {
  const one = start(['--log-format', 'json']);
  await one.says('"msg":"ready"');
  one.child.kill('SIGTERM');
  assert.equal(await one.exited, 0);
  assert.equal(one.out(), 'closed\n');
});

test('a configuration error is one line and exit code 2, a failed start one line and 1', async () => {
  const config = start(['--fail', 'config']);
  assert.equal(await config.exited, 2);
  assert.equal(config.err(), 'sample: give it another port\n');
  const failed = start(['--fail', 'start']);
  assert.equal(await failed.exited, 1);
  assert.equal(failed.err(), 'sample: disk on fire\n');
  const unknown = start(['--nothing']);
  assert.equal(await unknown.exited, 2);
  assert.match(unknown.err(), /^sample: unknown flag --nothing; see --help\n$/);
});

function get(port: number, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      res.on('end', () => resolve({ status: res.statusCode ?? 0, text }));
    });
    req.on('error', reject);
    req.end();
  });
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('health and metrics are served, and a failing check shows', async () => {
  const port = await freePort();
  const well = start(['--health-address', `127.0.0.1:${port}`]);
  await well.says('ready');
  assert.deepEqual(await get(port, '/readyz'), { status: 200, text: 'ok' });
  assert.match((await get(port, '/readyz?verbose')).text, /\[\+\]store ok/);
  assert.match((await get(port, '/metrics')).text, /process_cpu_seconds_total/);
  assert.equal((await get(port, '/else')).status, 404);
  const second = start(['--health-address', `127.0.0.1:${port}`]);
  assert.equal(await second.exited, 2);
  assert.match(second.err(), new RegExp(`^sample: cannot listen on 127.0.0.1:${port} for health`));
  well.child.kill('SIGTERM');
  await well.exited;
  const sick = start(['--health-address', `127.0.0.1:${port}`], { SICK: '1' });
  await sick.says('ready');
  const answer = await get(port, '/readyz');
  assert.equal(answer.status, 503);
  assert.match(answer.text, /\[-\]store failed: no store/);
  assert.equal((await get(port, '/livez')).status, 200);
  sick.child.kill('SIGTERM');
  await sick.exited;
});
