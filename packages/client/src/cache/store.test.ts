import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { IndexedStore } from './store.ts';

interface Thing {
  key: string;
  tags: string[];
}

const byTag = { tag: (thing: Thing) => thing.tags };

describe('IndexedStore', () => {
  it('finds objects by key and by every value of an index', () => {
    const store = new IndexedStore<Thing>(byTag);
    store.put('a', { key: 'a', tags: ['x', 'y'] });
    store.put('b', { key: 'b', tags: ['y'] });
    assert.equal(store.get('a')?.key, 'a');
    assert.deepEqual(
      store.byIndex('tag', 'y').map(({ key }) => key),
      ['a', 'b'],
    );
    assert.deepEqual(store.byIndex('tag', 'none'), []);
  });

  it('takes a changed object out of the values it no longer has', () => {
    const store = new IndexedStore<Thing>(byTag);
    store.put('a', { key: 'a', tags: ['x'] });
    store.put('a', { key: 'a', tags: ['z'] });
    assert.deepEqual(store.byIndex('tag', 'x'), []);
    assert.equal(store.byIndex('tag', 'z').length, 1);
    assert.equal(store.remove('a')?.key, 'a');
    assert.deepEqual(store.byIndex('tag', 'z'), []);
    assert.equal(store.remove('a'), undefined);
  });

  it('refuses an index that does not exist', () => {
    assert.throws(() => new IndexedStore<Thing>().byIndex('tag', 'x'), RangeError);
  });

  it('agrees with a plain scan after any changes', () => {
    const change = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      tags: fc.option(fc.uniqueArray(fc.constantFrom('x', 'y', 'z'))),
    });
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const store = new IndexedStore<Thing>(byTag);
        const model = new Map<string, Thing>();
        for (const { key, tags } of changes) {
          if (tags === null) {
            store.remove(key);
            model.delete(key);
          } else {
            store.put(key, { key, tags });
            model.set(key, { key, tags });
          }
        }
        for (const tag of ['x', 'y', 'z']) {
          const expected = [...model.values()].filter(({ tags }) => tags.includes(tag));
          const found = store.byIndex('tag', tag);
          assert.deepEqual(
            new Set(found.map(({ key }) => key)),
            new Set(expected.map(({ key }) => key)),
          );
        }
        assert.equal(store.size, model.size);
      }),
    );
  });
});
