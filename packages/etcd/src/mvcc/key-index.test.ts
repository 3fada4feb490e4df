import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@kubets/platform';
import { KeyIndex } from './key-index.ts';
import { StoredVersion } from './stored-version.ts';

function version(name: string, modRevision: number, tombstone = false): StoredVersion {
  const numbers = { createRevision: 1, modRevision, sub: 0, version: tombstone ? 0 : 1 };
  return new StoredVersion({ name, ...numbers, lease: 0n }, Buffer.alloc(0));
}

/** @returns what was the key's newest version before */
function add(index: KeyIndex, one: StoredVersion): StoredVersion | undefined {
  let before: StoredVersion | undefined;
  const entry = index.append(one, ({ newest }) => {
    before = newest;
  });
  assert.equal(entry.newest, one);
  return before;
}

function names(index: KeyIndex, from: string, to: string | undefined): string[] {
  const out: string[] = [];
  index.forEach({ from, to }, (entry) => {
    out.push(entry.name);
    return true;
  });
  return out;
}

describe('the key index', () => {
  for (const order of ['ascending', 'descending', 'random'] as const) {
    it(`keeps thousands of keys sorted when they arrive ${order}`, () => {
      const random = seededRandom(3);
      const keys = Array.from({ length: 5000 }, (_, i) => `k${String(i).padStart(6, '0')}`);
      const arriving = [...keys];
      if (order === 'descending') arriving.reverse();
      if (order === 'random') arriving.sort(() => random.next() - 0.5);
      const index = new KeyIndex();
      for (const [i, name] of arriving.entries()) add(index, version(name, i + 2));
      assert.deepEqual(names(index, '', undefined), keys);
      assert.deepEqual(names(index, 'k001000', 'k001003'), ['k001000', 'k001001', 'k001002']);
      assert.deepEqual(names(index, 'k0009995', 'k001001'), ['k001000']);
      assert.equal(index.countAlive({ from: '', to: undefined }), 5000);
      assert.equal(index.countAlive({ from: 'k001000', to: 'k004000' }), 3000);
    });
  }

  it('finds what was looked for before it came, before it went, and while others came and went', () => {
    const index = new KeyIndex();
    const random = seededRandom(11);
    const here = new Set<string>();
    for (let i = 0; i < 6000; i += 1) {
      const [name, other] = [`k${random.int(2000)}`, `k${random.int(2000)}`];
      assert.equal(index.get(name)?.name, here.has(name) ? name : undefined);
      if (here.has(other)) {
        add(index, version(other, 2 * i + 2, true));
        index.remove(other);
        here.delete(other);
      } else {
        add(index, version(other, 2 * i + 2));
        here.add(other);
      }
      assert.equal(index.get(name)?.name, here.has(name) ? name : undefined);
    }
    assert.deepEqual(names(index, '', undefined), [...here].sort());
  });

  it('counts the living through deaths and rebirths', () => {
    const index = new KeyIndex();
    const all = { from: '', to: undefined };
    for (let i = 0; i < 1200; i++) add(index, version(`k${i}`, i + 2));
    for (let i = 0; i < 1200; i += 2) add(index, version(`k${i}`, i + 5000, true));
    assert.equal(index.countAlive(all), 600);
    add(index, version('k0', 9000));
    add(index, version('k0', 9001));
    assert.equal(index.countAlive(all), 601);
    index.remove('k2');
    assert.equal(index.get('k2'), undefined);
    assert.equal(index.countAlive(all), 601);
    assert.equal(index.size, 1199);
  });

  it('finds keys that were never asked for, and none that are gone', () => {
    const index = new KeyIndex();
    const random = seededRandom(4);
    const known = new Map<string, StoredVersion>();
    for (let i = 0; i < 20_000; i++) {
      const name = `k${random.int(3000)}`;
      const held = known.get(name);
      assert.equal(index.get(name)?.newest, held);
      if (held?.tombstone) {
        index.remove(name);
        known.delete(name);
        continue;
      }
      const one = version(name, i + 2, held !== undefined && random.int(2) === 0);
      assert.equal(add(index, one), held);
      known.set(name, one);
      assert.equal(index.size, known.size);
    }
    for (const [name, one] of known) assert.equal(index.get(name)?.newest, one);
  });

  it('stops visiting when told to', () => {
    const index = new KeyIndex();
    for (const name of ['a', 'b', 'c']) add(index, version(name, 2));
    let seen = 0;
    index.forEach({ from: '', to: undefined }, () => ++seen < 2);
    assert.equal(seen, 2);
  });
});
