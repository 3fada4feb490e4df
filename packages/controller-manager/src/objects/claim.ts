import type { KubeObject, OwnerReference } from '@kubets/api';
import { controllerRefOf, isDeleting, newControllerRef, type OwnerKind, uidOf } from './meta.ts';

/** Which of the candidates belong to an owner, and what must change for that to be written down. */
export interface Claims<T> {
  /** Controlled by the owner and selected. */
  owned: T[];
  /** Selected and controlled by nobody: to be taken. */
  adopt: T[];
  /** Controlled by the owner but no longer selected: to be let go. */
  release: T[];
}

/**
 * Sorts candidates by their controller reference. The reference, not the selector, decides who owns
 * an object; the selector only decides who may take or must leave it. An owner that is going away
 * takes nothing and lets go of nothing.
 */
export function decideClaims<T extends KubeObject>(
  owner: KubeObject,
  candidates: readonly T[],
  selects: (object: T) => boolean,
): Claims<T> {
  const claims: Claims<T> = { owned: [], adopt: [], release: [] };
  for (const object of candidates) {
    const controller = controllerRefOf(object);
    if (controller) {
      if (controller.uid !== uidOf(owner)) continue;
      if (selects(object)) claims.owned.push(object);
      else if (!isDeleting(owner)) claims.release.push(object);
    } else if (selects(object) && !isDeleting(owner) && !isDeleting(object)) {
      claims.adopt.push(object);
    }
  }
  return claims;
}

/** The owner references after adoption. */
export function adoptedRefs(
  object: KubeObject,
  owner: KubeObject,
  kind: OwnerKind,
): OwnerReference[] {
  const others = (object.metadata.ownerReferences ?? []).filter((r) => r.uid !== uidOf(owner));
  return [...others, newControllerRef(owner, kind)];
}

/** The owner references after release. */
export function releasedRefs(object: KubeObject, owner: KubeObject): OwnerReference[] {
  return (object.metadata.ownerReferences ?? []).filter((r) => r.uid !== uidOf(owner));
}
