import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import fc from 'fast-check';
import { podInfo } from '../core/pod-info.ts';
import { ResourceNames } from '../core/resources.ts';
import { UNSCHEDULABLE_FLUSH_MS } from '../limits.ts';
import { testPod } from '../testing/builders.ts';
import { Heap } from './heap.ts';
import { type QueuedPod, SchedulingQueue } from './scheduling-queue.ts';

const info = (name: string, priority = 0) =>
  podInfo(testPod(name, { spec: { priority } }), new ResourceNames());

function setup() {
  const clock = new ManualClock();
  const queue = new SchedulingQueue(clock);
  const pop = (): QueuedPod => {
    const pod = queue.pop();
    assert.ok(pod);
    return pod;
  };
  const fail = (by: string[] = []): QueuedPod => {
    const pod = pop();
    queue.unschedulable(pod, new Set(by));
    return pod;
  };
  return { clock, queue, pop, fail };
}

describe('Heap', () => {
  it('gives everything back in order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const heap = new Heap<number>((a, b) => a < b);
        for (const number of numbers) heap.push(number);
        const out = numbers.map(() => heap.pop());
        assert.deepEqual(
          out,
          numbers.toSorted((a, b) => a - b),
        );
        assert.equal(heap.pop(), undefined);
      }),
    );
  });
});

describe('SchedulingQueue', () => {
  it('takes the more important first, then the older', () => {
    const { clock, queue, pop } = setup();
    for (const [name, priority] of [
      ['late', 0],
      ['urgent', 9],
      ['later', 0],
    ] as const) {
      queue.add(info(name, priority));
      clock.advance(1);
    }
    assert.deepEqual(
      [1, 2, 3].map(() => pop().info.name),
      ['urgent', 'late', 'later'],
    );
    assert.equal(queue.pop(), undefined);
  });

  it('lets a pod that failed wait for help, and for its backoff', () => {
    const { clock, queue, fail } = setup();
    queue.add(info('p'));
    fail(['NodeResourcesFit']);
    assert.deepEqual(queue.counts, { active: 0, backoff: 0, unschedulable: 1 });
    queue.wake(({ rejectedBy }) => rejectedBy.has('TaintToleration'));
    assert.equal(queue.counts.unschedulable, 1);
    queue.wake(({ rejectedBy }) => rejectedBy.has('NodeResourcesFit'));
    assert.deepEqual(queue.counts, { active: 0, backoff: 1, unschedulable: 0 });
    clock.advance(999);
    assert.equal(queue.tick(), false);
    clock.advance(1);
    assert.equal(queue.tick(), true);
    assert.equal(queue.counts.active, 1);
  });

  it('goes straight on when the backoff is over already', () => {
    const { clock, queue, fail } = setup();
    queue.add(info('p'));
    fail();
    clock.advance(5_000);
    queue.wake(() => true);
    assert.equal(queue.counts.active, 1);
  });

  it('doubles the backoff up to its limit', () => {
    const { clock, queue, fail } = setup();
    queue.add(info('p'));
    const waits: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      fail();
      queue.wake(() => true);
      let waitMs = 0;
      while (!queue.tick()) {
        clock.advance(500);
        waitMs += 500;
      }
      waits.push(waitMs);
    }
    assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
  });

  it('tries a pod nobody helped again after some minutes', () => {
    const { clock, queue, fail } = setup();
    queue.add(info('p'));
    fail();
    clock.advance(UNSCHEDULABLE_FLUSH_MS);
    assert.equal(queue.tick(), true);
  });

  it('tries a pod whose spec changed again', () => {
    const { clock, queue, fail } = setup();
    queue.add(info('p'));
    fail();
    clock.advance(1_000);
    const changed = info('p', 5);
    queue.add(changed);
    assert.equal(queue.pop()?.info, changed);
  });

  it('forgets what is deleted, wherever it is, and takes a successor for a new pod', () => {
    const { queue, fail } = setup();
    queue.add(info('active'));
    queue.delete('default/active');
    assert.equal(queue.pop(), undefined);
    queue.add(info('p'));
    const old = fail();
    queue.delete('default/p');
    assert.equal(queue.has('default/p'), false);
    queue.add({ ...info('p'), uid: 'other' });
    queue.unschedulable(old, new Set());
    queue.retry(old);
    assert.deepEqual(queue.counts, { active: 1, backoff: 0, unschedulable: 0 });
    assert.equal(queue.pop()?.attempts, 1);
  });

  it('lets a pod whose binding failed back off', () => {
    const { clock, queue, pop } = setup();
    queue.add(info('p'));
    queue.retry(pop());
    assert.equal(queue.counts.backoff, 1);
    clock.advance(1_000);
    assert.equal(queue.tick(), true);
  });
});
