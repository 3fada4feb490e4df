import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReadBatcher } from './read-batcher.ts';
import type { StoreRead } from './store.ts';

/** A store whose answers come when the test lets them. */
function scene(o: { concurrency: number; maxKeys: number }) {
  const asked: { keys: readonly string[]; answer(): void; fail(error: Error): void }[] = [];
  const reads = new ReadBatcher({
    ...o,
    readMany(keys) {
      const { promise, resolve, reject } = Promise.withResolvers<readonly StoreRead[]>();
      const revision = BigInt(asked.length + 1);
      const answer = (): void => resolve(keys.map(() => ({ value: undefined, revision })));
      asked.push({ keys, answer, fail: reject });
      return promise;
    },
  });
  return { asked, reads };
}

describe('reads of single keys', () => {
  it('are sent at once while few are under way', () => {
    const { asked, reads } = scene({ concurrency: 2, maxKeys: 10 });
    void reads.get('a');
    void reads.get('a');
    assert.deepEqual(
      asked.map(({ keys }) => keys),
      [['a'], ['a']],
    );
  });

  it('that come meanwhile are asked together, each key once, after their calls', async () => {
    const { asked, reads } = scene({ concurrency: 1, maxKeys: 2 });
    const first = reads.get('a');
    const later = ['a', 'b', 'a', 'c'].map((key) => reads.get(key));
    assert.equal(asked.length, 1);
    asked[0]?.answer();
    assert.equal((await first).revision, 1n);
    assert.deepEqual(asked[1]?.keys, ['a', 'b']);
    asked[1]?.answer();
    assert.deepEqual(await Promise.all(later.slice(0, 3).map(async (r) => (await r).revision)), [
      2n,
      2n,
      2n,
    ]);
    assert.deepEqual(asked[2]?.keys, ['c']);
    asked[2]?.answer();
    assert.equal((await later[3])?.revision, 3n);
  });

  it('fail together, and the next ones are asked all the same', async () => {
    const { asked, reads } = scene({ concurrency: 1, maxKeys: 10 });
    const first = reads.get('a');
    const second = reads.get('b');
    asked[0]?.fail(new Error('away'));
    await assert.rejects(first, /away/);
    asked[1]?.answer();
    assert.equal((await second).revision, 2n);
  });
});
