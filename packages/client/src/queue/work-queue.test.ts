import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, seededRandom } from '@kubets/platform';
import { WorkQueue } from './work-queue.ts';

function setup(options: { baseDelayMs?: number; maxDelayMs?: number } = {}) {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock, random: seededRandom(1), ...options });
  return { clock, queue };
}

describe('WorkQueue', () => {
  it('works on a key once however often it was added', async () => {
    const { queue } = setup();
    const done: string[] = [];
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    assert.equal(queue.depth, 2);
    queue.run(2, async (key) => void done.push(key));
    await queue.whenIdle();
    assert.deepEqual(done, ['a', 'b']);
  });

  it('never gives one key to two workers, and works again on a key added meanwhile', async () => {
    const { queue } = setup();
    let active = 0;
    let most = 0;
    let rounds = 0;
    queue.run(4, async () => {
      active += 1;
      most = Math.max(most, active);
      rounds += 1;
      if (rounds === 1) {
        queue.add('a');
        queue.add('a');
      }
      await Promise.resolve();
      active -= 1;
    });
    queue.add('a');
    await queue.whenIdle();
    assert.equal(most, 1);
    assert.equal(rounds, 2);
  });

  it('keeps to its concurrency and runs keys side by side up to it', async () => {
    const { queue } = setup();
    const gate = Promise.withResolvers<void>();
    let active = 0;
    let most = 0;
    queue.run(3, async () => {
      active += 1;
      most = Math.max(most, active);
      await gate.promise;
      active -= 1;
    });
    for (let i = 0; i < 10; i += 1) queue.add(`key-${i}`);
    await Promise.resolve();
    await Promise.resolve();
    assert.equal(active, 3);
    gate.resolve();
    await queue.whenIdle();
    assert.equal(most, 3);
  });

  it('waits longer with each failure in a row, up to its limit, and not after forget', async () => {
    const { clock, queue } = setup({ baseDelayMs: 100, maxDelayMs: 1_000 });
    const startMs = clock.monotonicMs();
    const atMs: number[] = [];
    queue.run(1, async () => {
      atMs.push(clock.monotonicMs() - startMs);
      throw new Error('not yet');
    });
    queue.add('a');
    for (let i = 0; i < 60; i += 1) {
      await queue.whenIdle();
      clock.advance(100);
    }
    const gaps = atMs.slice(1).map((ms, i) => ms - (atMs[i] ?? 0));
    assert.deepEqual(
      gaps.slice(0, 5).map((gap) => gap <= 1_000 && gap >= 90),
      [true, true, true, true, true],
    );
    assert.ok((gaps[0] ?? 0) < (gaps[1] ?? 0) && (gaps[1] ?? 0) < (gaps[2] ?? 0), String(gaps));
    assert.ok(Math.max(...gaps) <= 1_000);
    assert.equal(queue.failuresOf('a'), atMs.length);
    queue.forget('a');
    assert.equal(queue.failuresOf('a'), 0);
  });

  it('forgets the failures of a key that succeeds', async () => {
    const { clock, queue } = setup({ baseDelayMs: 10 });
    let tries = 0;
    queue.run(1, async () => {
      tries += 1;
      if (tries < 3) throw new Error('not yet');
    });
    queue.add('a');
    for (let i = 0; i < 10; i += 1) {
      await queue.whenIdle();
      clock.advance(10);
    }
    assert.equal(tries, 3);
    assert.equal(queue.failuresOf('a'), 0);
  });

  it('keeps the failures of a key whose worker asks for a rate-limited retry itself', async () => {
    const { queue } = setup({ baseDelayMs: 10 });
    queue.run(1, async (key) => queue.addRateLimited(key));
    queue.add('a');
    await queue.whenIdle();
    assert.equal(queue.failuresOf('a'), 1);
    assert.equal(queue.delayed, 1);
  });

  it('takes the earliest of several times', async () => {
    const { clock, queue } = setup();
    const done: number[] = [];
    const startMs = clock.monotonicMs();
    queue.run(1, async () => void done.push(clock.monotonicMs() - startMs));
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 900);
    clock.advance(1_000);
    await queue.whenIdle();
    assert.deepEqual(done.length, 1);
    assert.equal(queue.delayed, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  it('lets others have their turn while much is to do that waits for nothing', async () => {
    const { clock, queue } = setup();
    for (let i = 0; i < 1_000; i += 1) queue.add(`k${i}`);
    let done = 0;
    let doneAtTurn = -1;
    setImmediate(() => {
      doneAtTurn = done;
    });
    queue.run(4, async () => {
      done += 1;
      clock.advance(1);
    });
    await queue.whenIdle();
    assert.equal(done, 1_000);
    assert.ok(doneAtTurn > 0 && doneAtTurn < 50, `${doneAtTurn} keys before others had a turn`);
  });

  it('stops: waits for workers, drops the rest, leaves no timer', async () => {
    const { clock, queue } = setup();
    const gate = Promise.withResolvers<void>();
    const done: string[] = [];
    const running = queue.run(1, async (key) => {
      await gate.promise;
      done.push(key);
    });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    let stopped = false;
    const stopping = running.stop().then(() => {
      stopped = true;
    });
    await Promise.resolve();
    assert.equal(stopped, false);
    gate.resolve();
    await stopping;
    assert.deepEqual(done, ['a']);
    assert.equal(clock.pendingTimers, 0);
  });

  it('stops although a worker adds its key for later while others still work', async () => {
    const { clock, queue } = setup();
    const gates = { a: Promise.withResolvers<void>(), b: Promise.withResolvers<void>() };
    const running = queue.run(2, async (key) => {
      await gates[key as 'a' | 'b'].promise;
      // As a controller does whose write was refused, whether it still leads or not.
      queue.addRateLimited(key);
      queue.add('c');
    });
    queue.add('a');
    queue.add('b');
    let stopped = false;
    const stopping = running.stop().then(() => {
      stopped = true;
    });
    gates.a.resolve();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    clock.advance(1_000);
    gates.b.resolve();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    assert.equal(stopped, true);
    assert.equal(queue.depth, 0);
    assert.equal(clock.pendingTimers, 0);
    await stopping;
  });
});
