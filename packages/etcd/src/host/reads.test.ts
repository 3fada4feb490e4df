import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeContext } from '../testing/fake-context.ts';
import {
  ConsensusStoppedError,
  ConsensusTimeoutError,
  NoLeaderError,
  TooManyProposalsError,
} from './errors.ts';
import type { PeerMessage } from './ports.ts';
import { Reads } from './reads.ts';

/** What the core asked the leader for. */
function asked(messages: readonly PeerMessage[]): number[] {
  return messages.flatMap((one) => (one.type === 'readIndex' ? [one.context] : []));
}

test('reads that come together share a question, later ones the next', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const reads = new Reads(ctx);
  const first = [reads.read(), reads.read()];
  reads.issue();
  const later = reads.read();
  reads.issue();
  const [context, ...others] = asked(ctx.core.ready().messages);
  assert.ok(context !== undefined);
  assert.deepEqual(others, []);
  reads.settle([{ context, index: 12 }], []);
  assert.deepEqual(await Promise.all(first), [12n, 12n]);
  reads.issue();
  const [second] = asked(ctx.core.ready().messages);
  assert.ok(second !== undefined && second !== context);
  reads.settle([{ context: second, index: 13 }], []);
  assert.equal(await later, 13n);
});

test('answers to earlier attempts do not count', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const reads = new Reads(ctx);
  const read = reads.read();
  reads.issue();
  const [first] = asked(ctx.core.ready().messages);
  ctx.tick = 5;
  reads.tick();
  const [second] = asked(ctx.core.ready().messages);
  assert.ok(first !== undefined && second !== undefined && first !== second);
  reads.settle([{ context: first, index: 1 }], []);
  reads.settle([{ context: second, index: 2 }], []);
  assert.equal(await read, 2n);
});

test('a new leader is asked at once', () => {
  const ctx = fakeContext();
  const reads = new Reads(ctx);
  reads.read().catch(() => undefined);
  reads.issue();
  assert.deepEqual(asked(ctx.core.ready().messages), []);
  ctx.follow(3n, 2);
  reads.onLeader();
  assert.equal(asked(ctx.core.ready().messages).length, 1);
});

test('a dropped read is asked again, a lost one times out', async () => {
  const ctx = fakeContext();
  ctx.follow(2n, 1);
  const reads = new Reads(ctx);
  const read = reads.read();
  reads.issue();
  const [context = 0] = asked(ctx.core.ready().messages);
  reads.settle([], [context]);
  ctx.tick = 5;
  reads.tick();
  assert.equal(asked(ctx.core.ready().messages).length, 1);
  ctx.tick = 70;
  reads.tick();
  await assert.rejects(read, ConsensusTimeoutError);
});

test('without a leader it says so', async () => {
  const ctx = fakeContext();
  const reads = new Reads(ctx);
  const read = reads.read();
  reads.issue();
  ctx.tick = 70;
  reads.tick();
  await assert.rejects(read, NoLeaderError);
});

test('it says so soon where nobody has led for longer than an election takes', async () => {
  const ctx = fakeContext();
  const reads = new Reads(ctx);
  reads.tick();
  ctx.tick = 70;
  reads.tick();
  const read = reads.read();
  reads.issue();
  ctx.tick = 89;
  reads.tick();
  ctx.tick = 90;
  reads.tick();
  await assert.rejects(read, NoLeaderError);
});

test('limits and stopping', async () => {
  const ctx = fakeContext([1n, 2n], { maxWaiting: 1 });
  const reads = new Reads(ctx);
  const read = reads.read();
  await assert.rejects(reads.read(), TooManyProposalsError);
  reads.stop();
  await assert.rejects(read, ConsensusStoppedError);
});
