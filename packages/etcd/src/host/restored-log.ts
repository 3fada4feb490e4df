/** The log of a member whose state came from elsewhere: it says who is in the cluster, and that the rest is in the state. */
import type { Clock, Logger } from '@kubets/platform';
import type { Vault } from '../encryption/vault.ts';
import type { MemberInfo, SnapshotMeta } from '../ports.ts';
import { NONE } from '../raft/types.ts';
import type { Disk } from '../wal/disk.ts';
import { Wal } from '../wal/wal.ts';
import { Membership } from './membership.ts';
import { type FirstStart, firstEntries } from './storage.ts';

/** What a restored log is made with. */
export interface RestoredLogOptions {
  readonly disk: Disk;
  /** The log's own directory. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly vault?: Vault | undefined;
}

/** The first position of a restored cluster: behind the entries that a new one of these members begins with. */
export function restoredPosition(members: readonly MemberInfo[]): SnapshotMeta {
  const membership = membershipOf(members);
  return { index: BigInt(members.length), term: 1n, members: membership.members };
}

function membershipOf(members: readonly MemberInfo[]): Membership {
  return firstEntries(members).reduce(
    (membership, entry) => membership.afterEntry(entry.data),
    Membership.empty,
  );
}

/**
 * Makes the log. It starts behind its first position, so that a member that joins later is sent the whole state and does not
 * begin from nothing.
 */
export async function createRestoredLog(
  options: RestoredLogOptions,
  { identity, members }: FirstStart,
): Promise<void> {
  const wal = await Wal.create(options, identity, {});
  const membership = membershipOf(members);
  const point = { index: members.length, term: 1 };
  const hardState = { term: 1, vote: NONE, commit: point.index };
  await wal.reset(point, { index: point.index, data: membership.encode() }, hardState);
  await wal.close();
}
