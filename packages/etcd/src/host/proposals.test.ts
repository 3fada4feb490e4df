import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from '../raft/types.ts';
import { type FakeContext, fakeContext } from '../testing/fake-context.ts';
import {
  ConsensusError,
  ConsensusStoppedError,
  MemberChangeError,
  NoLeaderError,
  ProposalDroppedError,
  TooManyProposalsError,
} from './errors.ts';
import type { Forward } from './ports.ts';
import { Proposals } from './proposals.ts';

const DATA = Buffer.from('a proposal with an id');

function proposals(ctx: FakeContext, answer = 'accepted') {
  const taken: Uint8Array[] = [];
  const made = new Proposals(ctx, (_kind, data) => {
    taken.push(data);
    return answer;
  });
  return { made, taken };
}

function lastForward(ctx: FakeContext): Forward {
  const message = ctx.sent.findLast((one) => one.type === 'forward');
  assert.ok(message?.type === 'forward');
  return message;
}

function reply(ctx: FakeContext, made: Proposals, result: string): void {
  const { from, to, term, requestId } = lastForward(ctx);
  made.onReply({ type: 'forwardReply', from: to, to: from, term, requestId, result });
}

const entry = (index: number, term: number, data: Uint8Array = Buffer.alloc(0)): Entry => ({
  index,
  term,
  kind: 'normal',
  data,
});

/** Whether a promise is settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

test('the leader takes its own proposals', async () => {
  const ctx = fakeContext([1n]);
  ctx.lead();
  const { made, taken } = proposals(ctx);
  await made.propose('normal', DATA);
  assert.deepEqual(taken, [DATA]);
  assert.equal(made.counts.accepted, 1);
  assert.equal(made.pending, 1, 'followed up until it is applied');
  made.onApplied([entry(2, 1, DATA)]);
  assert.equal(made.pending, 0);
});

test('each refusal of the leader has its error', async () => {
  const cases: [string, new (...args: never[]) => Error][] = [
    ['full', TooManyProposalsError],
    ['pending', MemberChangeError],
    ['learnerNotReady', MemberChangeError],
    ['malformed', ProposalDroppedError],
  ];
  for (const [answer, type] of cases) {
    const ctx = fakeContext([1n]);
    ctx.lead();
    const { made } = proposals(ctx, answer);
    await assert.rejects(made.propose('conf', DATA), (err) => {
      assert.ok(err instanceof type && err instanceof ConsensusError, answer);
      assert.equal(err.outcomeUnknown, false);
      return true;
    });
    assert.equal(made.pending, 0);
  }
});

test('a follower forwards, in its term, and resolves with the answer', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 4);
  const { made, taken } = proposals(ctx);
  const done = made.propose('normal', DATA);
  const { to, term, data, kind } = lastForward(ctx);
  assert.deepEqual([to, term, data, kind], [2n, 4, DATA, 'normal']);
  assert.equal(await settled(done), false);
  reply(ctx, made, 'accepted');
  await done;
  assert.deepEqual(taken, []);
});

test('without a leader a proposal waits for one, not for ever', async () => {
  const ctx = fakeContext();
  const { made } = proposals(ctx);
  const served = made.propose('normal', DATA);
  ctx.follow(3n, 1);
  made.onLeader();
  reply(ctx, made, 'accepted');
  await served;

  const other = fakeContext();
  const unserved = proposals(other).made;
  const failing = unserved.propose('normal', DATA);
  other.tick = 20;
  unserved.tick();
  await assert.rejects(failing, NoLeaderError);
  // It was reported as undone, so no later leader may get it.
  other.follow(3n, 1);
  unserved.onLeader();
  assert.equal(other.sent.filter((one) => one.type === 'forward').length, 0);
  assert.equal(unserved.pending, 0);
});

test('an unanswered forward is sent again with the same number, then given up as unknown', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const { made } = proposals(ctx);
  const done = made.propose('normal', DATA);
  const first = lastForward(ctx);
  ctx.tick = 5;
  made.tick();
  assert.equal(ctx.sent.length, 2);
  assert.equal(lastForward(ctx).requestId, first.requestId);
  ctx.tick = 20;
  made.tick();
  await assert.rejects(done, (err) => {
    assert.ok(err instanceof ProposalDroppedError);
    assert.equal(err.outcomeUnknown, true);
    return true;
  });
});

test('a proposal that is applied is accepted, whether or not the answer came', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const { made } = proposals(ctx);
  const done = made.propose('normal', DATA);
  made.onApplied([entry(5, 1, DATA)]);
  await done;
  assert.equal(made.pending, 0);
});

test('a proposal lost with its leader goes to the next one once a later term is applied', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const { made } = proposals(ctx);
  const done = made.propose('normal', DATA);
  const first = lastForward(ctx);
  ctx.follow(3n, 2);
  made.onLeader();
  made.onApplied([entry(5, 1, Buffer.from('of another'))]);
  assert.equal(ctx.sent.length, 1, 'the old term may still hold it');
  made.onApplied([entry(6, 2)]);
  const second = lastForward(ctx);
  assert.deepEqual([second.to, second.term], [3n, 2]);
  assert.notEqual(second.requestId, first.requestId);
  reply(ctx, made, 'accepted');
  await done;
  assert.equal(made.counts.retried, 1);
});

test('also one that had been accepted', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const { made } = proposals(ctx);
  const done = made.propose('normal', DATA);
  reply(ctx, made, 'accepted');
  await done;
  ctx.follow(3n, 2);
  made.onApplied([entry(6, 2)]);
  assert.deepEqual([lastForward(ctx).to, lastForward(ctx).term], [3n, 2]);
});

test('one that the former leader had committed is not sent again', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const { made } = proposals(ctx);
  const done = made.propose('normal', DATA);
  ctx.follow(3n, 2);
  made.onApplied([entry(5, 1, DATA), entry(6, 2)]);
  await done;
  assert.equal(ctx.sent.length, 1);
});

test('"not the leader" proves nothing: an earlier copy may have been taken', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const { made } = proposals(ctx);
  const done = made.propose('normal', DATA);
  reply(ctx, made, 'notLeader');
  assert.equal(await settled(done), false);
  assert.equal(ctx.sent.length, 1);
  made.onApplied([entry(3, 1, DATA)]);
  await done;
});

test('answers of another term are not for this attempt', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const { made } = proposals(ctx);
  const done = made.propose('normal', DATA);
  const { requestId } = lastForward(ctx);
  const stale = { type: 'forwardReply', from: 2n, to: 1n, term: 9, requestId } as const;
  made.onReply({ ...stale, result: 'accepted' });
  assert.equal(await settled(done), false);
  made.stop();
  await assert.rejects(done, ConsensusStoppedError);
});

test('a leader that hands over keeps proposals until the next one leads', async () => {
  const ctx = fakeContext([1n]);
  ctx.lead();
  const answers = ['transferring', 'accepted'];
  const made = new Proposals(ctx, () => answers.shift() ?? 'accepted');
  const done = made.propose('normal', DATA);
  assert.equal(await settled(done), false);
  made.tick();
  await done;
});

test('a snapshot in place of entries leaves the outcome unknown', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const { made } = proposals(ctx);
  const done = made.propose('normal', DATA);
  made.onSnapshot(3);
  await assert.rejects(done, (err) => err instanceof ProposalDroppedError && err.outcomeUnknown);
});

test('there is a limit to what may wait', async () => {
  const ctx = fakeContext([1n, 2n, 3n], { maxWaiting: 2 });
  const { made } = proposals(ctx);
  const waiting = [made.propose('normal', DATA), made.propose('normal', DATA)];
  await assert.rejects(made.propose('normal', DATA), TooManyProposalsError);
  made.stop();
  for (const one of waiting) await assert.rejects(one, ConsensusStoppedError);
});

test('a leader takes a forward once, in the right term only', () => {
  const ctx = fakeContext([1n]);
  ctx.lead();
  const { made, taken } = proposals(ctx);
  const { term } = ctx.core;
  const forward: Forward = {
    type: 'forward',
    from: 2n,
    to: 1n,
    term,
    requestId: 9,
    kind: 'normal',
    data: DATA,
  };
  made.onForward(forward);
  made.onForward(forward);
  made.onForward({ ...forward, term: term - 1, requestId: 10 });
  assert.equal(taken.length, 1);
  const results = ctx.sent.map((one) => one.type === 'forwardReply' && one.result);
  assert.deepEqual(results, ['accepted', 'accepted', 'notLeader']);
});
