import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AfterAnswers } from './after-answers.ts';

/** A chain of promises as long as no call in this project is deep. */
async function chain(steps: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) await undefined;
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('tasks after answers', () => {
  for (const context of ['a callback', 'a promise']) {
    it(`run in order after promises that go on, asked for in ${context}`, async () => {
      if (context === 'a callback') await turn();
      const seen: string[] = [];
      const after = new AfterAnswers();
      after.add(() => seen.push('first'));
      after.add(() => seen.push('second'));
      const answer = chain(100).then(() => seen.push('answer'));
      let isLater = false;
      setImmediate(() => {
        isLater = true;
      });
      await answer;
      await chain(1);
      assert.deepEqual(seen, ['answer']);
      await new Promise((resolve) => process.nextTick(resolve));
      assert.deepEqual(seen, ['answer', 'first', 'second']);
      assert.equal(isLater, false, 'in the same turn');
    });
  }

  it('do not run once closed, not even by one of them', async () => {
    const seen: string[] = [];
    const after = new AfterAnswers();
    after.add(() => {
      seen.push('first');
      after.close();
    });
    after.add(() => seen.push('second'));
    await turn();
    assert.deepEqual(seen, ['first']);
  });
});
