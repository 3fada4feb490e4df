/** The store against a naive model: a list of everything that was ever written, searched from the end. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Random, seededRandom } from '@kubets/platform';
import { MvccStore } from './store.ts';
import { intervalOf } from './types.ts';

interface Write {
  readonly revision: number;
  readonly key: string;
  readonly value: string | undefined;
}

class Model {
  readonly writes: Write[] = [];
  revision = 1;

  at(key: string, revision: number): string | undefined {
    return this.writes.findLast((w) => w.key === key && w.revision <= revision)?.value;
  }

  range(from: string, end: string | undefined, revision: number): string[] {
    const keys = [...new Set(this.writes.map((w) => w.key))].sort();
    return keys
      .filter((k) => k >= from && (end === undefined || k < end))
      .filter((k) => this.at(k, revision) !== undefined)
      .map((k) => `${k}=${this.at(k, revision)}`);
  }
}

function key(random: Random): string {
  return `k${random.int(30)}`;
}

function step(random: Random, store: MvccStore, model: Model): void {
  const txn = store.begin();
  const touched = new Set<string>();
  for (let i = random.int(3); i >= 0; i--) {
    const k = key(random);
    if (touched.has(k)) continue;
    touched.add(k);
    if (random.next() < 0.3) {
      const [gone] = txn.deleteRange(intervalOf(Buffer.from(k), Buffer.alloc(0)));
      if (gone) model.writes.push({ revision: txn.revision, key: k, value: undefined });
    } else {
      const value = `${txn.revision}.${i}`;
      txn.put(Buffer.from(k), Buffer.from(value), 0n);
      model.writes.push({ revision: txn.revision, key: k, value });
    }
  }
  store.end(txn);
  model.revision = store.revision;
}

function compareAt(random: Random, store: MvccStore, model: Model): void {
  const oldest = Math.max(1, store.compactRevision);
  const revision = oldest + random.int(store.revision - oldest + 1);
  const [from = '', to = ''] = [key(random), key(random)].sort();
  const end = random.next() < 0.2 ? undefined : to;
  const interval = intervalOf(
    Buffer.from(from),
    end === undefined ? Buffer.of(0) : Buffer.from(end),
  );
  if (end === from) return;
  const { versions, count } = store.scan(interval, { revision, limit: 0, countOnly: false });
  const expected = model.range(from, end, revision);
  assert.deepEqual(
    versions.map((v) => `${v.key}=${v.value}`),
    expected,
  );
  assert.equal(count, expected.length);
  const limited = store.scan(interval, { revision, limit: 2, countOnly: false });
  assert.equal(limited.count, expected.length);
  assert.equal(
    store.scan(interval, { revision, limit: 0, countOnly: true }).count,
    expected.length,
  );
}

describe('the store and its model', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`agree on every revision that is not compacted (seed ${seed})`, () => {
      const random = seededRandom(seed);
      const store = new MvccStore();
      const model = new Model();
      for (let i = 0; i < 400; i++) {
        step(random, store, model);
        if (random.next() < 0.02 && store.revision > store.compactRevision + 5) {
          store.compact(Math.max(store.compactRevision + 1, store.revision - random.int(30)));
        }
        compareAt(random, store, model);
      }
      const changes = store.changesFrom(Math.max(0, store.compactRevision), 1e9);
      const expected = model.writes.filter((w) => w.revision >= store.compactRevision);
      assert.deepEqual(
        changes.map((c) => `${c.version.key}@${c.version.modRevision}`),
        expected.map((w) => `${w.key}@${w.revision}`),
      );
    });
  }
});
