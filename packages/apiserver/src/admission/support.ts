import { type ApiError, forbiddenBecause, type KubeObject, type StatusCause } from '@kubets/api';
import type { AdmissionAttributes, AdmissionOperation, CacheView } from '../ports.ts';

/** Whether the write concerns the resource itself (no subresource) with one of these operations. */
export function concerns(
  a: AdmissionAttributes,
  group: string,
  resource: string,
  ...operations: AdmissionOperation[]
): boolean {
  if (a.subresource !== '' || a.resource.resource !== resource) return false;
  return a.resource.group === group && operations.includes(a.operation);
}

/** The object's name for messages: a generated name shows as its prefix. */
export function displayName(a: AdmissionAttributes): string {
  const metadata = (a.object ?? a.oldObject)?.metadata;
  return a.name || metadata?.name || metadata?.generateName || '';
}

/** The 403 of an admission rule. */
export function refuse(a: AdmissionAttributes, why: string, causes?: StatusCause[]): ApiError {
  const name = displayName(a);
  return forbiddenBecause(a.resource, causes ? { name, why, causes } : { name, why });
}

/** The object under admission, as the kind the caller has just checked it to be. */
export function objectAs<T extends KubeObject>(a: AdmissionAttributes): T {
  return a.object as T;
}

/** The stored object, likewise. */
export function oldAs<T extends KubeObject>(a: AdmissionAttributes): T {
  return a.oldObject as T;
}

/** Makes an object the same as another. Admission changes it in place: those who hold it see the change. */
export function replaceInPlace(object: KubeObject, made: KubeObject): void {
  const target = object as unknown as Record<string, unknown>;
  for (const key of Object.keys(target)) delete target[key];
  Object.assign(target, made);
}

/** Several complaints as one text; the same complaint is made once. */
export function joinTexts(texts: readonly string[]): string {
  const all = [...new Set(texts)];
  return all.length === 1 ? (all[0] ?? '') : `[${all.join(', ')}]`;
}

/** Does something with a view: at once if it is filled, as it nearly always is. What {@link filled} says holds here too. */
export function onceFilled<T extends KubeObject, R>(
  view: CacheView<T>,
  work: (view: CacheView<T>) => Promise<R> | R,
): Promise<R> | R {
  return view.synced() ? work(view) : view.whenSynced().then(() => work(view));
}

/**
 * The view once it is filled. A rule that lists what is configured must not judge by an empty cache just
 * because the server has only now started.
 */
export async function filled<T extends KubeObject>(view: CacheView<T>): Promise<CacheView<T>> {
  if (!view.synced()) await view.whenSynced();
  return view;
}
