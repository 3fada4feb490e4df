import type { KubeObject, OwnerReference } from '@kubets/api';
import { isDeleting } from '../objects/meta.ts';
import { FOREGROUND_FINALIZER, type GraphNode, ORPHAN_FINALIZER } from './graph.ts';

/**
 * What is known of one owner: it is there; it is gone; it waits for its dependents to go; or nobody
 * can tell (an unknown kind), which keeps the dependent alive.
 */
export type OwnerState = 'solid' | 'absent' | 'waiting' | 'unknown';

export interface OwnerFact {
  ref: OwnerReference;
  state: OwnerState;
}

export type Verdict =
  | { type: 'keep' }
  /** Some owners are left: only the references to the others go. */
  | { type: 'drop-owners'; keep: OwnerReference[] }
  | {
      type: 'delete';
      policy: 'Background' | 'Foreground' | 'Orphan';
      /** Owner references to write before, so that a cycle of blocked deletions is broken. */
      unblock?: OwnerReference[];
    };

/**
 * Whether an object may live on. It may while one owner does; it must go when all are gone or wait
 * for it. How it goes is its own choice by finalizer, else without ceremony.
 */
export function judge(
  object: KubeObject,
  owners: readonly OwnerFact[],
  dependents: readonly GraphNode[],
): Verdict {
  if (owners.length === 0 || isDeleting(object)) return { type: 'keep' };
  const alive = owners.filter((o) => o.state === 'solid' || o.state === 'unknown');
  if (alive.length > 0) {
    if (alive.length === owners.length || alive.some((o) => o.state === 'unknown')) {
      return { type: 'keep' };
    }
    return { type: 'drop-owners', keep: alive.map((o) => o.ref) };
  }
  const waits = owners.some((o) => o.state === 'waiting');
  if (waits && dependents.length > 0) {
    const cycle = dependents.some((d) => d.foreground);
    if (!cycle) return { type: 'delete', policy: 'Foreground' };
    const unblock = owners.map(({ ref }) => ({ ...ref, blockOwnerDeletion: false }));
    return { type: 'delete', policy: 'Foreground', unblock };
  }
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(ORPHAN_FINALIZER)) return { type: 'delete', policy: 'Orphan' };
  if (finalizers.includes(FOREGROUND_FINALIZER)) return { type: 'delete', policy: 'Foreground' };
  return { type: 'delete', policy: 'Background' };
}

/** Dependents that keep a foreground deletion waiting. */
export function blockersOf(uid: string, dependents: readonly GraphNode[]): GraphNode[] {
  return dependents.filter((d) =>
    d.owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
  );
}
