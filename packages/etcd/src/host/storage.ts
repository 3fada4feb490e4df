/**
 * From a data directory to a running core: a new cluster, a joining member, or what a former life left behind.
 *
 * The state machine's durable index D and the log must fit: entries after D are applied again, the membership starts as of
 * D. The one gap allowed is a snapshot whose installation a crash interrupted after the state was replaced: the log
 * then says which point that was ("pending"), and is replaced now.
 */
import type { Clock, Logger, Random } from '@kubets/platform';
import type { Vault } from '../encryption/vault.ts';
import type { MemberInfo } from '../ports.ts';
import { RaftCore } from '../raft/core.ts';
import { RaftLog } from '../raft/log.ts';
import { type Entry, NONE } from '../raft/types.ts';
import type { Disk } from '../wal/disk.ts';
import type { Recovered } from '../wal/recover.ts';
import { Wal, type WalAppend, type WalIdentity, type WalSync } from '../wal/wal.ts';
import { DataDirMismatchError } from './errors.ts';
import { type NodeLimits, raftLimitsOf } from './limits.ts';
import { encodeConfEntry, Membership } from './membership.ts';

export interface StorageOptions {
  readonly disk: Disk;
  readonly dir: string;
  /** Asked only when there is no log yet. A restarted member is who its log says. */
  readonly first: () => Promise<FirstStart>;
  readonly durableIndex: number;
  readonly limits: NodeLimits;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onWalSync?: ((sync: WalSync) => void) | undefined;
  /** Encrypts the log. */
  readonly vault?: Vault | undefined;
}

/** Who a member without a log is. */
export interface FirstStart {
  readonly identity: WalIdentity;
  /** Members of a cluster's first start; empty for a member that joins, which learns them from the log. */
  readonly members: readonly MemberInfo[];
}

export interface Storage {
  readonly identity: WalIdentity;
  readonly wal: Wal;
  readonly core: RaftCore;
  /** As of the state machine's durable index. */
  readonly membership: Membership;
  /** The newest membership the log knows of: for addresses. */
  readonly newest: Membership;
  readonly newestIndex: number;
}

function walOptions(options: StorageOptions) {
  const { disk, dir, log, clock, onWalSync, vault } = options;
  const onSync = onWalSync === undefined ? {} : { onSync: onWalSync };
  return { disk, dir, log, clock, vault, limits: options.limits.wal, ...onSync };
}

/** The first entries of a new cluster: one conf entry a member, the same bytes on every member, committed from the start. */
export function firstEntries(members: readonly MemberInfo[]): Entry[] {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  return sorted.map((member, at) => ({
    index: at + 1,
    term: 1,
    kind: 'conf',
    data: encodeConfEntry({ nonce: '', changes: [{ type: 'add', member }] }),
  }));
}

function firstAppend(members: readonly MemberInfo[]): WalAppend {
  const conf = { index: 0, data: Membership.empty.encode() };
  if (members.length === 0) return { conf };
  const entries = firstEntries(members);
  return { conf, entries, hardState: { term: 1, vote: NONE, commit: entries.length } };
}

/**
 * Opens or creates a member's log and builds its core.
 * @throws CorruptLogError, DataDirMismatchError
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  if (!(await Wal.exists(walOptions(options)))) {
    if (options.durableIndex > 0) {
      throw mismatch(options, 'the state is there but the log is gone');
    }
    const { identity, members } = await options.first();
    const created = await Wal.create(walOptions(options), identity, firstAppend(members));
    await created.close();
  }
  const { wal, recovered } = await Wal.open(walOptions(options));
  try {
    return await build(options, wal, recovered);
  } catch (err) {
    await wal.close();
    throw err;
  }
}

function mismatch(options: StorageOptions, what: string): DataDirMismatchError {
  return new DataDirMismatchError(
    `${options.dir}: ${what}; this member's data is unusable: remove its data directory and add it to the cluster again, ` +
      'or restore it from a backup',
  );
}

async function build(options: StorageOptions, wal: Wal, found: Recovered): Promise<Storage> {
  const { durableIndex: durable } = options;
  const identity = { clusterId: found.clusterId, memberId: found.memberId };
  const recovered = await finishSnapshot(options, wal, found);
  const log = new RaftLog(recovered.offset, recovered.entries);
  if (durable > log.lastIndex) {
    throw mismatch(options, `the state is at ${durable} but the log ends at ${log.lastIndex}`);
  }
  if (durable < log.offset.index) {
    throw mismatch(options, `the state is at ${durable} but the log starts at ${log.firstIndex}`);
  }
  const record = recovered.confs.findLast((conf) => conf.index <= durable);
  if (record === undefined) throw mismatch(options, `no membership is known as of ${durable}`);
  // The record of a change can be behind the state that has applied it: the entries tell.
  let membership = Membership.decode(record.data);
  for (const entry of recovered.entries) {
    const between = entry.index > record.index && entry.index <= durable;
    if (between && entry.kind === 'conf') membership = membership.afterEntry(entry.data);
  }
  // A membership is recorded when it is applied, so everything up to there is committed.
  const newestIndex = recovered.confs.at(-1)?.index ?? 0;
  const commit = Math.max(recovered.hardState.commit, newestIndex);
  const core = new RaftCore({
    id: identity.memberId,
    random: options.random,
    log,
    hardState: { ...recovered.hardState, commit },
    conf: membership.conf,
    applied: durable,
    limits: raftLimitsOf(options.limits),
  });
  const newest = Membership.decode(recovered.confs.at(-1)?.data ?? record.data);
  return { identity, wal, core, membership, newest, newestIndex };
}

async function finishSnapshot(
  options: StorageOptions,
  wal: Wal,
  found: Recovered,
): Promise<Recovered> {
  const { pending } = found;
  if (pending === undefined || pending.point.index !== options.durableIndex) return found;
  const { point } = pending;
  if (new RaftLog(found.offset, found.entries).matches(point)) return found;
  options.log.info({ index: point.index }, 'finishing the installation of a snapshot');
  const term = Math.max(found.hardState.term, point.term);
  const vote = term === found.hardState.term ? found.hardState.vote : NONE;
  const hardState = { term, vote, commit: point.index };
  const conf = { index: point.index, data: pending.data };
  await wal.reset(point, conf, hardState);
  return { ...found, hardState, offset: point, entries: [], confs: [conf], pending: undefined };
}
