import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inflights } from './inflights.ts';
import { DEFAULT_RAFT_LIMITS, raftLimitsProblem } from './limits.ts';
import { Progress } from './progress.ts';

test('the window is full by count and by bytes, and freed from the front', () => {
  const window = new Inflights(3, 100);
  window.add(1, 10);
  window.add(2, 10);
  assert.ok(!window.full());
  window.add(3, 10);
  assert.ok(window.full());
  window.freeTo(2);
  assert.equal(window.count, 1);
  window.add(4, 90);
  assert.ok(window.full(), 'by bytes');
  window.freeFirst();
  assert.ok(!window.full());
  window.freeTo(9);
  assert.equal(window.count, 0);
  window.freeFirst();
  assert.equal(window.count, 0);
});

test('a long-lived window does not grow', () => {
  const window = new Inflights(256, 1e9);
  for (let index = 1; index <= 10_000; index += 1) {
    window.add(index, 1);
    window.freeTo(index - 3);
    assert.ok(window.count <= 3);
  }
  window.reset();
  assert.equal(window.count, 0);
});

const limits = { ...DEFAULT_RAFT_LIMITS, maxInflightMessages: 2 };

test('a probe sends one message and waits', () => {
  const progress = new Progress(5, limits);
  assert.ok(!progress.paused());
  progress.probeSent = true;
  assert.ok(progress.paused());
  assert.ok(progress.acknowledge(4));
  assert.ok(!progress.paused());
  assert.deepEqual([progress.match, progress.next], [4, 5]);
});

test('replication runs ahead until the window is full', () => {
  const progress = new Progress(1, limits);
  progress.becomeReplicate();
  progress.inflights.add(1, 1);
  assert.ok(!progress.paused());
  progress.inflights.add(2, 1);
  assert.ok(progress.paused());
});

test('match never goes back', () => {
  const progress = new Progress(10, limits);
  assert.ok(progress.acknowledge(7));
  assert.ok(!progress.acknowledge(5));
  assert.deepEqual([progress.match, progress.next], [7, 10]);
});

test('a rejection moves a probe back to the hint, never to or before match', () => {
  const cases: [match: number, next: number, rejected: number, hint: number, expected: number][] = [
    [0, 10, 9, 5, 6],
    [0, 10, 9, 20, 9],
    [4, 10, 9, 2, 5],
    [0, 1, 0, 0, 1],
  ];
  for (const [match, next, rejected, hint, expected] of cases) {
    const progress = new Progress(next, limits);
    progress.match = match;
    assert.ok(progress.decrease(rejected, hint));
    assert.equal(progress.next, expected);
  }
});

test('a follower that refuses what it acknowledged is not asked again at once', () => {
  const progress = new Progress(8, limits);
  progress.match = 7;
  progress.probeSent = true;
  assert.ok(progress.decrease(7, 2));
  assert.ok(progress.paused());
});

test('stale rejections change nothing', () => {
  const probing = new Progress(10, limits);
  assert.ok(!probing.decrease(4, 1));
  assert.equal(probing.next, 10);
  const replicating = new Progress(10, limits);
  replicating.acknowledge(8);
  replicating.becomeReplicate();
  assert.ok(!replicating.decrease(8, 3));
  assert.equal(replicating.state, 'replicate');
  assert.ok(replicating.decrease(9, 3));
  assert.deepEqual([replicating.state, replicating.next], ['probe', 9]);
});

test('after a snapshot probing goes on behind it, after a failed one behind match', () => {
  const progress = new Progress(1, limits);
  progress.match = 3;
  progress.becomeSnapshot();
  assert.ok(progress.paused());
  progress.pendingSnapshot = 50;
  progress.becomeProbe();
  assert.equal(progress.next, 51);
  progress.becomeSnapshot();
  progress.becomeProbe();
  assert.equal(progress.next, 4);
});

test('limits that contradict each other are named', () => {
  assert.equal(raftLimitsProblem(DEFAULT_RAFT_LIMITS), undefined);
  const wrong: [Partial<typeof DEFAULT_RAFT_LIMITS>, RegExp][] = [
    [{ electionTicks: 1, heartbeatTicks: 1 }, /electionTicks/],
    [{ maxPendingReads: 0 }, /maxPendingReads/],
    [{ maxApplyBytes: 1.5 }, /maxApplyBytes/],
    [{ maxInflightBytes: 10, maxAppendBytes: 20 }, /maxInflightBytes/],
  ];
  for (const [change, problem] of wrong) {
    assert.match(raftLimitsProblem({ ...DEFAULT_RAFT_LIMITS, ...change }) ?? '', problem);
  }
});
