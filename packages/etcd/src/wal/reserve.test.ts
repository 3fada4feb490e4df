import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock, silentLogger } from '@kubets/platform';
import type { Entry } from '../raft/types.ts';
import { memoryDisk } from '../testing/memory-disk.ts';
import type { Disk } from './disk.ts';
import { SegmentReserve } from './reserve.ts';
import { Wal } from './wal.ts';

const IDENTITY = { clusterId: 1n, memberId: 2n };
const limits = { segmentBytes: 512, allocateBytes: 64 };
const RESERVE = 'w/reserve.tmp';

const options = (disk: Disk) => ({
  ...{ disk, dir: 'w', log: silentLogger, clock: new ManualClock(), limits },
});
const entry = (index: number): Entry => ({
  ...{ index, term: 1, kind: 'normal', data: Buffer.from(`value ${index}`) },
});
const conf = { index: 0, data: Buffer.from('members') };

test('the next segment is made ahead, once the current one is half full', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await Wal.create(options(disk), IDENTITY, { conf });
  assert.ok(!controls.paths().includes(RESERVE));
  let index = 0;
  while (!controls.paths().includes(RESERVE)) {
    index += 1;
    await wal.append({ entries: [entry(index)] });
  }
  assert.equal(wal.segmentCount, 1);
  await turn();
  assert.equal(controls.content(RESERVE).length, limits.segmentBytes);
  while (wal.segmentCount === 1) {
    index += 1;
    await wal.append({ entries: [entry(index)] });
  }
  assert.ok(!controls.paths().includes(RESERVE), 'it has become the segment');
  const [, second = ''] = controls.paths();
  assert.equal(controls.content(second).length, limits.segmentBytes);
  await wal.close();
  const { recovered } = await Wal.open(options(disk));
  assert.equal(recovered.entries.at(-1)?.index, index);
});

test('what a crash leaves of it is removed at the start', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await Wal.create(options(disk), IDENTITY, { conf });
  await wal.close();
  controls.set(RESERVE, Buffer.alloc(100));
  const opened = await Wal.open(options(disk));
  assert.ok(!controls.paths().includes(RESERVE));
  await opened.wal.close();
});

test('a log that is closed leaves none behind', async () => {
  const { disk, controls } = memoryDisk();
  const reserve = new SegmentReserve(disk, 'w', 1_000);
  reserve.prepare();
  await reserve.close();
  assert.deepEqual(controls.paths(), []);
  reserve.prepare();
  await turn();
  assert.deepEqual(controls.paths(), []);
});

test('without room for it segments are made when they are needed', async () => {
  const { disk, controls } = memoryDisk();
  const open = disk.open.bind(disk);
  disk.open = (path, how) =>
    path === RESERVE ? Promise.reject(new Error('no room')) : open(path, how);
  const wal = await Wal.create(options(disk), IDENTITY, { conf });
  for (let index = 1; index <= 40; index += 1) await wal.append({ entries: [entry(index)] });
  assert.ok(wal.segmentCount > 2);
  await wal.close();
  const { recovered } = await Wal.open(options(disk));
  assert.equal(recovered.entries.length, 40);
  assert.ok(!controls.paths().includes(RESERVE));
});
