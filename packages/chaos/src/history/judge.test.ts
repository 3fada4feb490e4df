/** The judge's own rules; those of the store's checkers are tested beside them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Kv, Operation, WatchEvent, WatchRecord } from '@kubets/etcd/testing';
import { ChaosError } from '../errors.ts';
import type { LeaseRecord } from '../ports.ts';
import { readHistory, writeHistory } from './file.ts';
import { judge } from './judge.ts';
import type { History } from './records.ts';

function kv(key: string, value: string, mod: number, extra: Partial<Kv> = {}): Kv {
  return { key, value, create: mod, mod, version: 1, lease: '0', ...extra };
}

const put = (one: Kv, prev: Kv | null = null): WatchEvent => ({ type: 'put', kv: one, prev });
const gone = (prev: Kv, mod: number): WatchEvent => ({
  type: 'delete',
  kv: { key: prev.key, value: '', create: 0, mod, version: 0, lease: '0' },
  prev,
});

function watcher(...events: WatchEvent[]): WatchRecord {
  const messages = events.map((event) => ({ type: 'events' as const, events: [event] }));
  const flags = { prevKv: true, noPut: false, noDelete: false };
  return {
    key: 'a',
    end: 'z',
    start: 1,
    ...flags,
    messages,
    mustReach: events.at(-1)?.kv.mod ?? 0,
  };
}

/** A put that was acknowledged, or whose fate is unknown. */
function wrote(key: string, value: string, revision: number | undefined, lease = '0'): Operation {
  return {
    request: { type: 'put', key, value, lease, prevKv: false },
    serializable: false,
    begunMs: (revision ?? 0) * 10,
    endedMs: revision === undefined ? Number.POSITIVE_INFINITY : revision * 10 + 5,
    outcome:
      revision === undefined
        ? { type: 'unknown' }
        : { type: 'ok', revision, result: { type: 'put', prev: null } },
  };
}

function history(parts: Partial<History>): History {
  return {
    facts: {
      ...{ scenario: 'failover', target: 'kubets', seed: 1, faultsWanted: 0, startedAt: '' },
      ...{ startedMs: 0, endedMs: 1_000, members: ['m1'], idle: [] },
    },
    ...{ operations: [], watches: [watcher()], leases: [], faults: [], leaders: [] },
    ...{ seenMs: new Map(), bankTotal: undefined, complaints: [] },
    ...parts,
  };
}

test('a history in order is in order', () => {
  const verdict = judge(
    history({
      operations: [wrote('reg/0', 'v1', 2), wrote('reg/1', 'v2', undefined)],
      watches: [watcher(put(kv('reg/0', 'v1', 2)), put(kv('reg/1', 'v2', 3)))],
    }),
  );
  assert.deepEqual(verdict.violations, []);
  assert.ok(verdict.ok && verdict.acknowledged === 1 && verdict.unknown === 1);
});

test('an acknowledged write that no watcher saw is lost', () => {
  const verdict = judge(
    history({
      operations: [wrote('reg/0', 'v1', 2), wrote('reg/0', 'v2', 3)],
      watches: [watcher(put(kv('reg/0', 'v1', 2)))],
    }),
  );
  assert.match(verdict.violations[0] ?? '', /revision that is gone/);
});

test('in a run that ended in trouble, what nobody could see is not called lost', () => {
  const verdict = judge(
    history({
      operations: [wrote('reg/0', 'v1', 2), wrote('reg/0', 'v2', 3)],
      watches: [watcher(put(kv('reg/0', 'v1', 2)))],
      complaints: ['m1 does not serve'],
    }),
  );
  assert.deepEqual(verdict.violations, ['m1 does not serve']);
  assert.equal(verdict.ok, false);
});

test('in a run that ended in trouble, those who watched one after the other tell what was', () => {
  const [one, two, three] = [2, 3, 4].map((mod) => kv(`reg/${mod}`, `v${mod}`, mod));
  assert.ok(one && two && three);
  const later = { ...watcher(put(two), put(three)), start: 3 };
  const parts = {
    operations: [wrote('reg/2', 'v2', 2), wrote('reg/3', 'v3', 3), wrote('reg/4', 'v4', 4)],
    complaints: ['m1 does not serve'],
  };
  const verdict = judge(history({ ...parts, watches: [watcher(put(one), put(two)), later] }));
  assert.deepEqual(verdict.violations, ['m1 does not serve']);
  assert.equal(verdict.revisions, 4);
  const wrong = { ...watcher(put(two), put({ ...three, value: 'other' })), start: 3 };
  const other = judge(history({ ...parts, watches: [watcher(put(one), put(two)), wrong] }));
  assert.equal(other.violations.length, 2, 'what they tell is still judged');
});

test('a change nobody asked for is noticed, and one that was made twice', () => {
  const first = kv('reg/0', 'v1', 2);
  const second = { ...kv('reg/0', 'v1', 3), create: 2, version: 2 };
  const watches = [watcher(put(first), put(second, first))];
  const verdict = judge(history({ operations: [wrote('reg/0', 'v1', 2)], watches }));
  assert.match(verdict.violations[0] ?? '', /nobody made revision 3/);
});

test('a lease that ends before its time is noticed, one that ends after it is not', () => {
  const held = kv('lease/0', 'v1', 2, { lease: '77' });
  const lease: LeaseRecord = {
    ...{ lease: '77', ttlMs: 2_000, renewedMs: 100, revoked: false, keys: ['lease/0'] },
  };
  const parts = {
    operations: [wrote('lease/0', 'v1', 2, '77')],
    watches: [watcher(put(held), gone(held, 3))],
    leases: [lease],
  };
  const seenAt = (ms: number) => new Map([2, 3].map((revision) => [revision, ms] as const));
  assert.equal(judge(history({ ...parts, seenMs: seenAt(2_101) })).ok, true);
  const early = judge(history({ ...parts, seenMs: seenAt(1_900) }));
  assert.match(early.violations[0] ?? '', /a lease ended 200 ms before its time/);
  const revoked = { ...parts, leases: [{ ...lease, revoked: true }], seenMs: seenAt(1_900) };
  assert.equal(judge(history(revoked)).ok, true);
});

test('money that is lost between two accounts is noticed', () => {
  const operations = [wrote('bank/0', '100', 2), wrote('bank/1', '90', 3)];
  const watches = [watcher(put(kv('bank/0', '100', 2)), put(kv('bank/1', '90', 3)))];
  const verdict = judge(history({ operations, watches, bankTotal: 190 }));
  assert.match(verdict.violations[0] ?? '', /the bank holds 100 instead of 190 at revision 2/);
});

test('a history comes back from its file as it was', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kubets-chaos-test-'));
  try {
    const file = join(dir, 'history.ndjson');
    const before = history({
      operations: [wrote('reg/0', 'v1', 2), wrote('reg/1', 'v2', undefined)],
      watches: [watcher(put(kv('reg/0', 'v1', 2)))],
      leaders: [{ atMs: 1, leader: 'm1', term: 2 }],
      seenMs: new Map([[2, 25]]),
      bankTotal: 600,
      complaints: ['something'],
    });
    await writeHistory(file, before);
    assert.deepEqual(await readHistory(file), before);
    writeFileSync(file, '{"run":{}}\nnonsense\n');
    await assert.rejects(readHistory(file), (error) => {
      return error instanceof ChaosError && error.message.includes(`${file}:2`);
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
