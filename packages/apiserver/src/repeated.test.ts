import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { Repeated } from './repeated.ts';

describe('repeated work', () => {
  it('goes round by round, and ends with the one under way', async () => {
    const clock = new ManualClock();
    const ends: (() => void)[] = [];
    const work = new Repeated(clock, 1_000, () => new Promise((resolve) => ends.push(resolve)));
    work.start();
    clock.advance(5_000);
    assert.equal(ends.length, 1, 'the next round waits for the end of this one');
    ends[0]?.();
    await new Promise(setImmediate);
    clock.advance(1_000);
    assert.equal(ends.length, 2);
    let isStopped = false;
    const stopped = work.stop().then(() => {
      isStopped = true;
    });
    await new Promise(setImmediate);
    assert.equal(isStopped, false, 'a round is under way');
    ends[1]?.();
    await stopped;
    assert.equal(clock.pendingTimers, 0);
  });
});
