/** The checkers themselves: histories that are right, and the same with one thing wrong. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkHistory } from './check-history.ts';
import { checkWatch } from './check-watch.ts';
import {
  type Change,
  HistoryViolation,
  type Kv,
  type Operation,
  type Outcome,
  type Request,
  type WatchEvent,
  type WatchMessage,
  type WatchRecord,
} from './history.ts';
import { type Model, modelOf } from './model.ts';

function kv(key: string, value: string, mod: number, more: Partial<Kv> = {}): Kv {
  return { key, value, create: mod, mod, version: 1, lease: '0', ...more };
}

const A1 = kv('a', '1', 2);
const A2 = kv('a', '2', 3, { create: 2, version: 2 });
const B1 = kv('b', '1', 3, { lease: '7' });
const GONE = kv('b', '', 4, { create: 0, version: 0 });

/** Revision 2: a=1; 3: a=2 and b=1 together; 4: b deleted. */
const AGREED = new Map<number, readonly Change[]>([
  [2, [{ type: 'put', kv: A1 }]],
  [
    3,
    [
      { type: 'put', kv: A2 },
      { type: 'put', kv: B1 },
    ],
  ],
  [4, [{ type: 'delete', kv: GONE }]],
]);

function put(key: string, value: string, lease = '0') {
  return { type: 'put', key, value, lease, prevKv: false } as const;
}

function operation(request: Request, times: [number, number], outcome: Outcome): Operation {
  return { request, serializable: false, begunMs: times[0], endedMs: times[1], outcome };
}

const PUT_A = operation(put('a', '1'), [0, 1], {
  ...{ type: 'ok', revision: 2, result: { type: 'put', prev: null } },
});
const BOTH: Request = {
  ...{ type: 'txn', compare: [{ key: 'a', target: 'mod', result: '=', operand: 2 }] },
  ...{ success: [put('a', '2'), put('b', '1', '7')], failure: [] },
};
const TXN = operation(BOTH, [2, 3], {
  type: 'ok',
  revision: 3,
  result: {
    ...{ type: 'txn', succeeded: true },
    results: [
      { type: 'put', prev: null },
      { type: 'put', prev: null },
    ],
  },
});

function read(at: number, times: [number, number], kvs: readonly Kv[]): Operation {
  const request: Request = { type: 'range', key: 'a', end: 'z', revision: 0 };
  const result = { type: 'range', kvs, count: kvs.length } as const;
  return operation(request, times, { type: 'ok', revision: at, result });
}

function judge(operations: readonly Operation[], appliedAtMs?: Map<number, number>): void {
  checkHistory(modelOf(AGREED), operations, appliedAtMs && { appliedAtMs });
}

describe('the checker of histories', () => {
  it('accepts what could have happened: the lease of b ended by itself', () => {
    judge([PUT_A, TXN, read(3, [4, 5], [A2, B1]), read(4, [6, 7], [A2])]);
    judge([PUT_A, { ...TXN, endedMs: Number.POSITIVE_INFINITY, outcome: { type: 'unknown' } }]);
  });

  it('accepts the end of a lease whose keys somebody else deleted, whose fate is unknown', () => {
    const gone = { type: 'delete', key: 'b', end: '', prevKv: false } as const;
    const deletion = operation(gone, [4, Number.POSITIVE_INFINITY], { type: 'unknown' });
    const revoke = operation({ type: 'revoke', lease: '7' }, [8, 9], {
      ...{ type: 'ok', revision: 4, result: { type: 'done' } },
    });
    const seen = read(4, [6, 7], [A2]);
    judge([PUT_A, TXN, deletion, seen, revoke]);
    judge([PUT_A, TXN, deletion, revoke], new Map([[4, 5]]));
    judge([PUT_A, TXN, { ...revoke, begunMs: 4 }, seen]);
    // Too late to have made the revision, and nobody else did.
    const granted = operation({ type: 'grant', lease: '7' }, [1, 2], {
      ...{ type: 'ok', revision: 2, result: { type: 'lease', ttlMs: 2000 } },
    });
    const alone = [PUT_A, granted, TXN, revoke];
    assert.throws(() => judge(alone, new Map([[4, 5]])), HistoryViolation);
  });

  const expiry = operation({ type: 'grant', lease: '7' }, [1, 2], {
    ...{ type: 'ok', revision: 2, result: { type: 'lease', ttlMs: 2000 } },
  });
  const cases: [string, readonly Operation[], Map<number, number>?][] = [
    ['a revision out of nowhere', [PUT_A]],
    ['a write that left no trace', [PUT_A, TXN, { ...PUT_A, outcome: revisionOf(PUT_A, 9) }]],
    ['two writes that claim one revision', [PUT_A, PUT_A, TXN]],
    ['a stale read', [PUT_A, TXN, read(2, [4, 5], [A1])]],
    ['a read of half a transaction', [PUT_A, TXN, read(3, [4, 5], [A2])]],
    ['a write that went before one answered earlier', [{ ...PUT_A, begunMs: 4, endedMs: 5 }, TXN]],
    ['a lease that ended early', [PUT_A, TXN, expiry], new Map([[4, 500]])],
    ['a refused write that happened', [PUT_A, { ...TXN, outcome: { type: 'refused', why: 'x' } }]],
  ];
  for (const [what, operations, appliedAtMs] of cases) {
    it(`finds ${what}`, () => {
      assert.throws(() => judge(operations, appliedAtMs), HistoryViolation);
    });
  }

  it('finds changes that cannot follow from what was before', () => {
    const impossible = new Map(AGREED).set(5, [{ type: 'delete', kv: { ...GONE, mod: 5 } }]);
    assert.throws(() => modelOf(impossible), HistoryViolation);
    const hole = new Map(AGREED);
    hole.delete(3);
    assert.throws(() => modelOf(hole), HistoryViolation);
  });
});

function revisionOf({ outcome }: Operation, revision: number): Outcome {
  return outcome.type === 'ok' ? { ...outcome, revision } : outcome;
}

function watcher(messages: WatchMessage[], more: Partial<WatchRecord> = {}): WatchRecord {
  const base = { key: 'a', end: 'z', start: 2, prevKv: true, noPut: false, noDelete: false };
  return { ...base, messages, mustReach: 0, ...more };
}

function event(type: 'put' | 'delete', one: Kv, prev: Kv | null): WatchEvent {
  return { type, kv: one, prev };
}

const E1 = event('put', A1, null);
const E2 = event('put', A2, A1);
const E3 = event('put', B1, null);
const E4 = event('delete', GONE, B1);
const events = (...list: WatchEvent[]): WatchMessage => ({ type: 'events', events: list });
const progress = (revision: number): WatchMessage => ({ type: 'progress', revision, own: true });

function judgeWatch(record: WatchRecord, compactedUpTo = 0): void {
  const model: Model = modelOf(AGREED);
  checkWatch(model, record, { compactedUpTo });
}

describe('the checker of watches', () => {
  it('accepts whole revisions in order, in any number of messages', () => {
    judgeWatch(watcher([events(E1), events(E2, E3), progress(3), events(E4)], { mustReach: 4 }));
    judgeWatch(watcher([events(E1, E2, E3, E4), progress(4)]));
    judgeWatch(watcher([events(E4)], { start: 4 }));
    judgeWatch(watcher([events({ ...E4, prev: null })], { start: 4 }), 4);
  });

  it('expects nothing more of a watcher that was cancelled because its history is gone', () => {
    const compacted: WatchMessage = { type: 'compacted', compactRevision: 4 };
    judgeWatch(watcher([compacted], { mustReach: 4 }), 4);
    judgeWatch(watcher([events(E1), compacted], { mustReach: 4 }), 4);
    const goesOn = watcher([events(E1), compacted, events(E2, E3)], { mustReach: 4 });
    assert.throws(() => judgeWatch(goesOn, 4), /after its end/);
    const hole = watcher([events(E1), progress(3), compacted], { mustReach: 4 });
    assert.throws(() => judgeWatch(hole, 4), HistoryViolation);
  });

  const cases: [string, WatchRecord][] = [
    ['events out of order', watcher([events(E2, E3), events(E1)])],
    ['an event twice', watcher([events(E1), events(E1)])],
    ['an event lost in between', watcher([events(E1), events(E4)])],
    ['an event lost at the end', watcher([events(E1)], { mustReach: 4 })],
    ['a revision in two messages', watcher([events(E1), events(E2), events(E3)])],
    ['half a revision', watcher([events(E1), events(E2), events(E4)])],
    ['an event after the progress that covers it', watcher([progress(3), events(E1)])],
    ['progress that skips events', watcher([events(E1), progress(3)])],
    ['progress from before the start', watcher([progress(2)], { start: 9 })],
    ['a wrong previous value', watcher([events(E1), events({ ...E2, prev: null }, E3)])],
    ['an event before the start', watcher([events(E1)], { start: 3 })],
    ['an unneeded refusal', watcher([events(E1), { type: 'compacted', compactRevision: 2 }])],
  ];
  for (const [what, record] of cases) {
    it(`finds ${what}`, () => {
      assert.throws(() => judgeWatch(record), HistoryViolation);
    });
  }
});
