/** When a leader tells its followers what is committed, and when a follower answers: a member beside one that is played here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import type { MemberInfo } from '../ports.ts';
import type { AppendRequest } from '../raft/types.ts';
import { memoryDisk } from '../testing/memory-disk.ts';
import { encodeWrite, newCell, Registers } from '../testing/sim/state-machine.ts';
import { DEFAULT_NODE_LIMITS } from './limits.ts';
import type { PeerMessage, Transport, TransportHandlers } from './ports.ts';
import { RaftNode } from './raft-node.ts';
import { openStorage } from './storage.ts';

const limits = { ...DEFAULT_NODE_LIMITS, commitHoldMs: 50 };

const memberOf = (id: bigint): MemberInfo => {
  return { id, name: `m${id}`, peerUrls: [`http://p${id}`], clientUrls: [], isLearner: false };
};

/** Lets what is under way come to rest. */
async function rest(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Member 1 of two; member 2 is the test, which votes for it and takes every entry. */
async function start() {
  const clock = new ManualClock();
  const order: string[] = [];
  const machine = new Registers({ cell: newCell(), onApplied: () => order.push('applied') });
  const appends: AppendRequest[] = [];
  let handlers: TransportHandlers | undefined;
  const deliver = (message: PeerMessage): void => handlers?.onMessages([message]);
  const play = (message: PeerMessage): void => {
    const ends = { from: 2n, to: 1n, term: message.term };
    if (message.type === 'vote') {
      const { pre } = message;
      queueMicrotask(() => deliver({ type: 'voteResponse', ...ends, pre, granted: true }));
    } else if (message.type === 'append') {
      appends.push(message);
      const index = message.prev.index + message.entries.length;
      const rest = { rejected: false, index, hint: { index: 0, term: 0 } };
      queueMicrotask(() => deliver({ type: 'appendResponse', ...ends, ...rest }));
    } else if (message.type === 'appendResponse') order.push(`answered ${message.index}`);
  };
  const transport: Transport = {
    start: async (given) => {
      handlers = given;
    },
    setPeers: () => undefined,
    send: (messages) => messages.forEach(play),
    sendSnapshot: async () => undefined,
    stop: async () => undefined,
  };
  const base = { limits, random: seededRandom(1), clock, log: silentLogger };
  const storage = await openStorage({
    ...base,
    disk: memoryDisk().disk,
    dir: 'w',
    first: async () => ({
      identity: { clusterId: 7n, memberId: 1n },
      members: [memberOf(1n), memberOf(2n)],
    }),
    durableIndex: 0,
  });
  const fail = (err: unknown): never => {
    throw err;
  };
  const node = new RaftNode({ ...base, storage, stateMachine: machine, transport, onFatal: fail });
  await node.start();
  return { node, machine, clock, appends, deliver, order };
}

type Started = Awaited<ReturnType<typeof start>>;

async function lead({ node, clock, appends }: Started): Promise<void> {
  while (node.status().role !== 'leader') {
    clock.advance(limits.heartbeatMs);
    await rest();
  }
  clock.advance(limits.commitHoldMs);
  await rest();
  appends.length = 0;
}

async function write({ node, machine }: Started, value: number): Promise<void> {
  const applied = new Promise((resolve) => machine.whenApplied(value, resolve));
  await node.propose(encodeWrite({ key: 'k', value }));
  await applied;
  await rest();
}

/** A leader hands over first; nobody takes over here, so that takes its time. */
async function stop({ node, clock }: Started): Promise<void> {
  let isOver = false;
  const stopped = node.stop().then(() => {
    isOver = true;
  });
  while (!isOver) {
    clock.advance(limits.heartbeatMs);
    await rest();
  }
  await stopped;
}

test('a follower learns what is committed with the next entries, or soon', async () => {
  const one = await start();
  await lead(one);
  await write(one, 1);
  await write(one, 2);
  assert.deepEqual(
    one.appends.map(({ entries }) => entries.length),
    [1, 1],
    'no message for a commit index alone',
  );
  const [, second] = one.appends;
  assert.equal(second?.commit, second?.prev.index, 'the second write tells of the first');
  one.clock.advance(limits.commitHoldMs);
  await rest();
  const { entries, commit } = one.appends.at(-1) ?? assert.fail('nothing was sent');
  assert.deepEqual([entries.length, commit], [0, Number(one.node.status().commitIndex)]);
  await stop(one);
  assert.equal(one.clock.pendingTimers, 0);
});

test('each commit may wait its whole time for the next entries', async () => {
  const one = await start();
  await lead(one);
  const most = limits.commitHoldMs;
  await write(one, 1);
  one.clock.advance(most - 10);
  await write(one, 2);
  one.clock.advance(most - 10);
  await rest();
  const sizes = () => one.appends.map(({ entries }) => entries.length);
  assert.deepEqual(
    sizes(),
    [1, 1],
    'the first was told of by the second, which has waited less than that',
  );
  one.clock.advance(10);
  await rest();
  assert.deepEqual(sizes(), [1, 1, 0]);
  await stop(one);
  assert.equal(one.clock.pendingTimers, 0);
});

test('one that waits for its own proposal is told at once', async () => {
  const one = await start();
  await lead(one);
  const term = Number(one.node.status().term);
  const data = encodeWrite({ key: 'k', value: 7 });
  const ends = { from: 2n, to: 1n, term } as const;
  one.deliver({ type: 'forward', ...ends, requestId: 1, kind: 'normal', data });
  await rest();
  const { entries, commit } = one.appends.at(-1) ?? assert.fail('nothing was sent');
  assert.deepEqual([entries.length, commit], [0, Number(one.node.status().commitIndex)]);
  await stop(one);
});

/** An entry of member 2, which leads term 5, as the next one. */
function append({ node, deliver }: Started, commit: bigint): void {
  const last = Number(node.status().lastIndex);
  const index = last + 1;
  const prev = { index: last, term: node.status().term === 5n ? 5 : 1 };
  const data = encodeWrite({ key: 'k', value: index });
  const entries = [{ index, term: 5, kind: 'normal', data }] as const;
  const ends = { from: 2n, to: 1n, term: 5 } as const;
  deliver({ type: 'append', ...ends, prev, commit: Number(commit), entries });
}

test('a follower answers before it applies what came with the entries', async () => {
  const one = await start();
  const { node, order } = one;
  const last = Number(node.status().lastIndex);
  order.length = 0;
  append(one, node.status().lastIndex);
  await rest();
  append(one, node.status().lastIndex);
  await rest();
  assert.deepEqual(order, [`answered ${last + 1}`, `answered ${last + 2}`, 'applied']);
  await stop(one);
});

test('a follower applies although entries come in every turn', async () => {
  const one = await start();
  const { node } = one;
  for (let n = 0; n < 30; n += 1) {
    append(one, node.status().lastIndex);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { appliedIndex, lastIndex } = node.status();
  assert.ok(appliedIndex > lastIndex - 10n, `${appliedIndex} of ${lastIndex} are applied`);
  await stop(one);
});
