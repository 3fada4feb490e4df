import type { Deployment, ReplicaSet } from '@kubets/api';
import { compareText, createdMs, nameOf } from '../objects/meta.ts';
import type { Sizes } from './actions.ts';
import {
  availableOf,
  DESIRED_REPLICAS,
  desiredOf,
  isRollingUpdate,
  limitsOf,
  MAX_REPLICAS,
  type ReplicaSetRoles,
  sizeAnnotation,
  sizeOf,
  sumOf,
} from './view.ts';

/**
 * The user changed `spec.replicas` since the ReplicaSets were last sized. Recreate with several
 * sizes at once is left to the rollout, which empties all but one.
 */
export function isScaling(d: Deployment, roles: ReplicaSetRoles): boolean {
  const active = activeSets(roles);
  if (!isRollingUpdate(d) && active.length > 1) return false;
  return active.some((rs) => {
    const annotated = sizeAnnotation(rs, DESIRED_REPLICAS);
    return annotated !== undefined && annotated !== desiredOf(d);
  });
}

/**
 * Sizes after a change of `spec.replicas`, or while paused. One ReplicaSet simply takes the number;
 * in the middle of a rollout the change is spread in proportion to their sizes, so that a bad new
 * version does not get all the new pods.
 */
export function scale(d: Deployment, roles: ReplicaSetRoles): Sizes {
  const wanted = desiredOf(d);
  const single = activeOrLatest(roles);
  if (single) return new Map([[single, wanted]]);
  if (roles.current && isSaturated(d, roles.current)) {
    return new Map(roles.old.filter((rs) => sizeOf(rs) > 0).map((rs) => [rs, 0]));
  }
  return isRollingUpdate(d) ? scaleInProportion(d, roles) : new Map();
}

function activeSets(roles: ReplicaSetRoles): ReplicaSet[] {
  return roles.all.filter((rs) => sizeOf(rs) > 0);
}

function activeOrLatest(roles: ReplicaSetRoles): ReplicaSet | undefined {
  const active = activeSets(roles);
  if (active.length === 1) return active[0];
  return active.length === 0 ? (roles.current ?? roles.old.at(-1)) : undefined;
}

function isSaturated(d: Deployment, rs: ReplicaSet): boolean {
  const wanted = desiredOf(d);
  return (
    sizeAnnotation(rs, DESIRED_REPLICAS) === wanted &&
    sizeOf(rs) === wanted &&
    availableOf(rs) === wanted
  );
}

function scaleInProportion(d: Deployment, roles: ReplicaSetRoles): Sizes {
  const limits = limitsOf(d);
  const active = activeSets(roles);
  const allowed = limits.replicas > 0 ? limits.replicas + limits.maxSurge : 0;
  const toAdd = allowed - sumOf(active, sizeOf);
  // Growing favours big and new, shrinking takes from big and old first.
  const newest = toAdd > 0 ? -1 : 1;
  active.sort(
    (a, b) =>
      sizeOf(b) - sizeOf(a) ||
      newest * (createdMs(a) - createdMs(b)) ||
      compareText(nameOf(a), nameOf(b)),
  );
  const sizes: Sizes = new Map();
  let added = 0;
  for (const rs of active) {
    const share = toAdd === 0 ? 0 : shareOf(rs, d, { toAdd, added, allowed });
    sizes.set(rs, Math.max(0, sizeOf(rs) + share));
    added += share;
  }
  const first = active[0];
  if (first && toAdd !== added) {
    // What rounding left over goes to the first, so the total is exact.
    sizes.set(first, Math.max(0, (sizes.get(first) ?? 0) + toAdd - added));
  }
  return sizes;
}

interface Room {
  toAdd: number;
  added: number;
  allowed: number;
}

/**
 * One ReplicaSet's part of the change: its size grown as the whole grows, but never more than what
 * is left. `max-replicas` remembers the whole at the time the ReplicaSet was last sized.
 */
function shareOf(rs: ReplicaSet, d: Deployment, room: Room): number {
  const size = sizeOf(rs);
  if (desiredOf(d) === 0) return -size;
  const before = sizeAnnotation(rs, MAX_REPLICAS) || (d.status?.replicas ?? 0);
  if (before === 0) return 0;
  const wanted = Math.round((size * room.allowed) / before) - size;
  const left = room.toAdd - room.added;
  return room.toAdd > 0 ? Math.min(wanted, left) : Math.max(wanted, left);
}
