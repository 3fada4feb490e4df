import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import type { MemberInfo } from '../ports.ts';
import { type MemoryDiskControls, memoryDisk } from '../testing/memory-disk.ts';
import type { Disk } from '../wal/disk.ts';
import { DataDirMismatchError } from './errors.ts';
import { DEFAULT_NODE_LIMITS, raftLimitsOf, ticksOf } from './limits.ts';
import { Membership } from './membership.ts';
import { openStorage, type Storage, type StorageOptions } from './storage.ts';

const MEMBERS: MemberInfo[] = [1n, 2n, 3n].map((id) => ({
  id,
  name: `m${id}`,
  peerUrls: [],
  clientUrls: [],
  isLearner: false,
}));

function options(disk: Disk, change: Partial<StorageOptions> = {}): StorageOptions {
  return {
    disk,
    dir: 'd',
    first: async () => ({ identity: { clusterId: 5n, memberId: 1n }, members: MEMBERS }),
    durableIndex: 0,
    limits: DEFAULT_NODE_LIMITS,
    random: seededRandom(1),
    clock: new ManualClock(),
    log: silentLogger,
    ...change,
  };
}

/** Applies what is committed, as a node would. @returns how many entries */
function applyAll(storage: Storage): number {
  const { core } = storage;
  const { committed } = core.ready();
  const last = committed.at(-1);
  if (last !== undefined) core.appliedTo(last.index);
  return committed.length;
}

test('a first start holds the members as committed entries', async () => {
  const { disk } = memoryDisk();
  const storage = await openStorage(options(disk));
  assert.deepEqual(storage.identity, { clusterId: 5n, memberId: 1n });
  assert.deepEqual(storage.membership.members, []);
  assert.equal(storage.core.term, 1);
  assert.equal(applyAll(storage), 3);
  await storage.wal.close();
});

test('all first members write the same first entries', async () => {
  const logs: string[] = [];
  for (const order of [MEMBERS, [...MEMBERS].reverse()]) {
    const { disk } = memoryDisk();
    const first = async () => ({ identity: { clusterId: 5n, memberId: 1n }, members: order });
    const storage = await openStorage(options(disk, { first }));
    const { log } = storage.core;
    logs.push(JSON.stringify(log.slice(1, 4, 1e6).map((entry) => String(entry.data))));
    await storage.wal.close();
  }
  assert.equal(logs[0], logs[1]);
});

test('a member that joins starts with nothing, and does not stand for election', async () => {
  const { disk } = memoryDisk();
  const first = async () => ({ identity: { clusterId: 5n, memberId: 9n }, members: [] });
  const storage = await openStorage(options(disk, { first }));
  assert.equal(storage.core.log.lastIndex, 0);
  storage.core.campaign();
  assert.equal(storage.core.role, 'follower');
  await storage.wal.close();
});

test('a restarted member is who its log says, and is not asked again', async () => {
  const { disk } = memoryDisk();
  const storage = await openStorage(options(disk));
  const data = new Membership(storage.membership.conf, []).encode();
  await storage.wal.append({
    hardState: { term: 6, vote: 3n, commit: 3 },
    conf: { index: 3, data },
  });
  await storage.wal.close();
  const first = () => Promise.reject(new Error('asked'));
  const again = await openStorage(options(disk, { first, durableIndex: 2 }));
  assert.deepEqual(again.identity, { clusterId: 5n, memberId: 1n });
  assert.deepEqual([again.core.term, again.core.log.applied], [6, 2]);
  assert.equal(applyAll(again), 1, 'only what is not durable in the state is applied again');
  assert.equal(again.newestIndex, 3);
  await again.wal.close();
});

test('a membership applied before its record was durable is made good from the log', async () => {
  const { disk } = memoryDisk();
  const storage = await openStorage(options(disk));
  await storage.wal.close();
  // The state machine has the first entries; the records of the memberships they made were lost.
  const again = await openStorage(options(disk, { durableIndex: 2 }));
  assert.deepEqual(
    again.membership.members.map((member) => member.name),
    ['m1', 'm2'],
  );
  assert.equal(again.core.conf.voters.size, 2);
  await again.wal.close();
});

test('a recorded membership is known to be committed', async () => {
  const { disk } = memoryDisk();
  const storage = await openStorage(options(disk));
  const data = new Membership(storage.membership.conf, []).encode();
  const entries = [4, 5].map((index) => ({
    ...{ index, term: 1, data: Buffer.alloc(1) },
    kind: 'normal' as const,
  }));
  await storage.wal.append({ entries, conf: { index: 4, data } });
  await storage.wal.close();
  const again = await openStorage(options(disk));
  assert.equal(again.core.log.committed, 4);
  await again.wal.close();
});

async function prepared(): Promise<{ disk: Disk; controls: MemoryDiskControls }> {
  const made = memoryDisk();
  const storage = await openStorage(options(made.disk));
  await storage.wal.close();
  return made;
}

test('a state that does not fit its log is refused', async () => {
  const { disk } = await prepared();
  await assert.rejects(openStorage(options(disk, { durableIndex: 50 })), DataDirMismatchError);
  const { disk: empty } = memoryDisk();
  await assert.rejects(openStorage(options(empty, { durableIndex: 3 })), /the log is gone/);
});

test('an installation of a snapshot that a crash interrupted is finished', async () => {
  const { disk } = await prepared();
  const point = { index: 40, term: 2 };
  const { wal, membership } = await openStorage(options(disk));
  await wal.append({ pending: { point, data: membership.encode() } });
  await wal.close();
  // Before the state was replaced: the note means nothing.
  const before = await openStorage(options(disk, { durableIndex: 2 }));
  assert.equal(before.core.log.lastIndex, 3);
  await before.wal.close();
  // After: the state is at 40, the log follows.
  const after = await openStorage(options(disk, { durableIndex: 40 }));
  assert.deepEqual(after.core.log.last, point);
  assert.deepEqual([after.core.log.committed, after.core.term], [40, 2]);
  await after.wal.close();
  const once = await openStorage(options(disk, { durableIndex: 40 }));
  assert.deepEqual(once.core.log.offset, point);
  await once.wal.close();
});

test('times become ticks', () => {
  assert.equal(raftLimitsOf(DEFAULT_NODE_LIMITS).electionTicks, 10);
  assert.equal(raftLimitsOf({ ...DEFAULT_NODE_LIMITS, heartbeatMs: 500 }).electionTicks, 2);
  assert.equal(ticksOf(DEFAULT_NODE_LIMITS, 1), 1);
  assert.equal(ticksOf(DEFAULT_NODE_LIMITS, 250), 3);
});
