import type { ReplicaSet } from '@kubets/api';
import type { Sizes } from './actions.ts';
import { availableOf, type ReplicaSetRoles, type RolloutLimits, sizeOf, sumOf } from './view.ts';

/**
 * How many replicas the current ReplicaSet should have now: never past the surge limit, so it
 * grows only as far as the old ones have made room.
 */
export function currentSize(roles: ReplicaSetRoles, limits: RolloutLimits): number {
  const size = roles.current ? sizeOf(roles.current) : 0;
  if (size >= limits.replicas) return limits.replicas;
  const room = limits.replicas + limits.maxSurge - sumOf(roles.all, sizeOf);
  return size + Math.max(0, Math.min(room, limits.replicas - size));
}

/**
 * How far the old ReplicaSets may shrink now. Two steps, as a rollout must not wait for broken
 * pods: first unhealthy replicas go (they serve nobody), then healthy ones down to the minimum
 * that must stay available.
 *
 * Example: 10 wanted, maxUnavailable 2, maxSurge 3; old 8 of which 8 available, new 5 of which 0
 * available: 13 in all, at least 8 must serve, so nothing may go until a new one is available.
 */
export function shrinkOld(roles: ReplicaSetRoles, limits: RolloutLimits): Sizes {
  const sizes: Sizes = new Map();
  if (sumOf(roles.old, sizeOf) === 0) return sizes;
  const minAvailable = limits.replicas - limits.maxUnavailable;
  const { current } = roles;
  const currentUnavailable = current ? Math.max(0, sizeOf(current) - availableOf(current)) : 0;
  const spare = sumOf(roles.all, sizeOf) - minAvailable - currentUnavailable;
  if (spare <= 0) return sizes;
  dropUnhealthy(roles.old, spare, sizes);
  dropHealthy(roles, minAvailable, sizes);
  return sizes;
}

const planned = (rs: ReplicaSet, sizes: Sizes): number => sizes.get(rs) ?? sizeOf(rs);

function dropUnhealthy(old: readonly ReplicaSet[], spare: number, sizes: Sizes): void {
  let left = spare;
  for (const rs of old) {
    const drop = Math.min(left, Math.max(0, sizeOf(rs) - availableOf(rs)));
    if (drop === 0) continue;
    sizes.set(rs, sizeOf(rs) - drop);
    left -= drop;
  }
}

function dropHealthy(roles: ReplicaSetRoles, minAvailable: number, sizes: Sizes): void {
  let left = sumOf(roles.all, availableOf) - minAvailable;
  for (const rs of roles.old) {
    const size = planned(rs, sizes);
    const drop = Math.min(left, size);
    if (drop <= 0) continue;
    sizes.set(rs, size - drop);
    left -= drop;
  }
}
