import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorruptLogError } from '../host/errors.ts';
import type { Entry } from '../raft/types.ts';
import { RecordBuffer, type WalRecord } from './codec.ts';
import { assemble, FORMAT_VERSION, readSegment, type SegmentContent } from './recover.ts';

interface Plan {
  readonly segment: number;
  readonly prev?: [number, number];
  readonly reset?: boolean;
  readonly records: WalRecord[];
}

const entry = (index: number, term = 1): WalRecord => ({
  type: 'entry',
  entry: { index, term, kind: 'normal', data: Buffer.from(`${index}.${term}`) },
});

const conf = (index: number): WalRecord => ({
  type: 'conf',
  conf: { index, data: Buffer.from('c') },
});

function segment(plan: Plan): { file: string; content: SegmentContent } {
  const [index, term] = plan.prev ?? [0, 0];
  const start = {
    version: FORMAT_VERSION,
    clusterId: 1n,
    memberId: 2n,
    segment: plan.segment,
    prev: { index, term },
    reset: plan.reset ?? false,
  };
  const content = { start, records: plan.records, end: 0, lastBatch: 1, torn: false };
  return { file: `s${plan.segment}`, content };
}

const shown = (entries: readonly Entry[]): string =>
  entries.map((one) => `${one.index}.${one.term}`).join(' ');

test('segments join into one log', () => {
  const found = assemble([
    segment({ segment: 4, prev: [10, 2], records: [conf(10), entry(11, 2), entry(12, 2)] }),
    segment({ segment: 5, prev: [12, 2], records: [entry(13, 2), conf(13)] }),
  ]);
  assert.deepEqual(found.offset, { index: 10, term: 2 });
  assert.equal(shown(found.entries), '11.2 12.2 13.2');
  assert.deepEqual(
    found.confs.map((one) => one.index),
    [10, 13],
  );
});

test('a replacement in a later segment counts', () => {
  const found = assemble([
    segment({ segment: 1, records: [entry(1), entry(2), entry(3)] }),
    segment({ segment: 2, prev: [3, 1], records: [entry(2, 4)] }),
  ]);
  assert.equal(shown(found.entries), '1.1 2.4');
});

test('a replacement of entries in a segment that is gone moves the start to where terms are known', () => {
  const found = assemble([
    segment({ segment: 7, prev: [99, 1], records: [entry(90, 2), entry(91, 2), entry(92, 2)] }),
  ]);
  assert.deepEqual(found.offset, { index: 90, term: 2 });
  assert.equal(shown(found.entries), '91.2 92.2');
});

test('after a reset only what follows it counts', () => {
  const found = assemble([
    segment({ segment: 1, records: [conf(0), entry(1), entry(2)] }),
    segment({ segment: 2, prev: [50, 3], reset: true, records: [conf(50), entry(51, 3)] }),
  ]);
  assert.deepEqual(found.offset, { index: 50, term: 3 });
  assert.equal(shown(found.entries), '51.3');
  assert.deepEqual(
    found.confs.map((one) => one.index),
    [50],
  );
});

test('the last hard state and the last note of a snapshot count', () => {
  const state = (term: number): WalRecord => ({
    type: 'hardState',
    state: { term, vote: 1n, commit: 0 },
  });
  const pending = (index: number): WalRecord => ({
    type: 'snapshotPending',
    pending: { point: { index, term: 1 }, data: Buffer.alloc(0) },
  });
  const found = assemble([
    segment({ segment: 1, records: [state(1), pending(5), state(2)] }),
    segment({ segment: 2, records: [state(3), pending(9)] }),
  ]);
  assert.equal(found.hardState.term, 3);
  assert.equal(found.pending?.point.index, 9);
});

test('gaps are damage', () => {
  const missing = [segment({ segment: 1, records: [] }), segment({ segment: 3, records: [] })];
  assert.throws(() => assemble(missing), CorruptLogError);
  const gap = [segment({ segment: 1, records: [entry(1), entry(3)] })];
  assert.throws(() => assemble(gap), /entries before 3 are missing/);
  assert.throws(() => assemble([]), RangeError);
});

/** A segment of complete batches, as bytes. */
function written(batches: readonly (readonly number[])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [at, indices] of batches.entries()) {
    const records = new RecordBuffer();
    if (at === 0) {
      const prev = { index: 0, term: 0 };
      const identity = { clusterId: 1n, memberId: 1n };
      records.addSegmentStart({ version: 1, ...identity, segment: 1, prev, reset: false });
    }
    for (const index of indices) {
      records.addEntry({ index, term: 1, kind: 'normal', data: Buffer.alloc(40, index) });
    }
    parts.push(Buffer.from(records.seal(at + 1)));
  }
  return Buffer.concat(parts);
}

const indicesOf = (content: SegmentContent): number[] =>
  content.records.map((record) => (record.type === 'entry' ? record.entry.index : -1));

test('zeros after the end are room, not damage', () => {
  const bytes = Buffer.concat([written([[1], [2, 3]]), Buffer.alloc(4096)]);
  for (const isLast of [true, false]) {
    const content = readSegment('f', bytes, isLast);
    assert.deepEqual(indicesOf(content), [1, 2, 3]);
    assert.deepEqual([content.torn, content.lastBatch], [false, 2]);
  }
});

test('an unfinished batch is dropped whole', () => {
  const whole = written([[1], [2, 3, 4]]);
  const end = written([[1]]).length;
  for (let cut = end + 8; cut < whole.length; cut += 8) {
    const content = readSegment('f', whole.subarray(0, cut), true);
    assert.deepEqual(indicesOf(content), [1], `${cut}`);
    assert.equal(content.end, end);
  }
});

test('an unreadable record is damage if a later batch is there, wherever it lies', () => {
  const bytes = written([[1], [2], [3], [4]]);
  const second = written([[1]]).length;
  for (const [at, damaged] of [
    [second + 20, true],
    [written([[1], [2]]).length + 20, true],
    [written([[1], [2], [3]]).length + 20, false],
  ] as const) {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 0xff;
    if (damaged) assert.throws(() => readSegment('f', copy, true), CorruptLogError);
    else assert.deepEqual(indicesOf(readSegment('f', copy, true)), [1, 2, 3]);
    assert.throws(() => readSegment('f', copy, false), CorruptLogError);
  }
});

test('rubbish after the end is cut off', () => {
  const bytes = Buffer.concat([written([[1]]), Buffer.from('rubbish that is no record at all')]);
  const content = readSegment('f', bytes, true);
  assert.deepEqual([indicesOf(content), content.torn], [[1], true]);
});
