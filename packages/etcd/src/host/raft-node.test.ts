/** A lone member on a disk in memory: the loop, its failures, and what callers are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import type { MemberInfo, StateMachine } from '../ports.ts';
import { memoryDisk } from '../testing/memory-disk.ts';
import { encodeWrite, newCell, Registers } from '../testing/sim/state-machine.ts';
import { ConsensusStoppedError, LogWriteError, MemberChangeError } from './errors.ts';
import { DEFAULT_NODE_LIMITS, type NodeLimits } from './limits.ts';
import type { PeerAddress, Transport } from './ports.ts';
import { RaftNode } from './raft-node.ts';
import { openStorage } from './storage.ts';

const SELF: MemberInfo = {
  id: 1n,
  name: 'm1',
  peerUrls: ['http://p1'],
  clientUrls: [],
  isLearner: false,
};

interface Setup {
  readonly limits?: Partial<NodeLimits>;
  readonly wrap?: (machine: Registers) => StateMachine;
}

async function start(setup: Setup = {}) {
  const { disk, controls } = memoryDisk();
  const clock = new ManualClock();
  const machine = new Registers({ cell: newCell(), onApplied: () => undefined });
  const stateMachine = setup.wrap?.(machine) ?? machine;
  const limits = { ...DEFAULT_NODE_LIMITS, ...setup.limits };
  const random = seededRandom(1);
  const base = { limits, random, clock, log: silentLogger };
  const storage = await openStorage({
    ...base,
    disk,
    dir: 'w',
    first: async () => ({ identity: { clusterId: 7n, memberId: 1n }, members: [SELF] }),
    durableIndex: 0,
  });
  const fatals: unknown[] = [];
  const peers: (readonly PeerAddress[])[] = [];
  const transport: Transport = {
    start: async () => undefined,
    setPeers: (list) => {
      peers.push(list);
    },
    send: () => undefined,
    sendSnapshot: async () => undefined,
    stop: async () => undefined,
  };
  const node = new RaftNode({
    ...base,
    storage,
    stateMachine,
    transport,
    onFatal: (err) => fatals.push(err),
  });
  await node.start();
  return { node, machine, controls, clock, fatals, peers, storage };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Proposes and waits until it is applied. */
async function write({ node, machine }: Started, key: string, value: number): Promise<void> {
  const applied = new Promise((resolve) => machine.whenApplied(value, resolve));
  await node.propose(encodeWrite({ key, value }));
  await applied;
}

/** Lets what is under way come to rest. */
async function rest(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('a proposal goes to the disk within the turn of the event loop it was made in', async () => {
  const one = await start();
  await write(one, 'k', 1);
  await rest();
  const { wal } = one.storage;
  let turnIsOver = false;
  setImmediate(() => {
    turnIsOver = true;
  });
  const handedLate = new Promise<boolean>((resolve) => {
    const append = wal.append.bind(wal);
    wal.append = (records) => {
      resolve(turnIsOver);
      return append(records);
    };
  });
  await Promise.all([2, 3].map((value) => one.node.propose(encodeWrite({ key: 'k', value }))));
  assert.equal(await handedLate, false);
  await rest();
  await one.node.stop();
});

test('a lone member leads, applies and answers reads without waiting for a tick', async () => {
  const one = await start();
  await write(one, 'k', 1);
  const index = await one.node.readIndex();
  await one.node.waitApplied(index);
  assert.equal(one.machine.read('k')?.value, 1);
  const status = one.node.status();
  assert.deepEqual([status.role, status.leader, status.id], ['leader', 1n, 1n]);
  assert.equal(status.appliedIndex, status.commitIndex);
  assert.deepEqual(
    status.members.map((member) => member.name),
    ['m1'],
  );
  const { proposalsAccepted, proposalsFailed, entriesApplied, leaderChanges } = one.node.counts;
  assert.deepEqual([proposalsAccepted, proposalsFailed, leaderChanges], [1, 0, 1]);
  assert.ok(entriesApplied >= 3);
  await one.node.stop();
});

test('a failed sync ends the member, once, and nobody is told of success', async () => {
  const one = await start();
  await write(one, 'k', 1);
  one.controls.failSyncs = new Error('I/O error');
  await one.node.propose(encodeWrite({ key: 'k', value: 2 }));
  await rest();
  assert.equal(one.fatals.length, 1);
  assert.ok(one.fatals[0] instanceof LogWriteError);
  assert.equal(one.machine.read('k')?.value, 1);
  await assert.rejects(one.node.propose(Buffer.from('x')), ConsensusStoppedError);
  await assert.rejects(one.node.readIndex(), ConsensusStoppedError);
  one.clock.advance(10_000);
  await rest();
  assert.equal(one.fatals.length, 1);
});

test('a log that fails under something else than its own appends ends the member, too', async () => {
  const one = await start();
  await write(one, 'k', 1);
  one.controls.failSyncs = new Error('I/O error');
  // The note of a snapshot that comes, which nobody but its sender would hear of.
  const pending = { point: { index: 40, term: 1 }, data: Buffer.from('{}') };
  await assert.rejects(one.storage.wal.append({ pending }), LogWriteError);
  await rest();
  assert.equal(one.fatals.length, 1);
  assert.ok(one.fatals[0] instanceof LogWriteError);
});

test('a state machine that fails ends the member', async () => {
  const broken = new Error('the state is broken');
  const wrap = (machine: Registers): StateMachine => ({
    durableIndex: () => machine.durableIndex(),
    apply: (entries) => {
      if (entries.some((entry) => Buffer.from(entry.data).includes('"poison"'))) throw broken;
      machine.apply(entries);
    },
    openSnapshot: () => machine.openSnapshot(),
    installSnapshot: (meta, chunks) => machine.installSnapshot(meta, chunks),
  });
  const one = await start({ wrap });
  await one.node.propose(encodeWrite({ key: 'poison', value: 1 }));
  await rest();
  assert.deepEqual(one.fatals, [broken]);
});

test('the log is let go of behind the durable state', async () => {
  const limits = { snapshotCatchUpEntries: 10 };
  const one = await start({ limits });
  for (let value = 1; value <= 50; value += 1) await write(one, 'k', value);
  const { log } = one.storage.core;
  one.clock.advance(1000);
  assert.equal(log.firstIndex, 1, 'nothing is durable in the state yet');
  one.machine.flush();
  one.clock.advance(1000);
  assert.equal(log.firstIndex, log.lastIndex - 10 + 1);
  await one.node.stop();
});

test('much memory in the log is given back as soon as the state is durable', async () => {
  const one = await start({ limits: { maxLogBytes: 1000 } });
  for (let value = 1; value <= 50; value += 1) await write(one, 'k', value);
  one.machine.flush();
  one.clock.advance(1000);
  assert.equal(one.storage.core.log.bytes, 0);
  await one.node.stop();
});

test('membership changes resolve with the membership, and say why they cannot be made', async () => {
  const one = await start();
  await write(one, 'k', 1);
  const learner: MemberInfo = {
    ...SELF,
    id: 2n,
    name: 'm2',
    peerUrls: ['http://p2'],
    isLearner: true,
  };
  const added = await one.node.changeMembers({ type: 'add', member: learner });
  assert.deepEqual(
    added.map((member) => [member.name, member.isLearner]),
    [
      ['m1', false],
      ['m2', true],
    ],
  );
  assert.deepEqual(
    one.peers.at(-1)?.map((peer) => peer.id),
    [2n],
  );
  const renamed = { ...learner, name: 'renamed' };
  const updated = await one.node.changeMembers({ type: 'update', member: renamed });
  assert.equal(updated[1]?.name, 'renamed');
  const refusals: [Parameters<RaftNode['changeMembers']>[0], string][] = [
    [{ type: 'add', member: learner }, 'exists'],
    [{ type: 'promote', id: 2n }, 'learnerNotReady'],
    [{ type: 'promote', id: 1n }, 'notLearner'],
    [{ type: 'remove', id: 9n }, 'notFound'],
    [{ type: 'remove', id: 1n }, 'lastVoter'],
  ];
  for (const [change, code] of refusals) {
    await assert.rejects(one.node.changeMembers(change), (err) => {
      assert.ok(err instanceof MemberChangeError);
      assert.equal(err.code, code);
      return true;
    });
  }
  const left = await one.node.changeMembers({ type: 'remove', id: 2n });
  assert.equal(left.length, 1);
  await one.node.stop();
});

test('leadership goes to voters only, and staying is no transfer', async () => {
  const one = await start();
  await write(one, 'k', 1);
  await one.node.transferLeadership(1n);
  await assert.rejects(one.node.transferLeadership(9n), MemberChangeError);
  await one.node.stop();
});

test('listeners hear of leaders and terms until they are taken off', async () => {
  const one = await start();
  const heard: string[] = [];
  const undo = one.node.onLeadership((status) => heard.push(`${status.role} ${status.term}`));
  await write(one, 'k', 1);
  assert.deepEqual(heard, ['candidate 2', 'leader 2']);
  undo();
  await one.node.stop();
});

test('a stopped member refuses calls and can be stopped again', async () => {
  const one = await start();
  await write(one, 'k', 1);
  const never = one.node.waitApplied(1000n);
  await one.node.stop();
  await one.node.stop();
  await assert.rejects(never, ConsensusStoppedError);
  await assert.rejects(one.node.propose(Buffer.from('x')), ConsensusStoppedError);
  await assert.rejects(one.node.changeMembers({ type: 'remove', id: 1n }), ConsensusStoppedError);
  assert.equal(one.clock.pendingTimers, 0);
});
