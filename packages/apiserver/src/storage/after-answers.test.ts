import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AfterAnswers } from './after-answers.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A chain of promises as long as no call in this project is deep. */
async function chain(steps: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) await undefined;
}

describe('tasks after answers', () => {
  it('run in order at the end of the turn, after promises that go on', async () => {
    await turn();
    const seen: string[] = [];
    const after = new AfterAnswers();
    after.add(() => seen.push('first'));
    after.add(() => seen.push('second'));
    const nextTurn = turn();
    await chain(100).then(() => seen.push('answer'));
    await new Promise((resolve) => process.nextTick(resolve));
    assert.deepEqual(seen, ['answer']);
    await nextTurn;
    assert.deepEqual(seen, ['answer', 'first', 'second']);
  });

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
