import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantError } from '@kubets/platform';
import { entriesOf, Group } from '../testing/group.ts';
import { RaftCore } from './core.ts';
import { RaftLog } from './log.ts';
import type { AppendRequest, Message } from './types.ts';

function appends(messages: readonly Message[]): AppendRequest[] {
  return messages.filter((message) => message.type === 'append');
}

test('a proposal reaches everybody once', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  assert.equal(group.propose(1, 'a', 'b'), 'accepted');
  group.settle();
  for (const id of [1, 2, 3]) assert.deepEqual(group.appliedText(id), ['-', 'a', 'b']);
});

test('only the leader takes proposals', () => {
  const group = new Group({ voters: [1, 2, 3] });
  assert.equal(group.propose(1, 'a'), 'notLeader');
  group.elect(1);
  assert.equal(group.propose(2, 'a'), 'notLeader');
});

test('proposals made together travel in one message', () => {
  const group = new Group({ voters: [1, 2] });
  group.elect(1);
  for (const value of ['a', 'b', 'c']) group.propose(1, value);
  group.take(1n);
  assert.deepEqual(
    appends(group.wire).map((message) => message.entries.length),
    [3],
  );
});

test('a minority commits nothing', () => {
  const group = new Group({ voters: [1, 2, 3, 4, 5] });
  group.elect(1);
  group.partition([1, 2], [3, 4, 5]);
  group.propose(1, 'lost');
  group.settle();
  assert.equal(group.core(1).log.committed, 1);
  assert.equal(group.core(2).log.lastIndex, 2);
});

test('the leader sends before its own disk has answered, and counts itself after', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.slow.add(1n);
  group.partition([1], [3]);
  group.propose(1, 'a');
  group.settle();
  assert.equal(group.core(2).log.lastIndex, 2, 'the follower has it already');
  assert.equal(group.core(1).log.committed, 1, 'one of three');
  group.syncDisk(1);
  assert.equal(group.core(1).log.committed, 2);
});

test('an entry the others have committed is applied only once it is on the own disk', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.slow.add(1n);
  group.propose(1, 'a');
  group.settle();
  assert.equal(group.core(1).log.committed, 2);
  assert.deepEqual(group.appliedText(1), ['-']);
  group.syncDisk(1);
  group.settle();
  assert.deepEqual(group.appliedText(1), ['-', 'a']);
});

test('a follower acknowledges only what its disk has', () => {
  const group = new Group({ voters: [1, 2] });
  group.elect(1);
  group.slow.add(2n);
  group.propose(1, 'a');
  group.settle();
  assert.equal(group.core(1).log.committed, 1);
  group.syncDisk(2);
  group.settle();
  assert.equal(group.core(1).log.committed, 2);
});

test('entries of former terms are committed only through one of the own term', () => {
  // Paper figure 8: member 1 leads in term 3 and copies its entry of term 2 to a majority; that alone commits nothing.
  const group = new Group({
    voters: [1, 2, 3, 4, 5],
    terms: { 1: [1, 2], 2: [1, 2], 3: [1], 4: [1], 5: [1] },
    limits: { maxAppendBytes: 1 },
  });
  const { core } = group.get(1);
  core.campaign();
  let copiedUncommitted = false;
  for (let round = 0; round < 20; round += 1) {
    for (const id of [1n, 2n, 3n, 4n, 5n]) group.take(id);
    group.deliver();
    const copies = [1n, 2n, 3n, 4n, 5n].filter((id) => (core.matchOf(id) ?? 0) >= 2).length;
    const { committed } = core.log;
    assert.ok(committed === 0 || committed === 3, `${committed}`);
    if (copies >= 3 && committed === 0) copiedUncommitted = true;
  }
  assert.ok(copiedUncommitted, 'there was a moment in which a majority had it, uncommitted');
  assert.equal(core.log.committed, 3);
});

test('diverged followers are brought in line', () => {
  // Paper figure 7: the leader of term 8 meets every way in which a follower can differ.
  const leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const followers: Record<number, number[]> = {
    2: [1, 1, 1, 4, 4, 5, 5, 6, 6],
    3: [1, 1, 1, 4],
    4: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    5: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    6: [1, 1, 1, 4, 4, 4, 4],
    7: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  };
  const group = new Group({ voters: [1, 2, 3, 4, 5, 6, 7], terms: { 1: leader, ...followers } });
  // Members 4 and 5 have longer logs and vote for others only: the remaining four are a majority.
  group.get(1).hardState = { term: 7, vote: 0n, commit: 0 };
  group.restart(1);
  group.elect(1);
  assert.equal(group.core(1).role, 'leader');
  group.settle();
  for (let n = 0; n < 3; n += 1) {
    group.tick(1);
    group.settle();
  }
  const expected = group.appliedText(1);
  assert.equal(expected.length, 11);
  for (const id of [2, 3, 4, 5, 6, 7]) assert.deepEqual(group.appliedText(id), expected, `${id}`);
});

test('finding where long logs meet takes a round trip a term, not one an entry', () => {
  const mine = [...Array(50).fill(1), ...Array(50).fill(5)];
  const theirs = [...Array(50).fill(1), ...Array(40).fill(2), ...Array(40).fill(3)];
  const group = new Group({ voters: [1, 2, 3], terms: { 1: mine, 2: mine, 3: theirs } });
  group.partition([3], [2]);
  group.elect(1);
  const rejections = group.wire.length;
  group.tick(1);
  const seen = group.settle().filter((m) => m.type === 'appendResponse' && m.rejected);
  assert.ok(rejections + seen.length <= 4, `${seen.length} rejections`);
  assert.equal(group.core(3).log.lastIndex, group.core(1).log.lastIndex);
});

test('lost messages are found out by heartbeats and sent again', () => {
  const group = new Group({ voters: [1, 2] });
  group.elect(1);
  group.propose(1, 'lost');
  group.take(1n);
  group.wire = [];
  group.settle();
  assert.equal(group.core(1).log.committed, 1);
  group.tick(1);
  group.settle();
  assert.deepEqual(group.appliedText(2), ['-', 'lost']);
});

test('repeated and reordered messages change nothing', () => {
  const group = new Group({ voters: [1, 2] });
  group.elect(1);
  const old: Message[] = [];
  for (const value of ['a', 'b', 'c']) {
    group.propose(1, value);
    old.push(...group.settle());
  }
  for (const message of [...old.reverse(), ...old]) {
    group.members.get(message.to)?.core.step(message);
  }
  group.settle();
  assert.deepEqual(group.appliedText(2), ['-', 'a', 'b', 'c']);
  assert.equal(group.core(1).role, 'leader');
});

test('at most a window of messages is under way', () => {
  const limits = { maxInflightMessages: 3, maxAppendBytes: 1 };
  const group = new Group({ voters: [1, 2], limits });
  group.elect(1);
  group.propose(1, ...'abcdefgh');
  group.take(1n);
  assert.equal(appends(group.wire).length, 3);
  group.settle();
  assert.equal(group.core(2).log.lastIndex, 9);
});

test('an unreachable follower is probed, not flooded', () => {
  const group = new Group({ voters: [1, 2], limits: { maxAppendBytes: 1 } });
  group.elect(1);
  group.propose(1, ...'abc');
  group.take(1n);
  group.wire = [];
  group.core(1).reportUnreachable(2n);
  group.take(1n);
  assert.equal(appends(group.wire).length, 1);
  group.wire = [];
  group.core(1).reportUnreachable(2n);
  group.take(1n);
  assert.equal(appends(group.wire).length, 0, 'until a heartbeat is answered');
  group.tick(1);
  group.settle();
  assert.equal(group.core(2).log.lastIndex, 4);
});

test('what a leader may hold uncommitted is limited', () => {
  const group = new Group({ voters: [1, 2, 3], limits: { maxUncommittedBytes: 100 } });
  group.elect(1);
  group.partition([1], [2, 3]);
  assert.equal(group.propose(1, 'x'.repeat(500)), 'accepted', 'one always goes');
  assert.equal(group.propose(1, 'y'), 'full');
  group.cut.clear();
  group.tick(1);
  group.settle();
  assert.equal(group.propose(1, 'y'), 'accepted', 'room again once committed');
});

test('followers learn what is committed without waiting for a heartbeat', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.propose(1, 'a');
  group.settle();
  for (const id of [2, 3]) assert.equal(group.core(id).log.committed, 2);
});

test('an acknowledged entry survives the loss of everything unsynced', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.propose(1, 'kept');
  group.settle();
  group.slow.add(2n).add(3n);
  group.propose(1, 'not acknowledged');
  group.settle();
  for (const id of [1, 2, 3]) group.restart(id);
  group.slow.clear();
  group.partition([1], [2, 3]);
  group.elect(2);
  assert.ok(group.appliedText(2).includes('kept'));
});

test('a core that is told nonsense about its state refuses to start', () => {
  const make = (applied: number): RaftCore =>
    new RaftCore({
      id: 1n,
      random: { next: () => 0, int: () => 0 },
      log: new RaftLog({ index: 0, term: 0 }, entriesOf([1])),
      hardState: { term: 1, vote: 0n, commit: 0 },
      conf: {
        voters: new Set([1n]),
        outgoing: new Set(),
        learners: new Set(),
        learnersNext: new Set(),
      },
      applied,
    });
  assert.equal(make(1).log.committed, 1);
  assert.throws(() => make(2), InvariantError);
});
