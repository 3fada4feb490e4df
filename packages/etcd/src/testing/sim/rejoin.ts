/**
 * A member that was cut off and comes back must not cost the others their leader: that is what pre-vote (thesis §9.6) and the
 * leader's lease (§4.2.3) are for. Losing a healthy leader breaks no promise about data, so no other check sees it.
 */

import type { MemberInfo } from '../../ports.ts';
import { Violation } from './checker.ts';
import type { BaseCluster, Part } from './cluster.ts';

/** Several election timeouts, so that whoever is cut off has stood for election more than once. */
const AWAY_MS = 6_000;
const BACK_MS = 3_000;

/**
 * Cuts a follower off for a while, both ways or so that it hears nothing but is heard, and lets it return. Call it when the
 * cluster is healthy.
 * @throws Violation when the leader or its term has changed
 */
export async function checkRejoin<P extends Part>(cluster: BaseCluster<P>): Promise<void> {
  const { network, random } = cluster;
  const leader = cluster.leader();
  const inside = leader?.node.status().members ?? [];
  const voters = inside.filter(({ isLearner }) => !isLearner).map(({ id }) => id);
  const others = cluster.lives.map(({ core }) => core.id).filter((id) => id !== leader?.core.id);
  const followers = others.filter((id) => voters.includes(id));
  // The rest must be a majority that can be reached.
  if (leader === undefined || followers.length <= Math.floor(voters.length / 2)) return;
  const away = followers[random.int(followers.length)] ?? 0n;
  const { id, term } = leader.core;
  const deafOnly = random.int(2) === 0;
  for (const other of inside) {
    network.block(other.id, away);
    if (!deafOnly) network.block(away, other.id);
  }
  await cluster.run(AWAY_MS);
  network.heal();
  await cluster.run(BACK_MS);
  const now = cluster.leader();
  if (now?.core.id === id && now.core.term === term) return;
  // A change of members that was asked for before has come into effect meanwhile; it may have taken the leader out.
  if (now !== undefined && !sameMembers(now.node.status().members, inside)) return;
  throw new Violation(
    `member ${away} came back and deposed leader ${id} of term ${term}: ${cluster.describe()}`,
  );
}

function sameMembers(some: readonly MemberInfo[], others: readonly MemberInfo[]): boolean {
  const ids = new Set(some.map(({ id }) => id));
  return ids.size === others.length && others.every(({ id }) => ids.has(id));
}
