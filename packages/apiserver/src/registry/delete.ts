/**
 * Deleting. An object with finalizers, or a pod its kubelet still has to end, is only marked (deletionTimestamp); it goes
 * when the last reason to keep it goes. Everything else is removed at once.
 */
import { cloneJson, type KindDef, type KubeObject, notFound, serverTimeout } from '@kubets/api';
import { markDefinition } from '../crd/conditions.ts';
import { UPDATE_ATTEMPTS } from '../limits.ts';
import { decodeStored, encodeStored } from '../storage/codec.ts';
import type { StoredValue } from '../storage/store.ts';
import {
  admissionOf,
  afterDelete,
  beginWrite,
  type RegistryDeps,
  type Target,
  type WriteContext,
} from './context.ts';
import {
  checkPreconditions,
  type DeleteOptions,
  finalizersFor,
  graceSeconds,
} from './delete-options.ts';
import { keyOf } from './keys.ts';
import { isCustomDefinition, isNamespace, isPod } from './kind-rules.ts';
import { presentedObject, storedForm } from './presented.ts';
import { rfc3339, secondsAfter } from './time.ts';

export interface DeleteResult {
  readonly def: KindDef;
  /** The last state: marked, or as it was when it went. */
  readonly object: KubeObject;
  /** Whether it is gone from the store. */
  readonly removed: boolean;
}

type Outcome =
  | { readonly done: true; readonly result: DeleteResult }
  | { readonly done: false; readonly newest: StoredValue | undefined };

interface DeleteCircumstances {
  /** Admission was asked about what the delete is a part of (an eviction). */
  readonly isAdmitted?: boolean;
  /** The request names no object: admission is told of none by name. */
  readonly isCollection?: boolean;
}

/** @throws ApiError NotFound, Conflict (preconditions), whatever admission refuses with */
export async function deleteObject(
  deps: RegistryDeps,
  target: Target,
  options: DeleteOptions,
  ctx: WriteContext,
  o: DeleteCircumstances = {},
): Promise<DeleteResult> {
  const { def, namespace, name } = target;
  const key = keyOf(def, namespace, name);
  let { value } = await deps.store.get(key);
  for (let attempt = 0; attempt < UPDATE_ATTEMPTS; attempt += 1) {
    if (value === undefined) throw notFound(def, name);
    const object = await presentedObject(def, decodeStored(value.value, value.revision));
    checkPreconditions(def, object, options);
    const objects = { object: undefined, oldObject: object };
    if (!o.isAdmitted) {
      const place = o.isCollection ? { ...target, name: '' } : target;
      await deps.admission.admit(admissionOf(place, 'DELETE', objects, ctx));
      await deps.admission.validate(admissionOf(place, 'DELETE', objects, ctx));
    }
    const outcome = await step(deps, target, { value, object, options }, ctx);
    if (outcome.done) return outcome.result;
    value = outcome.newest;
  }
  throw serverTimeout(def, 'delete', 1);
}

interface Present {
  readonly value: StoredValue;
  readonly object: KubeObject;
  readonly options: DeleteOptions;
}

async function step(
  deps: RegistryDeps,
  target: Target,
  present: Present,
  ctx: WriteContext,
): Promise<Outcome> {
  const { def } = target;
  const marked = mark(deps, def, present.object, present.options);
  if (mustStay(def, marked)) return store(deps, def, { ...present, object: marked }, ctx);
  const object = isPod(def) ? marked : present.object;
  if (ctx.dryRun) return { done: true, result: { def, object, removed: true } };
  beginWrite(ctx);
  const gone = await deps.store.remove(present.value.key, present.value.revision);
  if (!gone.ok) return { done: false, newest: gone.current };
  deps.caches.removed(present.value.key);
  object.metadata.resourceVersion = gone.revision.toString();
  await afterDelete(deps, def, object);
  return { done: true, result: { def, object, removed: true } };
}

/** A copy of the object as a delete marks it; the same content when it was marked so before. */
function mark(
  deps: RegistryDeps,
  def: KindDef,
  present: KubeObject,
  options: DeleteOptions,
): KubeObject {
  const object = cloneJson(present);
  const { metadata } = object;
  const finalizers = finalizersFor(def, object, options);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  if (isNamespace(def)) {
    metadata.deletionTimestamp ??= rfc3339(deps.clock.now());
    object.status = { ...(object.status as object | undefined), phase: 'Terminating' };
    return object;
  }
  if (isCustomDefinition(def)) {
    if (metadata.deletionTimestamp === undefined) markDefinition(object, rfc3339(deps.clock.now()));
    return object;
  }
  const grace = graceSeconds(def, object, options);
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = rfc3339(secondsAfter(deps.clock.now(), grace));
    metadata.deletionGracePeriodSeconds = grace;
    if (def.hasGeneration && metadata.generation) metadata.generation += 1;
    return object;
  }
  shorten(deps, object, { grace, asked: options.gracePeriodSeconds !== undefined });
  return object;
}

/** A second delete may only bring the end nearer. */
function shorten(
  deps: RegistryDeps,
  object: KubeObject,
  o: { grace: number; asked: boolean },
): void {
  const { metadata } = object;
  const before = metadata.deletionGracePeriodSeconds ?? 0;
  if (o.grace >= before || (!o.asked && o.grace > 0)) return;
  metadata.deletionTimestamp = rfc3339(secondsAfter(deps.clock.now(), o.grace));
  metadata.deletionGracePeriodSeconds = o.grace;
}

function mustStay(def: KindDef, marked: KubeObject): boolean {
  if ((marked.metadata.finalizers ?? []).length > 0) return true;
  if (isNamespace(def)) {
    const spec = marked.spec as { finalizers?: string[] } | undefined;
    return (spec?.finalizers ?? []).length > 0;
  }
  return (marked.metadata.deletionGracePeriodSeconds ?? 0) > 0;
}

async function store(
  deps: RegistryDeps,
  def: KindDef,
  present: Present,
  ctx: WriteContext,
): Promise<Outcome> {
  const { object, value } = present;
  const done = { done: true, result: { def, object, removed: false } } as const;
  if (ctx.dryRun) return done;
  const bytes = encodeStored(await storedForm(def, object));
  if (bytes.equals(encodeStored(decodeStored(value.value, value.revision)))) return done;
  beginWrite(ctx);
  const written = await deps.store.swap(value.key, bytes, value.revision);
  if (!written.ok) return { done: false, newest: written.current };
  object.metadata.resourceVersion = written.revision.toString();
  return done;
}
