/** Whether a write changes anything. */
import { isJsonObject, type KubeObject } from '@kubets/api';

/** Equal as JSON, but for the times at which somebody took fields: those alone are no change. */
export function sameContent(a: KubeObject, b: KubeObject): boolean {
  const { managedFields: owners = [], ...metadata } = a.metadata;
  const { managedFields: otherOwners = [], ...otherMetadata } = b.metadata;
  if (!sameJson({ ...a, metadata }, { ...b, metadata: otherMetadata })) return false;
  if (owners.length !== otherOwners.length) return false;
  return owners.every((entry, at) => {
    const { time: _time, ...rest } = entry;
    const { time: _otherTime, ...otherRest } = otherOwners[at] ?? {};
    return sameJson(rest, otherRest);
  });
}

/** Deep equality of values as they will be written: a field that is undefined is absent. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, at) => sameJson(item, b[at]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  for (const key of Object.keys(a)) if (!sameJson(a[key], b[key])) return false;
  return Object.keys(b).every((key) => b[key] === undefined || a[key] !== undefined);
}
