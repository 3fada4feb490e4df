import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Group } from '../testing/group.ts';

test('a read is answered after a quorum has confirmed the leader', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.propose(1, 'a');
  group.settle();
  group.core(1).readIndex(7);
  group.take(1n);
  assert.deepEqual(group.get(1).reads, []);
  group.settle();
  assert.deepEqual(group.get(1).reads, [{ context: 7, index: 2 }]);
});

test('a follower asks the leader', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.core(3).readIndex(9);
  group.settle();
  assert.deepEqual(group.get(3).reads, [{ context: 9, index: 1 }]);
});

test('reads that come together share one round', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  for (let context = 1; context <= 50; context += 1) group.core(1).readIndex(context);
  const seen = group.settle();
  assert.equal(seen.filter((message) => message.type === 'heartbeat').length, 2);
  assert.equal(group.get(1).reads.length, 50);
});

test('a lone voter answers at once', () => {
  const group = new Group({ voters: [1] });
  group.elect(1);
  group.core(1).readIndex(1);
  group.take(1n);
  assert.deepEqual(group.get(1).reads, [{ context: 1, index: 1 }]);
});

test('learners do not confirm', () => {
  const group = new Group({ voters: [1, 2, 3], learners: [4, 5] });
  group.elect(1);
  group.partition([1], [2, 3]);
  group.core(1).readIndex(1);
  group.settle();
  assert.deepEqual(group.get(1).reads, []);
});

test('a leader that has been deposed answers nothing, and says so when it learns of it', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([1], [2, 3]);
  for (const id of [2, 3]) group.core(id).suspectLeader();
  group.elect(2);
  group.core(1).readIndex(5);
  group.settle();
  assert.deepEqual(group.get(1).reads, []);
  group.cut.clear();
  group.tick(2);
  group.settle();
  assert.deepEqual([group.get(1).reads, group.get(1).droppedReads], [[], [5]]);
});

test('a new leader answers only after its first commit', () => {
  const group = new Group({ voters: [1, 2, 3], terms: { 1: [1, 1], 2: [1, 1], 3: [1, 1] } });
  group.slow.add(2n).add(3n);
  group.core(1).campaign();
  // Votes have to get to the disk; the first entry of the new term may not.
  for (let round = 0; round < 6 && group.core(1).role !== 'leader'; round += 1) {
    for (const id of [1n, 2n, 3n]) group.take(id);
    for (const id of [2, 3]) group.syncDisk(id);
    group.deliver();
  }
  assert.equal(group.core(1).role, 'leader');
  group.core(1).readIndex(3);
  group.settle();
  assert.deepEqual(group.get(1).reads, [], 'it does not know yet what is committed');
  group.slow.clear();
  for (const id of [2, 3]) group.syncDisk(id);
  group.settle();
  assert.deepEqual(group.get(1).reads, [{ context: 3, index: 3 }]);
});

test('without a leader a read is dropped at once', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.core(2).readIndex(4);
  group.take(2n);
  assert.deepEqual(group.get(2).droppedReads, [4]);
});

test('more reads than may wait are dropped', () => {
  const group = new Group({ voters: [1, 2, 3], limits: { maxPendingReads: 2 } });
  group.elect(1);
  for (const context of [1, 2, 3]) group.core(1).readIndex(context);
  group.take(1n);
  assert.deepEqual(group.get(1).droppedReads, [3]);
  group.settle();
  assert.deepEqual(
    group.get(1).reads.map((read) => read.context),
    [1, 2],
  );
});

test('an answer of an earlier heartbeat does not confirm a later read', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.core(1).readIndex(1);
  group.take(1n);
  const early = group.wire;
  group.wire = [];
  group.core(1).readIndex(2);
  for (const message of early) group.members.get(message.to)?.core.step(message);
  group.take(2n);
  group.take(3n);
  const answers = group.wire;
  group.wire = [];
  for (const message of answers) group.members.get(message.to)?.core.step(message);
  group.take(1n);
  assert.deepEqual(
    group.get(1).reads.map((read) => read.context),
    [1],
  );
});
