import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from '../storage/memory-store.ts';
import { RevisionOracle } from './revision-oracle.ts';

/** A store whose answers come when the test lets them. */
class HeldStore extends MemoryStore {
  readonly questions: { answer: (revision: bigint) => void; fail: (error: Error) => void }[] = [];

  override currentRevision(): Promise<bigint> {
    return new Promise((resolve, reject) => {
      this.questions.push({ answer: resolve, fail: reject });
    });
  }
}

describe('the revision of the store', () => {
  it('is asked for once by all who come while a question waits', async () => {
    const store = new HeldStore();
    const oracle = new RevisionOracle(store);
    const first = oracle.current();
    const others = [oracle.current(), oracle.current(), oracle.current()];
    assert.equal(store.questions.length, 1);
    store.questions[0]?.answer(5n);
    assert.equal(await first, 5n);
    store.questions[1]?.answer(9n);
    assert.deepEqual(await Promise.all(others), [9n, 9n, 9n]);
    assert.equal(store.questions.length, 2);
  });

  it('is never one from before the question', async () => {
    const store = new HeldStore();
    const oracle = new RevisionOracle(store);
    const early = oracle.current();
    // Asked while the first answer is on its way: that answer may be older than this caller's write.
    const late = oracle.current();
    store.questions[0]?.answer(5n);
    await early;
    assert.equal(store.questions.length, 2);
    store.questions[1]?.answer(6n);
    assert.equal(await late, 6n);
  });

  it('is asked for anew after a failure', async () => {
    const store = new HeldStore();
    const oracle = new RevisionOracle(store);
    const first = oracle.current();
    const second = oracle.current();
    store.questions[0]?.fail(new Error('away'));
    await assert.rejects(first, /away/);
    store.questions[1]?.answer(7n);
    assert.equal(await second, 7n);
    const third = oracle.current();
    store.questions[2]?.answer(8n);
    assert.equal(await third, 8n);
  });
});
