import { isInvalid, isNotFound, type KubeObject, type ObjectMeta } from '@kubets/api';
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
  /** Put on what is adopted, taken off what is released. */
  finalizer?: string;
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
    const others = (object.metadata.finalizers ?? []).filter((one) => one !== options.finalizer);
    await rewrite(options, object, {
      ownerReferences: releasedRefs(object, owner),
      ...(options.finalizer === undefined ? {} : { finalizers: others }),
    });
  }
  if (claims.adopt.length === 0) return claims.owned;
  const live = await options.owners.get(namespaceOf(owner), nameOf(owner));
  if (uidOf(live) !== uidOf(owner) || isDeleting(live)) return claims.owned;
  const adopted: T[] = [];
  for (const object of claims.adopt) {
    const finalizers = new Set([...(object.metadata.finalizers ?? []), options.finalizer ?? '']);
    const next = await rewrite(options, object, {
      ownerReferences: adoptedRefs(object, owner, options.kind),
      ...(options.finalizer === undefined ? {} : { finalizers: [...finalizers] }),
    });
    if (next) adopted.push(next);
  }
  return [...claims.owned, ...adopted];
}

/** Conditional on the version seen, so that two owners cannot both succeed. */
async function rewrite<O extends KubeObject, T extends KubeObject>(
  options: ClaimOptions<O, T>,
  object: T,
  change: Pick<ObjectMeta, 'ownerReferences' | 'finalizers'>,
): Promise<T | undefined> {
  const { uid, resourceVersion } = object.metadata;
  const body = { metadata: { uid, resourceVersion, ...change } };
  try {
    return await options.objects.patch(namespaceOf(object), nameOf(object), 'merge', body);
  } catch (error) {
    // Gone, or replaced by another object of that name: nothing left to claim.
    if (isNotFound(error) || isInvalid(error)) return undefined;
    throw error;
  }
}
