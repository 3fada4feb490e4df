import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger, systemClock } from '@kubets/platform';
import { DataDirLockedError } from '../../host/errors.ts';
import { Wal } from '../wal.ts';
import { nodeDisk } from './node-disk.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'kubets-disk-'));
});
after(() => rm(root, { recursive: true, force: true }));

test('a log on a real disk comes back', async () => {
  const options = { disk: nodeDisk, dir: join(root, 'log'), log: silentLogger, clock: systemClock };
  assert.equal(await Wal.exists(options), false);
  const wal = await Wal.create(options, { clusterId: 1n, memberId: 2n }, {});
  const entry = { index: 1, term: 1, kind: 'normal', data: Buffer.from('hello') } as const;
  await wal.append({ entries: [entry] });
  await wal.close();
  const { wal: again, recovered } = await Wal.open(options);
  assert.deepEqual(recovered.entries, [entry]);
  await again.close();
  assert.equal((await stat(join(root, 'log'))).mode & 0o777, 0o700);
  const file = join(root, 'log', '0000000000000001.wal');
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test('a directory has one holder at a time', async () => {
  const dir = join(root, 'locked');
  await nodeDisk.makeDir(dir);
  const release = await nodeDisk.lock(dir);
  await assert.rejects(nodeDisk.lock(dir), DataDirLockedError);
  await release();
  await (await nodeDisk.lock(dir))();
});

test('a killed process holds nothing', async () => {
  const dir = join(root, 'killed');
  await nodeDisk.makeDir(dir);
  const script =
    `const { nodeDisk } = await import(${JSON.stringify(join(import.meta.dirname, 'node-disk.ts'))});` +
    `await nodeDisk.lock(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  await once(child.stdout, 'data');
  await assert.rejects(nodeDisk.lock(dir), DataDirLockedError);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await (await nodeDisk.lock(dir))();
});
