import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { systemLauncher } from './launcher.ts';
import { lockHolder, releaseLock, takeLock } from './lock.ts';
import { capLog, tailOf } from './logs.ts';
import { claimNetwork } from './network-claim.ts';
import {
  clusterProcesses,
  endProcesses,
  residentBytes,
  startTimeOf,
  staysOn,
} from './processes.ts';

const dir = mkdtempSync(join(tmpdir(), 'kubets-runtime-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const file = (name: string): string => join(dir, name);

test('a lock is held by the process that took it, and by nobody once that is gone', async () => {
  const lock = file('a.pid');
  assert.equal(lockHolder(lock), undefined);
  takeLock(lock);
  assert.equal(lockHolder(lock), process.pid);
  releaseLock(lock);
  assert.equal(lockHolder(lock), undefined);
  const child = spawn('sleep', ['60']);
  assert.ok(child.pid !== undefined);
  writeFileSync(lock, `${child.pid} ${startTimeOf(child.pid)}\n`);
  assert.equal(lockHolder(lock), child.pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(lockHolder(lock), undefined);
});

test('a pid that was given to another process does not hold the lock', () => {
  const lock = file('b.pid');
  writeFileSync(lock, `${process.pid} 1\n`);
  assert.equal(lockHolder(lock), undefined);
});

test('the network belongs to one cluster at a time', async () => {
  const claim = file('net.claim');
  const other = spawn('sleep', ['60']);
  assert.ok(other.pid !== undefined);
  writeFileSync(claim, `${other.pid} ${startTimeOf(other.pid)} /srv/other one\n`);
  assert.throws(
    () => claimNetwork('/srv/mine', claim),
    (error: unknown) =>
      error instanceof ConfigError && error.message.includes('down --data-dir /srv/other one"'),
  );
  other.kill('SIGKILL');
  await once(other, 'exit');
  const release = claimNetwork('/srv/mine', claim);
  assert.match(readFileSync(claim, 'utf8'), new RegExp(`^${process.pid} \\d+ /srv/mine\n$`));
  release();
  assert.ok(!existsSync(claim));
});

test('processes carry the cluster’s mark and none of the shell’s secrets, and are ended by it', async () => {
  process.env.SOME_SECRET = 'hush';
  const launcher = systemLauncher(dir);
  const logFile = file('env.log');
  const env = launcher.launch({ name: 'env', command: 'env', args: [], logFile });
  assert.equal((await env.exited).code, 0);
  const text = readFileSync(logFile, 'utf8');
  assert.match(text, new RegExp(`^KUBETS_CLUSTER=${dir}$`, 'm'));
  assert.ok(!text.includes('hush'));
  assert.equal(statSync(logFile).mode & 0o777, 0o600);
  const sleeper = launcher.launch({ name: 's', command: 'sleep', args: ['60'], logFile });
  assert.deepEqual(clusterProcesses(dir), [sleeper.pid]);
  assert.ok(residentBytes(sleeper.pid) > 0);
  await endProcesses([sleeper.pid], 5_000);
  assert.deepEqual(clusterProcesses(dir), []);
  assert.equal((await sleeper.exited).signal, 'SIGTERM');
});

test('a supervisor that waits for the next cluster is told from one that ends', async () => {
  const start = (...words: string[]) => spawn('sh', ['-c', 'read line; exit', 'run', ...words]);
  const all = [start('--wait'), start('--data-dir', '/x', '--run'), start('--data-dir', '/x')];
  const exits = all.map((one) => once(one, 'exit'));
  await Promise.all(all.map((one) => once(one, 'spawn')));
  assert.deepEqual(
    all.map((one) => staysOn(one.pid ?? 0)),
    [true, true, false],
  );
  for (const one of all) one.stdin.end();
  await Promise.all(exits);
  assert.equal(staysOn(all[0]?.pid ?? 0), false);
});

test('a process that ignores SIGTERM is killed', async () => {
  const ready = file('ready');
  const script = `trap '' TERM; touch ${ready}; while :; do sleep 1; done`;
  const child = spawn('sh', ['-c', script]);
  const exited = once(child, 'exit');
  while (!existsSync(ready)) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(child.pid !== undefined);
  await endProcesses([child.pid], 200);
  assert.deepEqual((await exited)[1], 'SIGKILL');
});

test('a log is cut at its limit and keeps one old generation; its end can be read', () => {
  const log = file('x.log');
  assert.equal(tailOf(log), '');
  writeFileSync(log, 'one\ntwo\nthree\n');
  assert.equal(tailOf(log, 6), 'three\n');
  capLog(log, 100);
  assert.equal(tailOf(log), 'one\ntwo\nthree\n');
  capLog(log, 5);
  assert.equal(tailOf(log), '');
  assert.equal(readFileSync(`${log}.1`, 'utf8'), 'one\ntwo\nthree\n');
});
