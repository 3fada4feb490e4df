import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import type { MemberChange, MemberInfo } from '../ports.ts';
import type { Entry } from '../raft/types.ts';
import { memoryDisk } from '../testing/memory-disk.ts';
import type { Disk } from '../wal/disk.ts';
import { DEFAULT_NODE_LIMITS } from './limits.ts';
import { encodeConfEntry, Membership } from './membership.ts';
import { recoverQuorum } from './recover-quorum.ts';
import { openStorage, type StorageOptions } from './storage.ts';

const info = (id: bigint): MemberInfo => {
  return { id, name: `m${id}`, peerUrls: [`http://h${id}:1`], clientUrls: [], isLearner: false };
};
const MEMBERS = [1n, 2n, 3n].map(info);

function options(disk: Disk, members: readonly MemberInfo[] = MEMBERS): StorageOptions {
  return {
    ...{ disk, dir: 'd', durableIndex: 0, limits: DEFAULT_NODE_LIMITS },
    first: async () => ({ identity: { clusterId: 5n, memberId: 1n }, members }),
    ...{ random: seededRandom(1), clock: new ManualClock(), log: silentLogger },
  };
}

const lost = (disk: Disk) => {
  return { ...options(disk), lastEntry: (term: number) => Buffer.from(`lost in ${term}`) };
};

/** A member's log with more entries than it knows to be committed. */
async function survivorWith(changes: readonly (readonly MemberChange[])[]): Promise<Disk> {
  const { disk } = memoryDisk();
  const { wal } = await openStorage(options(disk));
  const entries = [...changes, undefined].map((change, at): Entry => {
    const place = { index: 4 + at, term: 2 };
    if (change === undefined)
      return { ...place, kind: 'normal', data: Buffer.from('acknowledged') };
    return { ...place, kind: 'conf', data: encodeConfEntry({ nonce: '', changes: change }) };
  });
  await wal.append({ hardState: { term: 7, vote: 2n, commit: 3 }, entries });
  await wal.close();
  return disk;
}

/** What it will apply when it starts. */
async function applied(disk: Disk): Promise<{ data: string[]; membership: Membership }> {
  const { core, wal } = await openStorage(options(disk));
  const { committed } = core.ready();
  await wal.close();
  assert.equal(committed.length, core.log.lastIndex, 'all of the log is committed');
  let membership = Membership.empty;
  for (const entry of committed) {
    if (entry.kind === 'conf') membership = membership.afterEntry(entry.data);
  }
  const normal = committed.filter((entry) => entry.kind === 'normal');
  return { data: normal.map((entry) => Buffer.from(entry.data).toString()), membership };
}

describe('a survivor', () => {
  it('keeps all of its log, in a cluster of its own', async () => {
    const disk = await survivorWith([]);
    const { self, removed } = await recoverQuorum(lost(disk));
    assert.deepEqual([self.id, removed.map((m) => m.id)], [1n, [2n, 3n]]);
    const { data, membership } = await applied(disk);
    // Behind everything this member has, and in a term nobody has been in.
    assert.deepEqual(data, ['acknowledged', 'lost in 8']);
    assert.deepEqual([...membership.conf.voters], [1n]);
    assert.deepEqual(membership.members, [info(1n)]);
  });

  it('may be recovered again, to no effect', async () => {
    const disk = await survivorWith([]);
    await recoverQuorum(lost(disk));
    assert.deepEqual((await recoverQuorum(lost(disk))).removed, []);
    assert.deepEqual([...(await applied(disk)).membership.conf.voters], [1n]);
  });

  it('leaves a joint configuration, and votes even if it was to be a learner', async () => {
    const disk = await survivorWith([
      [
        { type: 'add', member: { ...info(1n), isLearner: true } },
        { type: 'add', member: info(4n) },
      ],
    ]);
    await recoverQuorum(lost(disk));
    const { membership } = await applied(disk);
    assert.deepEqual([...membership.conf.voters], [1n]);
    assert.deepEqual([...membership.conf.learners, ...membership.conf.outgoing], []);
  });

  it('that was removed from its cluster is none', async () => {
    const disk = await survivorWith([[{ type: 'remove', id: 1n }]]);
    await assert.rejects(recoverQuorum(lost(disk)), /removed from its cluster/);
  });

  it('without a log is none', async () => {
    const { disk } = memoryDisk();
    await assert.rejects(recoverQuorum(lost(disk)), ConfigError);
  });
});
