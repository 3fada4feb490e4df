import type { KubeObject, OwnerReference } from '@kubets/api';

export { objectKey as keyOf } from '@kubets/api';

/** Names a kind the way owner references do. */
export interface OwnerKind {
  apiVersion: string;
  kind: string;
}

/** Inverse of `keyOf`. A key without a slash has the namespace `''`. */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: '', name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export const nameOf = (object: KubeObject): string => object.metadata.name ?? '';
export const namespaceOf = (object: KubeObject): string => object.metadata.namespace ?? '';
export const uidOf = (object: KubeObject): string => object.metadata.uid ?? '';
export const labelsOf = (object: KubeObject): Record<string, string> =>
  object.metadata.labels ?? {};
export const annotationsOf = (object: KubeObject): Record<string, string> =>
  object.metadata.annotations ?? {};
export const isDeleting = (object: KubeObject): boolean =>
  object.metadata.deletionTimestamp !== undefined;

/** Creation time in epoch milliseconds; 0 when the object was never stored. */
export function createdMs(object: KubeObject): number {
  return parseTime(object.metadata.creationTimestamp);
}

/** Epoch milliseconds of an RFC 3339 time; 0 for a missing or broken one. */
export function parseTime(time: string | undefined): number {
  if (time === undefined) return 0;
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? 0 : ms;
}

/** RFC 3339 in whole seconds, as the API writes `Time` fields. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** The owner reference whose `controller` is true, if any. */
export function controllerRefOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((ref) => ref.controller === true);
}

/** Whether `owner` is the controlling owner of `object`, judged by uid. */
export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerRefOf(object)?.uid === uidOf(owner) && uidOf(owner) !== '';
}

/** The reference a controller puts on what it makes. */
export function newControllerRef(owner: KubeObject, kind: OwnerKind): OwnerReference {
  return {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    name: nameOf(owner),
    uid: uidOf(owner),
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Older first; equal times by name, so that the order never depends on the cache. */
export function byCreation(a: KubeObject, b: KubeObject): number {
  return createdMs(a) - createdMs(b) || compareText(nameOf(a), nameOf(b));
}

/** Code-unit order: stable on every machine, unlike locale order. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
