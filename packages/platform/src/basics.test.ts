import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exponentialBackoff } from './backoff.ts';
import { armFailpoint, armFailpoints, FailpointError, failpoint } from './failpoint.ts';
import { assertNever, InvariantError, invariant } from './invariant.ts';
import { delay, ManualClock, systemClock } from './runtime/clock.ts';
import { seededRandom } from './runtime/random.ts';

test('a manual clock runs what falls due, in order, and nothing else', () => {
  const clock = new ManualClock(1_000);
  const ran: string[] = [];
  clock.setTimeout(() => ran.push('b'), 20);
  clock.setTimeout(() => ran.push('a'), 10);
  clock.setTimeout(() => ran.push('late'), 100);
  const cancelled = clock.setTimeout(() => ran.push('never'), 5);
  cancelled.cancel();
  clock.advance(50);
  assert.deepEqual(ran, ['a', 'b']);
  assert.equal(clock.now(), 1_050);
  assert.equal(clock.monotonicMs(), 50);
  assert.equal(clock.pendingTimers, 1);
});

test('timers set by timers run in the same advance, intervals as often as they fit', () => {
  const clock = new ManualClock();
  const at: number[] = [];
  clock.setTimeout(() => clock.setTimeout(() => at.push(clock.monotonicMs()), 5), 5);
  let ticks = 0;
  const interval = clock.setInterval(() => {
    ticks += 1;
    if (ticks === 3) interval.cancel();
  }, 10);
  clock.advance(100);
  assert.deepEqual(at, [10]);
  assert.equal(ticks, 3);
});

test('a delay ends with its time, or with the abort', async () => {
  const clock = new ManualClock();
  const waiting = delay(100, { clock });
  clock.advance(100);
  await waiting;
  const stop = new AbortController();
  const cut = delay(100, { clock, signal: stop.signal });
  stop.abort(new Error('enough'));
  await assert.rejects(cut, /enough/);
  assert.equal(clock.pendingTimers, 0);
  await assert.rejects(delay(1, { clock, signal: stop.signal }), /enough/);
});

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 20 }, () => random.int(1_000));
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
  assert.ok(draw(9).every((n) => Number.isInteger(n) && n >= 0 && n < 1_000));
});

test('waits grow to the limit and start again after a reset', () => {
  const backoff = exponentialBackoff({ initialMs: 100, maxMs: 450, jitter: 0 });
  assert.deepEqual(
    [1, 2, 3, 4].map(() => backoff.nextMs()),
    [100, 200, 400, 450],
  );
  backoff.reset();
  assert.equal(backoff.nextMs(), 100);
  const jittered = exponentialBackoff({ initialMs: 100, maxMs: 100, jitter: 0.5 }, seededRandom(1));
  for (let i = 0; i < 50; i++) {
    const ms = jittered.nextMs();
    assert.ok(ms >= 50 && ms <= 100, String(ms));
  }
});

test('a broken invariant throws with its facts, 64-bit numbers included', () => {
  invariant(true, 'holds');
  assert.throws(
    () => invariant(false, 'terms grow', { term: 3n, was: 4n }),
    (error: unknown) => {
      return error instanceof InvariantError && error.message.includes('{"term":"3","was":"4"}');
    },
  );
  assert.throws(() => assertNever('x' as never), InvariantError);
});

test('a failpoint does nothing until it is armed', () => {
  failpoint('a.b');
  const disarm = armFailpoint('a.b', 'error');
  assert.throws(() => failpoint('a.b'), FailpointError);
  failpoint('another');
  disarm();
  failpoint('a.b');
  assert.throws(() => armFailpoints(['x']), /not NAME=ACTION/);
  assert.throws(() => armFailpoint('x', 'explode'), /unknown action "explode"/);
});

test('a time longer than the engine can wait does not end at once', (t) => {
  const { mock } = t.mock.method(globalThis, 'setTimeout');
  for (const ms of [5, 2 ** 31]) systemClock.setTimeout(() => assert.fail('at once'), ms).cancel();
  assert.deepEqual(
    mock.calls.map((call) => call.arguments[1]),
    [5, 2 ** 31 - 1],
  );
});
