import assert from 'node:assert/strict';
import { test } from 'node:test';
import { armFailpoint, ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { CorruptLogError, LogWriteError } from '../host/errors.ts';
import { type Entry, NONE } from '../raft/types.ts';
import { memoryDisk } from '../testing/memory-disk.ts';
import type { Disk } from './disk.ts';
import type { WalLimits } from './limits.ts';
import { Wal } from './wal.ts';

const IDENTITY = { clusterId: 0xc1n, memberId: 0xa1n };

function options(disk: Disk, limits: Partial<WalLimits> = {}) {
  return { disk, dir: 'w', log: silentLogger, clock: new ManualClock(), limits };
}

function entry(index: number, term = 1, text = `value ${index}`): Entry {
  return { index, term, kind: 'normal', data: Buffer.from(text) };
}

function conf(index: number) {
  return { index, data: Buffer.from(`members at ${index}`) };
}

async function fresh(disk: Disk, limits?: Partial<WalLimits>): Promise<Wal> {
  return Wal.create(options(disk, limits), IDENTITY, { conf: conf(0) });
}

const indices = (entries: readonly Entry[]): number[] => entries.map((one) => one.index);

test('what was appended is there after opening again', async () => {
  const { disk } = memoryDisk();
  const wal = await fresh(disk);
  const hardState = { term: 3, vote: 0xfedcba9876543210n, commit: 1 };
  await wal.append({ hardState, entries: [entry(1), { ...entry(2, 3), kind: 'conf' }] });
  await wal.append({ conf: conf(2) });
  await wal.close();
  const { recovered } = await Wal.open(options(disk));
  assert.equal(recovered.clusterId, 0xc1n);
  assert.equal(recovered.memberId, 0xa1n);
  assert.deepEqual(recovered.hardState, hardState);
  assert.deepEqual(recovered.entries, [entry(1), { ...entry(2, 3), kind: 'conf' }]);
  assert.deepEqual(
    recovered.confs.map((one) => Buffer.from(one.data).toString()),
    ['members at 0', 'members at 2'],
  );
  assert.deepEqual(recovered.offset, { index: 0, term: 0 });
});

test('a later entry replaces everything from its index on', async () => {
  const { disk } = memoryDisk();
  const wal = await fresh(disk);
  await wal.append({ entries: [entry(1), entry(2), entry(3)] });
  await wal.append({ entries: [entry(2, 5, 'new')] });
  await wal.close();
  const { recovered } = await Wal.open(options(disk));
  assert.deepEqual(recovered.entries, [entry(1), entry(2, 5, 'new')]);
});

test('appends made while a sync runs share the next one', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  controls.syncs = 0;
  const hold = controls.holdSyncs();
  const all = [wal.append({ entries: [entry(1)] })];
  await hold.reached();
  for (let index = 2; index <= 50; index += 1) all.push(wal.append({ entries: [entry(index)] }));
  hold.release();
  await Promise.all(all);
  assert.equal(controls.syncs, 2);
});

test('appends resolve only after their sync', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  const hold = controls.holdSyncs();
  let done = false;
  const append = wal.append({ entries: [entry(1)] }).then(() => {
    done = true;
  });
  await hold.reached();
  assert.equal(done, false);
  hold.release();
  await append;
  assert.equal(done, true);
});

test('flushed waits for everything appended before it', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  await wal.flushed();
  const hold = controls.holdSyncs();
  const order: string[] = [];
  const append = wal.append({ entries: [entry(1)] }).then(() => order.push('append'));
  const flushed = wal.flushed().then(() => order.push('flushed'));
  await hold.reached();
  assert.deepEqual(order, []);
  hold.release();
  await Promise.all([append, flushed]);
  assert.deepEqual(order, ['append', 'flushed']);
});

test('segments roll, and old ones go once the state machine has their entries', async () => {
  const { disk, controls } = memoryDisk();
  const limits = { segmentBytes: 512, allocateBytes: 64 };
  const wal = await fresh(disk, limits);
  for (let index = 1; index <= 40; index += 1) {
    await wal.append({ entries: [entry(index)], hardState: { term: 1, vote: 2n, commit: index } });
  }
  await wal.append({ conf: conf(33) });
  assert.ok(wal.segmentCount > 3);
  await wal.release(30);
  const files = controls.paths().filter((path) => path.endsWith('.wal'));
  assert.equal(files.length, wal.segmentCount);
  await wal.append({ entries: [entry(41)] });
  await wal.close();
  const { recovered } = await Wal.open(options(disk, limits));
  assert.ok(
    recovered.offset.index > 0 && recovered.offset.index <= 30,
    'keeps what was not released',
  );
  assert.equal(recovered.offset.term, 1);
  assert.equal(indices(recovered.entries).at(-1), 41);
  assert.equal(indices(recovered.entries)[0], recovered.offset.index + 1);
  assert.deepEqual(recovered.hardState, { term: 1, vote: 2n, commit: 40 });
  assert.deepEqual(
    recovered.confs.map((one) => one.index),
    [0, 33],
    'the membership as of the release point is still known',
  );
});

test('releasing forgets memberships that are no longer needed', async () => {
  const { disk } = memoryDisk();
  const limits = { segmentBytes: 512, allocateBytes: 64 };
  const wal = await fresh(disk, limits);
  for (let index = 1; index <= 60; index += 1) {
    await wal.append({ entries: [entry(index)], ...(index % 10 === 0 && { conf: conf(index) }) });
    if (index === 45) await wal.release(45);
  }
  await wal.release(55);
  for (let index = 61; index <= 90; index += 1) await wal.append({ entries: [entry(index)] });
  await wal.release(80);
  await wal.close();
  const { recovered } = await Wal.open(options(disk, limits));
  const kept = recovered.confs.map((one) => one.index);
  assert.ok((kept[0] ?? 0) >= 50, `${kept}`);
  assert.equal(kept.at(-1), 60);
});

test('a batch larger than a segment gets one of its own', async () => {
  const { disk } = memoryDisk();
  const limits = { segmentBytes: 512, allocateBytes: 64 };
  const wal = await fresh(disk, limits);
  await wal.append({ entries: [entry(1, 1, 'x'.repeat(5000)), entry(2)] });
  await wal.append({ entries: [entry(3)] });
  await wal.close();
  const { recovered } = await Wal.open(options(disk, limits));
  assert.deepEqual(indices(recovered.entries), [1, 2, 3]);
});

test('a reset leaves nothing but the point of the snapshot', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  await wal.append({ entries: [entry(1), entry(2)] });
  await wal.append({ pending: { point: { index: 90, term: 7 }, data: Buffer.from('m') } });
  await wal.reset({ index: 90, term: 7 }, conf(90), { term: 8, vote: NONE, commit: 90 });
  assert.equal(controls.paths().length, 1);
  await wal.append({ entries: [entry(91, 8)] });
  await wal.close();
  const { recovered } = await Wal.open(options(disk));
  assert.deepEqual(recovered.offset, { index: 90, term: 7 });
  assert.deepEqual(indices(recovered.entries), [91]);
  assert.equal(recovered.pending, undefined);
  assert.deepEqual(recovered.hardState, { term: 8, vote: NONE, commit: 90 });
});

test('a note of a snapshot to come survives, also the roll of a segment', async () => {
  const { disk } = memoryDisk();
  const limits = { segmentBytes: 256, allocateBytes: 64 };
  const wal = await fresh(disk, limits);
  const pending = { point: { index: 9, term: 2 }, data: Buffer.from('who') };
  await wal.append({ pending });
  for (let index = 1; index <= 20; index += 1) await wal.append({ entries: [entry(index)] });
  await wal.release(15);
  await wal.close();
  const { recovered } = await Wal.open(options(disk, limits));
  assert.deepEqual(recovered.pending, pending);
});

test('an interrupted write at the end is cut off, wherever it stopped', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  await wal.append({ entries: [entry(1), entry(2)] });
  const file = controls.paths()[0] ?? '';
  const keep = controls.used(file);
  await wal.append({ entries: [entry(3), entry(4), entry(5)] });
  const whole = Buffer.from(controls.content(file));
  const end = controls.used(file);
  await wal.close();
  for (let cut = keep; cut < end; cut += 1) {
    const torn = Buffer.from(whole);
    torn.fill(0, cut, end);
    controls.set(file, torn);
    const { wal: opened, recovered } = await Wal.open(options(disk));
    assert.deepEqual(indices(recovered.entries), [1, 2], `cut at ${cut}`);
    // And it goes on from there.
    await opened.append({ entries: [entry(3, 2, 'again')] });
    await opened.close();
    const again = await Wal.open(options(disk));
    assert.deepEqual(again.recovered.entries.at(-1), entry(3, 2, 'again'), `cut at ${cut}`);
    await again.wal.close();
  }
});

test('what was torn is gone for good: later writes cannot bring it back', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  await wal.append({ entries: [entry(1)] });
  const file = controls.paths()[0] ?? '';
  const keep = controls.used(file);
  await wal.append({ entries: [entry(2, 1, 'same length'), entry(3, 1, 'zombie')] });
  await wal.close();
  // The first record of the batch is lost, the second one has reached the disk.
  const bytes = Buffer.from(controls.content(file));
  bytes.fill(0, keep, keep + 16);
  controls.set(file, bytes);
  const { wal: opened } = await Wal.open(options(disk));
  await opened.append({ entries: [entry(2, 2, 'same length')] });
  await opened.close();
  const { recovered } = await Wal.open(options(disk));
  assert.deepEqual(recovered.entries, [entry(1), entry(2, 2, 'same length')]);
});

test('damage before the last write is refused, and says where', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  for (let index = 1; index <= 4; index += 1) await wal.append({ entries: [entry(index)] });
  await wal.close();
  const file = controls.paths()[0] ?? '';
  const whole = Buffer.from(controls.content(file));
  const at = whole.indexOf('value 2');
  whole[at] = (whole[at] ?? 0) ^ 1;
  controls.set(file, whole);
  await assert.rejects(Wal.open(options(disk)), (err) => {
    assert.ok(err instanceof CorruptLogError);
    assert.equal(err.file, file);
    assert.ok(err.offset > 0 && err.offset < at);
    assert.match(err.message, /remove its data directory|backup/);
    return true;
  });
});

test('damage anywhere in an older segment is refused', async () => {
  const { disk, controls } = memoryDisk();
  const limits = { segmentBytes: 256, allocateBytes: 64 };
  const wal = await fresh(disk, limits);
  for (let index = 1; index <= 12; index += 1) await wal.append({ entries: [entry(index)] });
  await wal.close();
  const [first = '', second = ''] = controls.paths();
  for (const file of [first, second]) {
    const whole = Buffer.from(controls.content(file));
    const used = controls.used(file);
    for (const at of [3, Math.floor(used / 2), used - 9]) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x40;
      controls.set(file, damaged);
      await assert.rejects(Wal.open(options(disk, limits)), CorruptLogError, `${file} at ${at}`);
    }
    controls.set(file, whole);
  }
  await disk.remove(second);
  await assert.rejects(Wal.open(options(disk, limits)), /segment 2 is missing/);
});

test('a failed sync fails every append, for ever', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  controls.failSyncs = new Error('I/O error');
  const first = wal.append({ entries: [entry(1)] });
  const second = wal.append({ entries: [entry(2)] });
  await assert.rejects(first, LogWriteError);
  await assert.rejects(second, LogWriteError);
  controls.failSyncs = undefined;
  await assert.rejects(wal.append({ entries: [entry(3)] }), LogWriteError);
  await assert.rejects(wal.flushed(), LogWriteError);
  await wal.close();
});

test('appends that gather while a sync fails are refused, too', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  const hold = controls.holdSyncs();
  const first = wal.append({ entries: [entry(1)] });
  await hold.reached();
  const second = wal.append({ entries: [entry(2)] });
  controls.failSyncs = new Error('I/O error');
  hold.release();
  await assert.rejects(first, LogWriteError);
  await assert.rejects(second, LogWriteError);
  await wal.close();
});

test('a disk without room to fill ahead still takes records, and fails when those do not fit', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  controls.room = 1000;
  for (let index = 1; index <= 3; index += 1) await wal.append({ entries: [entry(index)] });
  await assert.rejects(wal.append({ entries: [entry(4, 1, 'x'.repeat(1000))] }), LogWriteError);
  await wal.close();
  controls.room = Number.POSITIVE_INFINITY;
  const { recovered } = await Wal.open(options(disk));
  assert.deepEqual(indices(recovered.entries), [1, 2, 3]);
});

test('failpoints sit beside the write and the sync', async () => {
  for (const name of ['wal.beforeWrite', 'wal.beforeSync', 'wal.afterSync']) {
    const { disk } = memoryDisk();
    const wal = await fresh(disk);
    const disarm = armFailpoint(name, 'error');
    await assert.rejects(wal.append({ entries: [entry(1)] }), LogWriteError, name);
    disarm();
    await wal.close();
  }
});

test('a half-made segment of a crash is swept away', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  await wal.append({ entries: [entry(1)] });
  await wal.close();
  controls.set('w/0000000000000002.wal.tmp', Buffer.from('rubbish'));
  const { recovered } = await Wal.open(options(disk));
  assert.deepEqual(indices(recovered.entries), [1]);
  assert.deepEqual(controls.paths(), ['w/0000000000000001.wal']);
});

test('an unknown format is refused, not guessed at', async () => {
  const { disk, controls } = memoryDisk();
  const wal = await fresh(disk);
  await wal.close();
  const file = controls.paths()[0] ?? '';
  controls.set(file, Buffer.alloc(100));
  await assert.rejects(Wal.open(options(disk)), /no valid segment header/);
});

test('random appends, replacements, rolls and releases come back as they were', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = seededRandom(seed);
    const { disk } = memoryDisk();
    const limits = { segmentBytes: 1024, allocateBytes: 256 };
    let wal = await fresh(disk, limits);
    let model: Entry[] = [];
    let released = 0;
    let term = 1;
    for (let step = 0; step < 60; step += 1) {
      const last = model.at(-1)?.index ?? 0;
      const back = random.int(4) === 0 ? Math.min(random.int(4), last - released) : 0;
      if (back > 0) term += 1;
      const from = last - Math.max(0, back) + 1;
      const count = 1 + random.int(4);
      const added = Array.from({ length: count }, (_, n) =>
        entry(from + n, term, 'x'.repeat(random.int(200))),
      );
      model = [...model.filter((one) => one.index < from), ...added];
      await wal.append({ entries: added });
      if (random.int(5) === 0) {
        released = Math.max(released, from - 1 - random.int(5));
        await wal.release(released);
      }
      if (random.int(8) === 0) {
        await wal.close();
        const opened = await Wal.open(options(disk, limits));
        wal = opened.wal;
        const { offset, entries } = opened.recovered;
        assert.ok(offset.index <= released, `seed ${seed}`);
        const expected = model.filter((one) => one.index > offset.index);
        assert.deepEqual(entries, expected, `seed ${seed} step ${step}`);
      }
    }
    await wal.close();
  }
});
