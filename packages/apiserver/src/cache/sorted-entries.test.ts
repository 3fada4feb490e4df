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
