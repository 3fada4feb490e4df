import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { type FakeContext, fakeContext } from '../testing/fake-context.ts';
import { Failover } from './failover.ts';

/** Pre-votes asked for since the last look. */
function preVotes(ctx: FakeContext): number {
  return ctx.core.ready().messages.filter((one) => one.type === 'vote' && one.pre).length;
}

function following(leader: bigint, voters?: readonly bigint[]) {
  const ctx = fakeContext(voters);
  ctx.follow(leader, 1);
  ctx.core.ready();
  const clock = new ManualClock();
  return { ctx, clock, failover: new Failover(ctx, clock) };
}

test('when the leader is gone its follower asks for votes within milliseconds', () => {
  const { ctx, clock, failover } = following(3n);
  failover.onPeerDown(3n);
  clock.advance(4);
  assert.equal(preVotes(ctx), 0);
  clock.advance(25);
  assert.equal(preVotes(ctx), 2);
  assert.equal(ctx.core.term, 1, 'nobody is disturbed');
});

test('others take their turn later', () => {
  // Member 1 comes after member 0; the former leader's place does not count.
  const late = following(3n, [0n, 1n, 3n]);
  late.failover.onPeerDown(3n);
  late.clock.advance(60);
  assert.equal(preVotes(late.ctx), 0);
  late.clock.advance(30);
  assert.equal(preVotes(late.ctx), 2);
  const soon = following(0n, [0n, 1n, 3n]);
  soon.failover.onPeerDown(0n);
  soon.clock.advance(30);
  assert.equal(preVotes(soon.ctx), 2);
});

test('a leader that is heard of again is left in peace', () => {
  const { ctx, clock, failover } = following(3n);
  failover.onPeerDown(3n);
  ctx.follow(3n, 1);
  ctx.core.ready();
  clock.advance(5000);
  assert.equal(preVotes(ctx), 0);
  assert.equal(clock.pendingTimers, 0);
});

test('the loss of a member that does not lead means nothing', () => {
  const { ctx, clock, failover } = following(3n);
  failover.onPeerDown(2n);
  clock.advance(5000);
  assert.equal(preVotes(ctx), 0);
});

test('it tries a few times, then leaves it to the election timeout', () => {
  const { ctx, clock, failover } = following(3n);
  failover.onPeerDown(3n);
  let attempts = 0;
  for (let n = 0; n < 5000; n += 1) {
    clock.advance(1);
    if (preVotes(ctx) > 0) attempts += 1;
  }
  assert.ok(attempts >= 4 && attempts <= 8, `${attempts}`);
  assert.equal(clock.pendingTimers, 0);
});

test('at the start, once somebody can be reached, there is no need to wait', () => {
  const ctx = fakeContext();
  const clock = new ManualClock();
  const failover = new Failover(ctx, clock);
  failover.onPeerUp();
  clock.advance(30);
  assert.equal(preVotes(ctx), 2);
});

test('with a leader a new connection is no reason to stand', () => {
  const { ctx, clock, failover } = following(3n);
  failover.onPeerUp();
  clock.advance(5000);
  assert.equal(preVotes(ctx), 0);
  assert.equal(clock.pendingTimers, 0);
});

test('a stopped member does nothing any more', () => {
  const { ctx, clock, failover } = following(3n);
  failover.onPeerDown(3n);
  failover.stop();
  clock.advance(5000);
  assert.equal(preVotes(ctx), 0);
});
