/** Whom a member talks to. */
import type { PeerId } from '../raft/types.ts';
import type { Membership } from './membership.ts';
import type { PeerAddress } from './ports.ts';
import type { Storage } from './storage.ts';

/**
 * Addresses of the others. A member that is behind must be able to answer those who will tell it of their addresses: it
 * also goes by the newest membership in its log, and, until it knows itself, by its introduction.
 */
export function peersOf(
  storage: Storage,
  membership: Membership,
  seeds: readonly PeerAddress[],
): PeerAddress[] {
  const { id, log } = storage.core;
  const peers = new Map<PeerId, PeerAddress>();
  const add = (list: readonly PeerAddress[]): void => {
    for (const peer of list) peers.set(peer.id, peer);
  };
  if (membership.get(id) === undefined) add(seeds);
  if (log.applied <= storage.newestIndex) add(storage.newest.members);
  add(membership.members);
  peers.delete(id);
  return [...peers.values()];
}
