import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Loose, messageType, type RangeRequest } from '../codec/index.ts';
import { isKnownSort, runRange, toRevision } from './range.ts';
import { MvccStore } from './store.ts';
import { inInterval, intervalOf, isSingleKey, keyName } from './types.ts';

const RANGE = messageType<RangeRequest>('etcdserverpb.RangeRequest');
type Range = Exclude<Loose<RangeRequest>, Uint8Array>;
const b = (text: string): Buffer => Buffer.from(text);
const ALL = { key: Buffer.of(0), rangeEnd: Buffer.of(0) };
const SORT = { ascend: 1, descend: 2 } as const;
const TARGET = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

/** Keys a–d, created in the order d c b a (revisions 2–5), then c and d put again (6, 7). */
function filled(): MvccStore {
  const store = new MvccStore();
  for (const [key, value] of ['d4', 'c1', 'b3', 'a2', 'c9', 'd0'].map((t) => [...t])) {
    const txn = store.begin();
    txn.put(b(key ?? ''), b(value ?? ''), 0n);
    store.end(txn);
  }
  return store;
}

function run(request: Range) {
  return runRange(filled(), RANGE.decode(RANGE.encode({ ...ALL, ...request })));
}

const keysOf = (request: Range): string =>
  run(request)
    .kvs.map((v) => v.key)
    .join('');

describe('order', () => {
  const cases: readonly (readonly [string, Range, string])[] = [
    ['by key as they come', {}, 'abcd'],
    ['by key descending', { sortOrder: SORT.descend }, 'dcba'],
    ['by key ascending', { sortOrder: SORT.ascend }, 'abcd'],
    ['by creation', { sortTarget: TARGET.create, sortOrder: SORT.ascend }, 'dcba'],
    ['by last change', { sortTarget: TARGET.mod, sortOrder: SORT.ascend }, 'bacd'],
    ['by last change descending', { sortTarget: TARGET.mod, sortOrder: SORT.descend }, 'dcab'],
    ['by value', { sortTarget: TARGET.value, sortOrder: SORT.ascend }, 'dabc'],
    ['by version', { sortTarget: TARGET.version, sortOrder: SORT.ascend }, 'abcd'],
    ['a target alone means ascending', { sortTarget: TARGET.value }, 'dabc'],
  ];
  for (const [what, request, expected] of cases) {
    it(what, () => assert.equal(keysOf(request), expected));
  }

  it('comes before the limit', () => {
    const { kvs, more, count } = run({ sortTarget: TARGET.mod, sortOrder: SORT.descend, limit: 1 });
    assert.deepEqual([kvs[0]?.key.toString(), more, count], ['d', true, 4]);
  });

  it('that is unknown is not known', () => {
    assert.ok(isKnownSort({ sortOrder: 2, sortTarget: 4 }));
    assert.ok(!isKnownSort({ sortOrder: 3, sortTarget: 0 }));
    assert.ok(!isKnownSort({ sortOrder: 0, sortTarget: 5 }));
  });
});

describe('filters', () => {
  const cases: readonly (readonly [string, Range, string])[] = [
    ['changed at or after', { minModRevision: 5 }, 'acd'],
    ['changed at or before', { maxModRevision: 5 }, 'ab'],
    ['created at or after', { minCreateRevision: 4 }, 'ab'],
    ['created at or before', { maxCreateRevision: 3 }, 'cd'],
    ['several', { minModRevision: 5, maxCreateRevision: 4 }, 'cd'],
    ['nothing passes', { minModRevision: 99 }, ''],
  ];
  for (const [what, request, expected] of cases) {
    it(what, () => {
      assert.equal(keysOf(request), expected);
      assert.equal(run(request).count, 4, 'the count is of the interval');
    });
  }

  it('come before the limit', () => {
    const limited = run({ minModRevision: 5, limit: 2 });
    assert.deepEqual([limited.kvs.length, limited.more], [2, true]);
    const exact = run({ minModRevision: 5, limit: 3 });
    assert.deepEqual([exact.kvs.length, exact.more], [3, false]);
  });
});

describe('what is returned', () => {
  it('can be limited, counted, or without values', () => {
    assert.deepEqual([run({ limit: 3 }).more, run({ limit: 4 }).more], [true, false]);
    assert.deepEqual(run({ countOnly: true }), { kvs: [], count: 4, more: false });
    const { kvs } = run({ keysOnly: true });
    assert.ok(kvs.every((v) => v.value.length === 0 && v.modRevision > 0));
  });

  it('is of the revision asked for', () => {
    assert.equal(keysOf({ revision: 3 }), 'cd');
    assert.equal(keysOf({ revision: -1 }), 'abcd');
  });
});

describe('revisions from clients', () => {
  it('are not rounded into the present', () => {
    assert.equal(toRevision(-5n), 0);
    assert.equal(toRevision(7n), 7);
    assert.ok(toRevision(2n ** 63n - 1n) > Number.MAX_SAFE_INTEGER);
  });
});

describe('intervals', () => {
  it('are one key, up to an end, or without end', () => {
    assert.ok(isSingleKey(intervalOf(b('a'), b(''))));
    assert.ok(!isSingleKey(intervalOf(b('a'), b('b'))));
    assert.equal(intervalOf(b('a'), Buffer.of(0)).to, undefined);
    const range = intervalOf(b('b'), b('d'));
    const within = ['a', 'b', 'c', 'c\xff', 'd'].map((name) => inInterval(name, range));
    assert.deepEqual(within, [false, true, true, true, false]);
  });

  it('name keys by their bytes', () => {
    const key = Buffer.from([0, 0x7f, 0x80, 0xff]);
    assert.equal(Buffer.from(keyName(key), 'latin1').equals(key), true);
    assert.equal(keyName(new Uint8Array(key)), keyName(key));
  });
});
