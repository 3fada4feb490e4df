import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantError } from '@kubets/platform';
import { entriesOf } from '../testing/group.ts';
import { RaftLog } from './log.ts';
import { type Entry, entryBytes } from './types.ts';

const ORIGIN = { index: 0, term: 0 };

function logOf(...terms: number[]): RaftLog {
  return new RaftLog(ORIGIN, entriesOf(terms));
}

function terms(log: RaftLog): number[] {
  const out: number[] = [];
  for (let at = log.firstIndex; at <= log.lastIndex; at += 1) out.push(log.term(at) ?? -1);
  return out;
}

function entry(index: number, term: number, data = ''): Entry {
  return { index, term, kind: 'normal', data: Buffer.from(data) };
}

test('an empty log ends at its offset', () => {
  const log = new RaftLog({ index: 7, term: 3 });
  assert.deepEqual(log.last, { index: 7, term: 3 });
  assert.equal(log.firstIndex, 8);
  assert.equal(log.term(7), 3);
  assert.equal(log.term(6), undefined);
  assert.equal(log.term(8), undefined);
});

test('a log with a gap is refused', () => {
  assert.throws(() => new RaftLog(ORIGIN, [entry(2, 1)]), InvariantError);
  assert.throws(() => logOf(1).append([entry(3, 1)]), InvariantError);
});

test('appends from a leader: match, extend, replace, refuse', () => {
  const cases: {
    name: string;
    prev: [number, number];
    add: [number, number][];
    covered: number | undefined;
    result: number[];
  }[] = [
    { name: 'empty, matching', prev: [3, 2], add: [], covered: 3, result: [1, 1, 2] },
    { name: 'extends', prev: [3, 2], add: [[4, 2]], covered: 4, result: [1, 1, 2, 2] },
    { name: 'has it already', prev: [1, 1], add: [[2, 1]], covered: 2, result: [1, 1, 2] },
    { name: 'replaces', prev: [2, 1], add: [[3, 3]], covered: 3, result: [1, 1, 3] },
    {
      name: 'overlaps and extends',
      prev: [1, 1],
      add: [
        [2, 1],
        [3, 2],
        [4, 4],
      ],
      covered: 4,
      result: [1, 1, 2, 4],
    },
    { name: 'replaces from the start', prev: [0, 0], add: [[1, 5]], covered: 1, result: [5] },
    {
      name: 'another term at prev',
      prev: [3, 3],
      add: [[4, 3]],
      covered: undefined,
      result: [1, 1, 2],
    },
    { name: 'too far ahead', prev: [5, 2], add: [[6, 2]], covered: undefined, result: [1, 1, 2] },
  ];
  for (const { name, prev, add, covered, result } of cases) {
    const log = logOf(1, 1, 2);
    const entries = add.map(([index, term]) => entry(index, term));
    assert.equal(log.tryAppend({ index: prev[0], term: prev[1] }, entries), covered, name);
    assert.deepEqual(terms(log), result, name);
  }
});

test('what is committed is never replaced', () => {
  const log = logOf(1, 1, 1);
  log.commitTo(2);
  assert.throws(() => log.tryAppend({ index: 1, term: 1 }, [entry(2, 2)]), InvariantError);
  assert.throws(() => log.commitTo(9), InvariantError);
});

test('replacing takes back what the disk was thought to have', () => {
  const log = logOf(1, 1, 1);
  assert.deepEqual([log.stable, log.handed], [3, 3]);
  log.tryAppend({ index: 1, term: 1 }, [entry(2, 2), entry(3, 2)]);
  assert.deepEqual([log.stable, log.handed], [1, 1]);
  assert.deepEqual(
    log.takeUnhanded().map((e) => [e.index, e.term]),
    [
      [2, 2],
      [3, 2],
    ],
  );
  assert.deepEqual(log.takeUnhanded(), []);
});

test('an acknowledgement of the disk counts only while the same entry is there', () => {
  const log = logOf();
  log.append([entry(1, 1), entry(2, 1)]);
  log.takeUnhanded();
  log.tryAppend({ index: 1, term: 1 }, [entry(2, 2)]);
  log.stableTo({ index: 2, term: 1 });
  assert.equal(log.stable, 0, 'the write of a replaced entry says nothing');
  log.stableTo({ index: 2, term: 2 });
  assert.equal(log.stable, 2);
  log.stableTo({ index: 1, term: 1 });
  assert.equal(log.stable, 2, 'never goes back');
});

test('only entries that are committed and durable are applied', () => {
  const log = logOf(1, 1);
  log.append([entry(3, 1), entry(4, 1)]);
  log.commitTo(4);
  assert.deepEqual(
    log.applicable(1e6).map((e) => e.index),
    [1, 2],
  );
  log.stableTo({ index: 4, term: 1 });
  log.appliedTo(2);
  assert.deepEqual(
    log.applicable(1e6).map((e) => e.index),
    [3, 4],
  );
  assert.equal(log.applicable(1).length, 1, 'one entry goes whatever its size');
  assert.throws(() => log.appliedTo(1), InvariantError);
  assert.throws(() => log.appliedTo(5), InvariantError);
});

test('slices respect the limit but always make progress', () => {
  const log = logOf(1, 1, 1, 1);
  const size = entryBytes(log.entry(1) ?? entry(1, 1));
  const indices = (from: number, to: number, max: number): number[] =>
    log.slice(from, to, max).map((e) => e.index);
  assert.deepEqual(indices(1, 5, 1e6), [1, 2, 3, 4]);
  assert.deepEqual(indices(2, 4, 1e6), [2, 3]);
  assert.deepEqual(indices(1, 5, size * 2), [1, 2]);
  assert.deepEqual(indices(1, 5, 1), [1]);
  assert.deepEqual(indices(5, 5, 1e6), []);
});

test('a candidate is up to date by last term, then by length', () => {
  const log = logOf(1, 2, 2);
  const cases: [number, number, boolean][] = [
    [3, 2, true],
    [4, 2, true],
    [2, 2, false],
    [1, 3, true],
    [9, 1, false],
  ];
  for (const [index, term, expected] of cases) {
    assert.equal(log.isUpToDate({ index, term }), expected, `${index}/${term}`);
  }
});

test('going back skips whole terms', () => {
  const log = logOf(1, 1, 2, 2, 4, 4);
  const cases: [index: number, term: number, at: number, own: number][] = [
    [6, 4, 6, 4],
    [6, 3, 4, 2],
    [5, 1, 2, 1],
    [9, 4, 6, 4],
    [3, 0, 0, 0],
  ];
  for (const [index, term, at, own] of cases) {
    assert.deepEqual(log.lastPointWithin(index, term), { index: at, term: own });
  }
});

test('compaction forgets applied entries only and keeps the term at the cut', () => {
  const log = logOf(1, 1, 2, 3);
  log.commitTo(3);
  log.appliedTo(3);
  const before = log.bytes;
  log.compactTo(2);
  assert.deepEqual(log.offset, { index: 2, term: 1 });
  assert.equal(log.term(2), 1);
  assert.equal(log.term(1), undefined);
  assert.deepEqual(terms(log), [2, 3]);
  assert.ok(log.bytes < before && log.bytes > 0);
  log.compactTo(1);
  assert.equal(log.offset.index, 2);
  assert.throws(() => log.compactTo(4), InvariantError);
  assert.throws(() => log.slice(2, 4, 1e6), InvariantError);
});

test('bytes follow what is kept', () => {
  const log = logOf();
  assert.equal(log.bytes, 0);
  log.append([entry(1, 1, 'abc'), entry(2, 1, 'de')]);
  assert.equal(log.bytes, entryBytes(entry(1, 1, 'abc')) + entryBytes(entry(1, 1, 'de')));
  log.tryAppend({ index: 1, term: 1 }, [entry(2, 2)]);
  assert.equal(log.bytes, entryBytes(entry(1, 1, 'abc')) + entryBytes(entry(1, 1)));
  log.restore({ index: 9, term: 4 });
  assert.deepEqual(
    [log.bytes, log.lastIndex, log.committed, log.applied, log.stable],
    [0, 9, 9, 9, 9],
  );
});

test('conf entries are found in a range, its start excluded', () => {
  const log = new RaftLog(ORIGIN, [entry(1, 1), { ...entry(2, 1), kind: 'conf' }, entry(3, 1)]);
  assert.ok(log.hasConf(0, 3));
  assert.ok(log.hasConf(1, 2));
  assert.ok(!log.hasConf(2, 3));
  assert.ok(!log.hasConf(0, 1));
});
