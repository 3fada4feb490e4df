/** Transfer of leadership, changes of the configuration, snapshots: what happens to a running group. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Group } from '../testing/group.ts';
import { ConfigurationError, configurationOf } from './configuration.ts';

test('leadership goes to a member that has everything, without an election timeout', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.core(1).transferLeadership(2n);
  assert.equal(group.propose(1, 'x'), 'transferring');
  group.settle();
  assert.equal(group.core(2).role, 'leader');
  assert.equal(group.core(1).leader, 2n);
});

test('the target is brought up to date first', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([1], [3]);
  group.propose(1, 'a');
  group.settle();
  group.cut.clear();
  group.core(1).transferLeadership(3n);
  group.tick(1);
  group.settle();
  assert.equal(group.core(3).role, 'leader');
  assert.ok(group.appliedText(3).includes('a'));
});

test('a follower can ask for a transfer, also to itself', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.core(3).transferLeadership(3n);
  group.settle();
  assert.equal(group.core(3).role, 'leader');
});

test('a transfer to a member that does not answer is given up', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([3], [1, 2]);
  group.core(1).transferLeadership(3n);
  for (let n = 0; n < 11; n += 1) {
    group.tick(1);
    group.settle();
  }
  assert.equal(group.core(1).role, 'leader');
  assert.equal(group.propose(1, 'x'), 'accepted');
});

test('leadership goes to voters only', () => {
  const group = new Group({ voters: [1, 2], learners: [3] });
  group.elect(1);
  for (const target of [1n, 3n, 9n]) group.core(1).transferLeadership(target);
  assert.equal(group.propose(1, 'x'), 'accepted');
});

test('a learner receives everything and counts for nothing', () => {
  const group = new Group({ voters: [1, 2], learners: [3] });
  group.elect(1);
  group.propose(1, 'a');
  group.settle();
  assert.deepEqual(group.appliedText(3), ['-', 'a']);
  group.partition([2], [1, 3]);
  group.propose(1, 'b');
  group.settle();
  assert.equal(group.core(1).log.committed, 2);
});

test('a member is added as a learner, catches up and is promoted', () => {
  const group = new Group({ voters: [1] });
  group.elect(1);
  group.propose(1, 'a');
  group.settle();
  group.add(2);
  assert.equal(group.proposeConf(1, '+l2', [{ op: 'learner', id: 2n }]), 'accepted');
  group.settle();
  group.tick(1);
  group.settle();
  assert.ok(group.core(2).conf.learners.has(2n), 'it knows itself by now');
  assert.equal(group.proposeConf(1, '+v2', [{ op: 'voter', id: 2n }]), 'accepted');
  group.settle();
  for (const id of [1, 2]) assert.deepEqual([...group.core(id).conf.voters].sort(), [1n, 2n]);
});

test('one change at a time', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  assert.equal(group.proposeConf(1, '-3', [{ op: 'remove', id: 3n }]), 'accepted');
  assert.equal(group.proposeConf(1, '-2', [{ op: 'remove', id: 2n }]), 'confPending');
  group.settle();
  assert.equal(group.proposeConf(1, '-2', [{ op: 'remove', id: 2n }]), 'accepted');
});

test('a new leader waits with changes until it has applied what it inherited', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.core(1).transferLeadership(2n);
  group.settle();
  assert.equal(group.proposeConf(2, '-3', [{ op: 'remove', id: 3n }]), 'accepted');
});

test('a change that would leave no voter is refused when proposed', () => {
  const group = new Group({ voters: [1] });
  group.elect(1);
  const remove = (): string => group.proposeConf(1, '-1', [{ op: 'remove', id: 1n }]);
  assert.throws(remove, ConfigurationError);
  assert.throws(() => group.proposeConf(1, 'leave', []), ConfigurationError, 'it is not joint');
});

test('a leader that is removed commits that and hands over at once', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.proposeConf(1, '-1', [{ op: 'remove', id: 1n }]);
  group.settle();
  assert.equal(group.core(1).role, 'follower');
  assert.equal(group.propose(1, 'x'), 'notLeader');
  const leader = [2, 3].find((id) => group.core(id).role === 'leader');
  assert.ok(leader !== undefined, 'without an election timeout');
  const { term } = group.core(leader);
  group.tick(1, 50);
  group.settle();
  assert.deepEqual([group.core(leader).role, group.core(leader).term], ['leader', term]);
});

test('a removed member whose knowledge is needed can lead once more', () => {
  // Member 2 alone knows that it is removed, and has the longest log; 3 still needs its vote in the joint configuration.
  const group = new Group({
    voters: [2, 3],
    limits: { maxAppendBytes: 1, maxInflightMessages: 1 },
  });
  group.elect(2);
  group.add(5);
  const change = [
    { op: 'voter', id: 5n },
    { op: 'remove', id: 2n },
  ] as const;
  group.proposeConf(2, 'swap', change);
  for (let round = 0; round < 100 && group.core(2).conf.voters.has(2n); round += 1) {
    for (const id of group.members.keys()) group.take(id);
    group.deliver();
    group.propose(2, `${round}`);
  }
  for (;;) {
    group.propose(2, 'more');
    group.take(2n);
    if (group.core(2).conf.outgoing.size === 0) break;
    for (const id of [3n, 5n]) group.take(id);
    group.deliver();
    group.tick(2);
  }
  // What would tell the others is lost.
  group.wire = [];
  assert.ok(group.core(3).conf.outgoing.has(2n));
  group.partition([2], [3, 5]);
  group.tick(2, 25);
  group.settle();
  assert.equal(group.core(2).role, 'follower');
  group.cut.clear();
  for (let n = 0; n < 100; n += 1) {
    for (const id of [2, 3, 5]) group.tick(id);
    group.settle();
  }
  const leader = [3, 5].find((id) => group.core(id).role === 'leader');
  assert.ok(leader !== undefined);
  for (const id of [3, 5]) {
    assert.deepEqual([...group.core(id).conf.voters].sort(), [3n, 5n]);
    assert.equal(group.core(id).conf.outgoing.size, 0);
  }
});

test('removing a dead member lets the rest commit', () => {
  const group = new Group({ voters: [1, 2] });
  group.elect(1);
  group.proposeConf(1, '-2', [{ op: 'remove', id: 2n }]);
  group.settle();
  group.partition([1], [2]);
  group.propose(1, 'alone');
  group.settle();
  assert.ok(group.appliedText(1).includes('alone'));
});

test('several changes pass through a joint configuration and leave it by themselves', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  for (const id of [4, 5]) group.add(id);
  const change = [
    { op: 'voter', id: 4n },
    { op: 'voter', id: 5n },
    { op: 'remove', id: 2n },
  ] as const;
  assert.equal(group.proposeConf(1, 'swap', change), 'accepted');
  group.settle();
  for (let n = 0; n < 3; n += 1) {
    group.tick(1);
    group.settle();
  }
  for (const id of [1, 3, 4, 5]) {
    const { conf } = group.core(id);
    assert.deepEqual([...conf.voters].sort(), [1n, 3n, 4n, 5n], `${id}`);
    assert.equal(conf.outgoing.size, 0, `${id}`);
  }
});

test('in a joint configuration both halves must agree', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  for (const id of [4, 5]) group.add(id);
  const change = [
    { op: 'voter', id: 4n },
    { op: 'voter', id: 5n },
    { op: 'remove', id: 2n },
    { op: 'remove', id: 3n },
  ] as const;
  // The new members cannot be reached: the old half alone commits the change, then not a thing more.
  group.partition([4, 5], [1, 2, 3]);
  group.proposeConf(1, 'move', change);
  group.settle();
  const stuckAt = group.core(1).log.committed;
  assert.ok(group.core(1).conf.outgoing.size > 0);
  group.propose(1, 'x');
  group.settle();
  assert.equal(group.core(1).log.committed, stuckAt);
  group.cut.clear();
  for (let n = 0; n < 3; n += 1) {
    group.tick(1);
    group.settle();
  }
  assert.ok(group.appliedText(1).includes('x'));
  assert.deepEqual([...group.core(4).conf.voters].sort(), [1n, 4n, 5n]);
});

test('a follower whose entries are gone is given a snapshot, then entries again', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([3], [1, 2]);
  group.propose(1, 'a', 'b', 'c');
  group.settle();
  group.core(1).log.compactTo(3);
  group.cut.clear();
  group.tick(1);
  group.settle();
  group.tick(1);
  group.settle();
  const leader = group.get(1);
  assert.deepEqual(leader.snapshotsTo, [3n], 'asked for once');
  // The host carries it over.
  const point = { index: 4, term: 1 };
  leader.core.snapshotStarted(3n, 4);
  const follower = group.core(3);
  assert.ok(follower.wantsSnapshot(point));
  assert.ok(follower.restore(point, configurationOf([1n, 2n, 3n])));
  follower.announce();
  leader.core.reportSnapshot(3n, true);
  group.propose(1, 'd');
  group.settle();
  group.tick(1);
  group.settle();
  assert.equal(follower.log.committed, 5);
  assert.deepEqual(leader.core.matchOf(3n), 5);
});

test('a failed snapshot is tried again after a heartbeat, not at once', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([3], [1, 2]);
  group.propose(1, 'a');
  group.settle();
  group.core(1).log.compactTo(2);
  group.cut.clear();
  group.tick(1);
  group.settle();
  group.tick(1);
  group.settle();
  const leader = group.get(1);
  leader.core.reportSnapshot(3n, false);
  group.take(1n);
  assert.equal(leader.snapshotsTo.length, 1);
  group.tick(1);
  group.settle();
  assert.equal(leader.snapshotsTo.length, 2);
});

test('a snapshot that the log already holds keeps the log', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.propose(1, 'a', 'b');
  group.take(1n);
  group.deliver();
  group.take(2n);
  const follower = group.core(2);
  assert.equal(follower.log.lastIndex, 3);
  assert.equal(follower.restore({ index: 2, term: 1 }, configurationOf([1n, 2n, 3n])), false);
  assert.equal(follower.log.lastIndex, 3);
  assert.equal(follower.log.applied, 2);
});

test('after a snapshot replaced the log nothing is promised of what was dropped', () => {
  const group = new Group({ voters: [1, 2] });
  group.elect(1);
  const follower = group.core(2);
  group.propose(1, 'a', 'b');
  group.take(1n);
  group.deliver();
  // Accepted in memory, not handed to the disk, when a snapshot of elsewhere takes its place.
  follower.restore({ index: 2, term: 1 }, configurationOf([1n, 2n]));
  assert.equal(follower.log.lastIndex, 2);
  const promised = follower.ready().afterPersist.filter((m) => m.type === 'appendResponse');
  assert.deepEqual(promised, []);
});
