import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { at, controllerRef, NOW_MS, pod, replicaSet } from '../testing/builders.ts';
import { adoptedRefs, decideClaims, releasedRefs } from './claim.ts';
import { type ConditionLike, withCondition } from './conditions.ts';
import { fnv1a32, safeHash, shortHash } from './hash.ts';
import { canonicalJson, sameJson } from './json.ts';
import { formatTime, parseTime, splitKey } from './meta.ts';
import { compareForDeletion, isActive, isAvailable, POD_DELETION_COST } from './pods.ts';

describe('json', () => {
  const same: [unknown, unknown, boolean][] = [
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: null }, {}, true],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 2] } }, true],
    [{ a: [1, 2] }, { a: [2, 1] }, false],
    [{ a: 0 }, {}, false],
    [{ a: '' }, {}, false],
    [[], {}, false],
    [1, '1', false],
    [undefined, null, true],
  ];
  for (const [a, b, expected] of same) {
    it(`${JSON.stringify(a)} and ${JSON.stringify(b)}: ${expected}`, () => {
      assert.equal(sameJson(a, b), expected);
      assert.equal(sameJson(b, a), expected);
    });
  }

  it('has one canonical text for equal values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const reordered = reverseKeys(value);
        assert.equal(canonicalJson(reordered), canonicalJson(value));
        assert.ok(sameJson(reordered, value));
      }),
    );
  });
});

function reverseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, field]) => [key, reverseKeys(field)]));
}

describe('hashes', () => {
  it('are FNV-1a', () => {
    assert.equal(fnv1a32(''), 0x811c9dc5);
    assert.equal(fnv1a32('a'), 0xe40c292c);
    assert.equal(fnv1a32('foobar'), 0xbf9cf968);
  });

  it('may stand in names', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.match(safeHash(value), /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
        assert.match(shortHash(value, 5), /^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
      }),
    );
  });

  it('differ with a salt', () => assert.notEqual(safeHash({ a: 1 }), safeHash({ a: 1 }, 1)));
});

describe('times and keys', () => {
  it('are whole seconds in UTC', () => {
    assert.equal(formatTime(NOW_MS + 999), '2026-01-02T03:04:05Z');
    assert.equal(parseTime('2026-01-02T03:04:05Z'), NOW_MS);
    assert.equal(parseTime(undefined), 0);
    assert.equal(parseTime('soon'), 0);
  });

  it('split keys', () => {
    assert.deepEqual(splitKey('ns/name'), { namespace: 'ns', name: 'name' });
    assert.deepEqual(splitKey('name'), { namespace: '', name: 'name' });
  });
});

describe('conditions', () => {
  const old: ConditionLike = {
    type: 'A',
    status: 'True',
    reason: 'Old',
    lastTransitionTime: 'then',
  };

  it('that say the same are left alone', () => {
    const next = { ...old, message: 'other words', lastTransitionTime: 'now' };
    assert.deepEqual(withCondition([old], next), [old]);
  });

  it('keep their transition time while the status stays', () => {
    const next = { ...old, reason: 'New', lastTransitionTime: 'now' };
    assert.deepEqual(withCondition([old], next), [{ ...next, lastTransitionTime: 'then' }]);
  });

  it('are replaced when the status changes, others stay', () => {
    const other = { type: 'B', status: 'True' };
    const next = { ...old, status: 'False', lastTransitionTime: 'now' };
    assert.deepEqual(withCondition([old, other], next), [other, next]);
  });
});

describe('pods', () => {
  it('count while they are neither finished nor going', () => {
    assert.equal(isActive(pod()), true);
    assert.equal(isActive(pod({ phase: 'Succeeded' })), false);
    assert.equal(isActive(pod({ phase: 'Failed' })), false);
    assert.equal(isActive(pod({ meta: { deletionTimestamp: at(0) } })), false);
  });

  it('are available once ready for long enough', () => {
    assert.equal(isAvailable(pod(), 0, NOW_MS), false);
    assert.equal(isAvailable(pod({ readyAt: 0 }), 0, NOW_MS), true);
    assert.equal(isAvailable(pod({ readyAt: -9 }), 10, NOW_MS), false);
    assert.equal(isAvailable(pod({ readyAt: -10 }), 10, NOW_MS), true);
  });

  const firstToGo: [string, ReturnType<typeof pod>, ReturnType<typeof pod>][] = [
    ['unscheduled', pod({ phase: 'Pending' }), pod({ phase: 'Pending', node: 'n' })],
    ['pending', pod({ node: 'n', phase: 'Pending' }), pod({ node: 'n' })],
    ['not ready', pod({ node: 'n' }), pod({ node: 'n', readyAt: -50 })],
    [
      'cheap',
      pod({ node: 'n', readyAt: -50, meta: { annotations: { [POD_DELETION_COST]: '-5' } } }),
      pod({ node: 'n', readyAt: -50 }),
    ],
    ['recently ready', pod({ node: 'n', readyAt: -2 }), pod({ node: 'n', readyAt: -90 })],
    [
      'young',
      pod({ node: 'n', meta: { creationTimestamp: at(-3) } }),
      pod({ node: 'n', meta: { creationTimestamp: at(-900) } }),
    ],
  ];
  for (const [what, first, second] of firstToGo) {
    it(`that are ${what} go first`, () => {
      const facts = { nowMs: NOW_MS, onSameNode: () => 0 };
      assert.ok(compareForDeletion(first, second, facts) < 0);
      assert.ok(compareForDeletion(second, first, facts) > 0);
    });
  }

  it('on crowded nodes go first', () => {
    const [crowded, alone] = [pod({ node: 'a', readyAt: -50 }), pod({ node: 'b', readyAt: -50 })];
    const onSameNode = (p: typeof crowded): number => (p === crowded ? 3 : 1);
    assert.ok(compareForDeletion(crowded, alone, { nowMs: NOW_MS, onSameNode }) < 0);
  });
});

describe('claims', () => {
  const owner = replicaSet('web');
  const selects = (p: ReturnType<typeof pod>): boolean => p.metadata.labels?.app === 'web';
  const labels = { app: 'web' };
  const mine = pod({ meta: { labels, ownerReferences: [controllerRef(owner)] } });
  const stray = pod({ meta: { ownerReferences: [controllerRef(owner)] } });
  const orphan = pod({ meta: { labels } });
  const going = pod({ meta: { labels, deletionTimestamp: at(0) } });
  const other = pod({ meta: { labels, ownerReferences: [controllerRef(replicaSet('api'))] } });
  const all = [mine, stray, orphan, going, other];

  it('follow the controller reference, then the selector', () => {
    const claims = decideClaims(owner, all, selects);
    assert.deepEqual(claims, { owned: [mine], adopt: [orphan], release: [stray] });
  });

  it('take and let go of nothing once the owner is going', () => {
    const leaving = { ...owner, metadata: { ...owner.metadata, deletionTimestamp: at(0) } };
    const claims = decideClaims(leaving, all, selects);
    assert.deepEqual(claims, { owned: [mine], adopt: [], release: [] });
  });

  it('write references that keep those of others', () => {
    const shared = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'c' };
    const object = pod({ meta: { ownerReferences: [shared] } });
    const kind = { apiVersion: 'apps/v1', kind: 'ReplicaSet' };
    const refs = adoptedRefs(object, owner, kind);
    assert.deepEqual(refs, [shared, controllerRef(owner)]);
    object.metadata.ownerReferences = refs;
    assert.deepEqual(releasedRefs(object, owner), [shared]);
  });
});
