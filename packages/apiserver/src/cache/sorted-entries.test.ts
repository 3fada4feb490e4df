import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CacheEntry } from './entry.ts';
import { SortedEntries } from './sorted-entries.ts';

const entry = (key: string, node?: string): CacheEntry => ({
  key,
  namespace: '',
  name: key,
  revision: 1n,
  bytes: Buffer.alloc(0),
  metadataAt: 0,
  labels: {},
  fields: node === undefined ? {} : { node },
  parsed: undefined,
});

const keys = (entries: readonly CacheEntry[] | undefined): string[] | undefined =>
  entries?.map((each) => each.key);

describe('sorted entries', () => {
  it('come in key order whatever the order of arrival', () => {
    const sorted = new SortedEntries();
    for (const key of ['b/2', 'a/9', 'b/1', 'c/1', 'a/1']) sorted.set(entry(key));
    assert.deepEqual(keys(sorted.withPrefix('')), ['a/1', 'a/9', 'b/1', 'b/2', 'c/1']);
    assert.deepEqual(keys(sorted.withPrefix('b/')), ['b/1', 'b/2']);
    assert.deepEqual(keys(sorted.withPrefix('d/')), []);
  });

  it('are found by an indexed field, through changes of it', () => {
    const sorted = new SortedEntries(['node']);
    sorted.set(entry('b', 'n1'));
    sorted.set(entry('a', 'n1'));
    sorted.set(entry('c', 'n2'));
    assert.deepEqual(keys(sorted.withField('node', 'n1')), ['a', 'b']);
    sorted.set(entry('b', 'n2'));
    assert.deepEqual(keys(sorted.withField('node', 'n1')), ['a']);
    assert.deepEqual(keys(sorted.withField('node', 'n2')), ['b', 'c']);
    sorted.delete('a');
    assert.deepEqual(keys(sorted.withField('node', 'n1')), []);
    assert.equal(sorted.withField('other', 'x'), undefined);
  });

  it('gives the entry that was replaced or removed', () => {
    const sorted = new SortedEntries();
    const first = entry('a');
    assert.equal(sorted.set(first), undefined);
    const second = entry('a');
    assert.equal(sorted.set(second), first);
    assert.equal(sorted.delete('a'), second);
    assert.equal(sorted.delete('a'), undefined);
    assert.equal(sorted.size, 0);
  });

  it('forgets keys that came and went though nobody reads a range', () => {
    const sorted = new SortedEntries();
    sorted.set(entry('stays'));
    for (let i = 0; i < 20_000; i += 1) {
      sorted.set(entry(`event/${i}`));
      sorted.delete(`event/${i}`);
      assert.ok(sorted.unsettled <= 1_025, `${sorted.unsettled} after ${i}`);
    }
    assert.deepEqual(keys(sorted.withPrefix('')), ['stays']);
    assert.equal(sorted.unsettled, 0);
  });

  it('puts many keys that came and went in place at once', () => {
    const sorted = new SortedEntries();
    const name = (i: number): string => `k/${String((i * 7_919) % 1_000).padStart(4, '0')}`;
    for (let i = 0; i < 1_000; i += 1) sorted.set(entry(name(i)));
    assert.equal(sorted.withPrefix('k/').length, 1_000);
    for (let i = 0; i < 1_000; i += 2) sorted.delete(name(i));
    // Some come back before anybody has looked, some come and go again, some are new.
    for (let i = 0; i < 200; i += 4) sorted.set(entry(name(i)));
    for (let i = 0; i < 100; i += 4) sorted.delete(name(i));
    for (const key of ['a/1', 'k/05', 'z/1']) sorted.set(entry(key));
    for (const key of ['k/05', 'z/1']) sorted.delete(key);
    const gone = (i: number): boolean => i % 2 === 0 && (i < 100 || i >= 200 || i % 4 !== 0);
    const left = Array.from({ length: 1_000 }, (_, i) => i).filter((i) => !gone(i));
    assert.deepEqual(keys(sorted.withPrefix('')), ['a/1', ...left.map(name).sort()]);
    assert.equal(sorted.size, left.length + 1);
  });

  it('is the same as sorting a map, for any history', () => {
    const name = fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2', 'c/1', 'c');
    const step = fc.record({ name, remove: fc.boolean(), node: fc.constantFrom('x', 'y') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const sorted = new SortedEntries(['node']);
        const model = new Map<string, string>();
        for (const each of steps) {
          if (each.remove) {
            sorted.delete(each.name);
            model.delete(each.name);
          } else {
            sorted.set(entry(each.name, each.node));
            model.set(each.name, each.node);
          }
        }
        const expected = [...model.keys()].sort();
        assert.deepEqual(keys(sorted.withPrefix('')), expected);
        const onX = expected.filter((key) => model.get(key) === 'x');
        assert.deepEqual(keys(sorted.withField('node', 'x')), onX);
        const again = new SortedEntries(['node']);
        again.reset(sorted.withPrefix('').toReversed());
        assert.deepEqual(keys(again.withPrefix('')), expected);
        assert.deepEqual(keys(again.withField('node', 'x')), onX);
      }),
    );
  });
});
