import type { KubeObject, OwnerReference, Pod, StatefulSet } from '@kubets/api';
import { newControllerRef, uidOf } from '../objects/meta.ts';
import { ordinalOf, STATEFUL_SET_KIND } from './identity.ts';

const POD_KIND = { apiVersion: 'v1', kind: 'Pod' } as const;

/**
 * Who owns a member's claim under the set's `persistentVolumeClaimRetentionPolicy`: with its owner the
 * claim goes, too (KEP-1847). The set owns it where it is deleted with the set; the member, while it is
 * on its way out because the set became smaller, where it is deleted with the member.
 * @returns the owners to write; `undefined` when they are right
 */
export function claimOwners(
  set: StatefulSet,
  pod: Pod,
  claim: KubeObject,
): OwnerReference[] | undefined {
  const { whenDeleted, whenScaled } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  const byPod = whenScaled === 'Delete' && isCondemned(set, pod);
  const bySet = whenDeleted === 'Delete' && !byPod;
  const refs = claim.metadata.ownerReferences ?? [];
  const has = (owner: KubeObject): boolean => refs.some((ref) => ref.uid === uidOf(owner));
  if (has(pod) === byPod && has(set) === bySet) return undefined;
  return [
    ...refs.filter((ref) => ref.uid !== uidOf(pod) && ref.uid !== uidOf(set)),
    ...(bySet ? [newControllerRef(set, STATEFUL_SET_KIND)] : []),
    ...(byPod ? [newControllerRef(pod, POD_KIND)] : []),
  ];
}

/** No longer among the wanted members. */
function isCondemned(set: StatefulSet, pod: Pod): boolean {
  const start = set.spec?.ordinals?.start ?? 0;
  const ordinal = ordinalOf(set, pod) ?? start;
  return ordinal < start || ordinal >= start + (set.spec?.replicas ?? 1);
}
