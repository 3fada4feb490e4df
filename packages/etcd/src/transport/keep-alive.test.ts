import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { keepAlive } from './keep-alive.ts';
import { PING_ANSWER_MS, PING_EVERY_MS } from './limits.ts';

function watched() {
  const clock = new ManualClock();
  const pings: (() => void)[] = [];
  const ends: string[] = [];
  const stop = keepAlive(
    {
      ping: (answered) => pings.push(answered),
      destroy(why) {
        ends.push(why);
        stop();
      },
    },
    clock,
  );
  return { clock, pings, ends };
}

test('a connection that answers is kept', () => {
  const { clock, pings, ends } = watched();
  for (let n = 1; n <= 5; n += 1) {
    clock.advance(PING_EVERY_MS);
    assert.equal(pings.length, n);
    pings.at(-1)?.();
  }
  assert.deepEqual(ends, []);
});

test('one that does not answer is closed, and nothing of it goes on', () => {
  const { clock, ends } = watched();
  clock.advance(PING_EVERY_MS + PING_ANSWER_MS - 1);
  assert.deepEqual(ends, []);
  clock.advance(1);
  assert.equal(ends.length, 1);
  assert.equal(clock.pendingTimers, 0);
});
