import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Group } from '../testing/group.ts';
import { NONE, type VoteRequest } from './types.ts';

const ELECTION = 10;

function voteFor(from: number, to: number, term: number, last: [number, number]): VoteRequest {
  return {
    type: 'vote',
    from: BigInt(from),
    to: BigInt(to),
    term,
    pre: false,
    forced: false,
    last: { index: last[0], term: last[1] },
  };
}

test('a lone voter leads once its own vote is durable', () => {
  const group = new Group({ voters: [1] });
  group.slow.add(1n);
  group.core(1).campaign();
  group.settle();
  assert.equal(group.core(1).role, 'candidate', 'the disk has not answered');
  group.syncDisk(1);
  assert.equal(group.core(1).role, 'leader');
  group.slow.clear();
  group.settle();
  assert.deepEqual(group.appliedText(1), ['-']);
});

test('the first to time out wins and the others follow', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.tick(2, 2 * ELECTION);
  group.settle();
  assert.equal(group.core(2).role, 'leader');
  for (const id of [1, 3]) {
    assert.deepEqual([group.core(id).leader, group.core(id).term], [2n, 1]);
  }
});

test('election timeouts lie between one and two election periods and differ by seed', () => {
  const timeouts = new Set<number>();
  for (let seed = 1; seed <= 40; seed += 1) {
    const group = new Group({ voters: [1, 2], seed });
    let ticks = 0;
    while (group.core(1).role === 'follower') {
      group.tick(1);
      ticks += 1;
    }
    assert.ok(ticks >= ELECTION && ticks < 2 * ELECTION, `${ticks}`);
    timeouts.add(ticks);
  }
  assert.ok(timeouts.size > 4);
});

test('a candidate needs a majority', () => {
  const group = new Group({ voters: [1, 2, 3, 4, 5] });
  group.partition([1, 2], [3, 4, 5]);
  group.elect(1);
  assert.equal(group.core(1).role, 'preCandidate');
  assert.equal(group.core(1).term, 0, 'asking changes no term');
  group.elect(3);
  assert.equal(group.core(3).role, 'leader');
});

test('a log that lacks entries of a quorum does not win', () => {
  const cases: [mine: number[], theirs: number[], wins: boolean][] = [
    [[1], [1, 1], false],
    [[2], [1, 1], true],
    [[1, 1], [2], false],
    [[1, 2], [1, 2], true],
    [[1, 2, 2], [1, 2], true],
  ];
  for (const [mine, theirs, wins] of cases) {
    const group = new Group({ voters: [1, 2, 3], terms: { 1: mine, 2: theirs, 3: theirs } });
    group.elect(1);
    assert.equal(group.core(1).role === 'leader', wins, `${mine} against ${theirs}`);
  }
});

test('one vote a term, to the first who asks, and the same again for the same', () => {
  const group = new Group({ voters: [1, 2, 3] });
  const answers = (from: number): unknown[] => {
    group.core(3).step(voteFor(from, 3, 5, [0, 0]));
    group.take(3n);
    const out = group.wire.map((m) => (m.type === 'voteResponse' ? m.granted : m.type));
    group.wire = [];
    return out;
  };
  assert.deepEqual(answers(1), [true]);
  assert.deepEqual(answers(2), [false]);
  assert.deepEqual(answers(1), [true]);
});

test('a vote survives a restart: it leaves only when it is on disk', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.slow.add(3n);
  group.core(3).step(voteFor(1, 3, 5, [0, 0]));
  group.take(3n);
  assert.deepEqual(group.wire, [], 'nothing is promised yet');
  group.syncDisk(3);
  assert.equal(group.wire.length, 1);
  group.wire = [];
  group.restart(3);
  group.slow.clear();
  group.core(3).step(voteFor(2, 3, 5, [0, 0]));
  group.take(3n);
  assert.deepEqual(
    group.wire.map((m) => m.type === 'voteResponse' && m.granted),
    [false],
  );
});

test('a returning member with an idle leader disturbs nobody', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([3], [1, 2]);
  group.tick(3, 5 * ELECTION);
  group.settle();
  assert.equal(group.core(3).term, 1, 'a pre-vote raises no term');
  group.cut.clear();
  group.core(3).campaign();
  group.settle();
  assert.equal(group.core(1).role, 'leader');
  assert.equal(group.core(1).term, 1);
});

test('nobody votes against a leader it hears, however high the term', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.core(2).step(voteFor(3, 2, 9, [99, 9]));
  group.take(2n);
  assert.deepEqual(group.wire, []);
  assert.equal(group.core(2).term, 1);
});

test('a lost connection to the leader ends its lease', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([1], [2, 3]);
  group.core(2).campaign();
  group.settle();
  assert.equal(group.core(2).role, 'follower', 'within the lease there is no campaign');
  group.core(2).suspectLeader();
  group.core(3).suspectLeader();
  group.core(2).campaign();
  group.settle();
  assert.equal(group.core(2).role, 'leader');
});

test('suspicion ends when the leader is heard of again', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.core(2).suspectLeader();
  group.tick(1);
  group.settle();
  group.core(2).campaign();
  group.settle();
  assert.equal(group.core(1).role, 'leader');
  assert.equal(group.core(2).role, 'follower');
});

test('a leader that hears no majority steps down', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([1], [2, 3]);
  group.tick(1, 2 * ELECTION);
  group.settle();
  assert.deepEqual([group.core(1).role, group.core(1).leader], ['follower', NONE]);
});

test('a leader that hears one of two others stays', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([3], [1, 2]);
  for (let n = 0; n < 5 * ELECTION; n += 1) {
    group.tick(1);
    group.settle();
  }
  assert.equal(group.core(1).role, 'leader');
});

test('a deposed leader follows when it hears of a newer term', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.partition([1], [2, 3]);
  group.core(2).suspectLeader();
  group.core(3).suspectLeader();
  group.elect(2);
  assert.equal(group.core(1).role, 'leader', 'it does not know yet');
  group.cut.clear();
  group.tick(1);
  group.settle();
  group.tick(2);
  group.settle();
  assert.deepEqual([group.core(1).role, group.core(1).leader], ['follower', 2n]);
});

test('a member stuck in a newer term is taken back in', () => {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  // It stood for election once, before the others could answer.
  group.core(3).step(voteFor(9, 3, 0, [0, 0]));
  group.get(3).hardState = { term: 7, vote: 3n, commit: 0 };
  group.restart(3);
  group.tick(1);
  group.settle();
  assert.equal(group.core(1).role, 'follower', 'the newer term wins');
  group.elect(1);
  assert.deepEqual([group.core(1).role, group.core(1).term], ['leader', 8]);
  assert.equal(group.core(3).leader, 1n);
});

test('learners and strangers do not stand', () => {
  const group = new Group({ voters: [1, 2], learners: [3] });
  group.tick(3, 5 * ELECTION);
  group.core(3).campaign();
  group.settle();
  assert.equal(group.core(3).role, 'follower');
  assert.equal(group.core(3).term, 0);
});

test('a split vote is decided by a later campaign', () => {
  const group = new Group({ voters: [1, 2, 3, 4] });
  group.core(1).campaign();
  group.core(2).campaign();
  group.settle();
  const leaders = [1, 2].filter((id) => group.core(id).role === 'leader');
  assert.ok(leaders.length <= 1);
  for (let n = 0; n < 6 * ELECTION && leaders.length === 0; n += 1) {
    for (const id of [1, 2, 3, 4]) group.tick(id);
    group.settle();
    leaders.push(...[1, 2, 3, 4].filter((id) => group.core(id).role === 'leader'));
  }
  assert.equal(leaders.length, 1);
});
