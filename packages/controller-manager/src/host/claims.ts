import { isInvalid, isNotFound, type KubeObject } from '@kubets/api';
import type { ResourceApi } from '@kubets/client';
import { adoptedRefs, decideClaims, releasedRefs } from '../objects/claim.ts';
import { isDeleting, nameOf, namespaceOf, type OwnerKind, uidOf } from '../objects/meta.ts';

export interface ClaimOptions<O extends KubeObject, T extends KubeObject> {
  owner: O;
  kind: OwnerKind;
  candidates: readonly T[];
  selects(object: T): boolean;
  owners: ResourceApi<O>;
  objects: ResourceApi<T>;
}

/**
 * Carries out adoptions and releases, and returns what the owner now controls. Before the first
 * adoption the owner is read once from the API itself: a cache may still show an owner that was
 * deleted, and an orphaned dependent must not be taken back by a ghost.
 */
export async function claim<O extends KubeObject, T extends KubeObject>(
  options: ClaimOptions<O, T>,
): Promise<T[]> {
  const { owner } = options;
  const claims = decideClaims(owner, options.candidates, options.selects);
  for (const object of claims.release) {
    await rewriteOwners(options.objects, object, releasedRefs(object, owner));
  }
  if (claims.adopt.length === 0) return claims.owned;
  const live = await options.owners.get(namespaceOf(owner), nameOf(owner));
  if (uidOf(live) !== uidOf(owner) || isDeleting(live)) return claims.owned;
  const adopted: T[] = [];
  for (const object of claims.adopt) {
    const refs = adoptedRefs(object, owner, options.kind);
    const next = await rewriteOwners(options.objects, object, refs);
    if (next) adopted.push(next);
  }
  return [...claims.owned, ...adopted];
}

/** Conditional on the version seen, so that two owners cannot both succeed. */
async function rewriteOwners<T extends KubeObject>(
  objects: ResourceApi<T>,
  object: T,
  ownerReferences: object[],
): Promise<T | undefined> {
  const { uid, resourceVersion } = object.metadata;
  const body = { metadata: { uid, resourceVersion, ownerReferences } };
  try {
    return await objects.patch(namespaceOf(object), nameOf(object), 'merge', body);
  } catch (error) {
    // Gone, or replaced by another object of that name: nothing left to claim.
    if (isNotFound(error) || isInvalid(error)) return undefined;
    throw error;
  }
}
