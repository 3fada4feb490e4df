/**
 * Changing an object: read → transform → admission → hooks → strategy and validation → admission → compare-and-swap, again
 * from the newest state when another write came between and the caller did not insist on a version.
 *
 * The first attempt works on the cached state, which saves a read: the swap tells when it was old. Whatever refuses on a
 * state that might be old is asked again on the newest before the refusal counts.
 */
import {
  cloneJson,
  conflict,
  fieldErrors,
  invalid,
  type KubeObject,
  notFound,
  prepareForUpdate,
  serverTimeout,
  stampTimes,
  trackUpdate,
  validateUpdate,
} from '@kubets/api';
import { UPDATE_ATTEMPTS } from '../limits.ts';
import { decodeStored, encodeStored } from '../storage/codec.ts';
import type { StoredValue, SwapOptions } from '../storage/store.ts';
import {
  admissionOf,
  afterDelete,
  beginWrite,
  type ObjectResult,
  type RegistryDeps,
  runHooks,
  type Target,
  type Transform,
  type WriteContext,
  writeBy,
} from './context.ts';
import { asStored, fromStorage } from './convert.ts';
import { createObject } from './create.ts';
import { keyOf } from './keys.ts';
import { isNamespace, ttlSecondsOf } from './kind-rules.ts';
import { parseVersion } from './list-options.ts';
import { dropRepeatedOwners } from './owners.ts';
import { presentedObject, storedForm } from './presented.ts';
import { sameContent } from './same-content.ts';
import { scaleResource } from './scale.ts';
import { rfc3339 } from './time.ts';
import { writtenEntry } from './written.ts';

/** One state to work on. `certain`: read from the store after the request came. */
interface BaseState {
  readonly value: StoredValue | undefined;
  readonly certain: boolean;
}

type Attempt =
  | { readonly done: true; readonly result: ObjectResult }
  | { readonly done: false; readonly newest: StoredValue | undefined };

export interface UpdateOptions {
  /** What to do when the object is absent and the kind may be created by PUT; only a PUT to the object itself has it. */
  readonly creatable?: KubeObject;
  /** Gives what an apply creates when the object is absent. */
  readonly applied?: () => KubeObject;
  /** The transform neither changes what it is given nor gives parts of it back: it needs no copy. */
  readonly pure?: boolean;
  /** A uid in the new object is a condition (PUT), not a change (PATCH). */
  readonly sameUid?: boolean;
  /** What admission sees of the objects, when that is not themselves. */
  readonly window?: Window;
  /** The caller has checked the change itself and keeps the kind's rules: no strategy, validation or admission. */
  readonly trusted?: boolean;
}

/** A subresource whose objects show a part of another's: what is done to them is done to that part. */
export interface Window {
  of(object: KubeObject): KubeObject;
  /** The object with what its window shows now. */
  back(object: KubeObject, shown: KubeObject): KubeObject;
}

const WHOLE: Window = { of: (object) => object, back: (_object, shown) => shown };

/**
 * Updates an object or one of its subresources.
 * @param transform called with the present object (a copy, unless it is pure); called again after a lost race
 * @throws ApiError NotFound, Conflict, Invalid, whatever admission or the transform refuse with
 */
export async function updateObject(
  deps: RegistryDeps,
  target: Target,
  transform: Transform,
  ctx: WriteContext,
  o: UpdateOptions = {},
): Promise<ObjectResult> {
  const key = keyOf(target.def, target.namespace, target.name);
  let base = await firstState(deps, target, key);
  for (let attempt = 0; attempt < UPDATE_ATTEMPTS; attempt += 1) {
    const { value: old, certain } = base;
    if (old === undefined) {
      if (o.creatable !== undefined && target.def.createOnUpdate) {
        await ctx.mayCreate?.();
        return createInPlace(deps, { target, key }, o.creatable, ctx);
      }
      const { def, subresource, name } = target;
      if (o.applied !== undefined) {
        await ctx.mayCreate?.();
        return createInPlace(deps, { target, key }, o.applied(), ctx);
      }
      throw notFound(subresource === 'scale' ? scaleResource(def) : def, name);
    }
    try {
      const { trusted = false, sameUid = false, pure = false, window = WHOLE } = o;
      const job = { target, key, old, certain, trusted, sameUid, pure, window };
      const outcome = await attemptUpdate(deps, job, transform, ctx);
      if (outcome.done) return outcome.result;
      base = { value: outcome.newest, certain: true };
    } catch (error) {
      if (certain) throw error;
      const { value } = await deps.store.get(key);
      if (value?.revision === old.revision) throw error;
      base = { value, certain: true };
    }
  }
  throw serverTimeout(target.def, 'update', 1);
}

/** Makes what a replacement or an apply did not find. The version it names must be a number, and is not looked at further. */
function createInPlace(
  deps: RegistryDeps,
  place: Pick<Job, 'target' | 'key'>,
  object: KubeObject,
  ctx: WriteContext,
): Promise<ObjectResult> {
  checkUid(place, object, undefined);
  parseVersion(object.metadata.resourceVersion ?? '');
  return createObject(deps, place.target, object, ctx, { replaces: true });
}

async function firstState(deps: RegistryDeps, target: Target, key: string): Promise<BaseState> {
  const known = deps.caches.known(target.def, key);
  if (known !== undefined) return { value: known, certain: false };
  const { value } = await deps.store.get(key);
  return { value, certain: true };
}

interface Job {
  readonly target: Target;
  readonly key: string;
  readonly old: StoredValue;
  /** Whether the old state was read from the store after the request came. */
  readonly certain: boolean;
  readonly trusted: boolean;
  readonly sameUid: boolean;
  readonly pure: boolean;
  readonly window: Window;
}

async function attemptUpdate(
  deps: RegistryDeps,
  job: Job,
  transform: Transform,
  ctx: WriteContext,
): Promise<Attempt> {
  const { target, old } = job;
  const { def } = target;
  const oldObject = await presentedObject(def, decodeStored(old.value, old.revision));
  const wanted = await transform(job.pure ? oldObject : cloneJson(oldObject));
  if (job.sameUid) checkUid(job, wanted, oldObject);
  checkVersion(target, wanted, oldObject);
  if (job.trusted) return write(deps, job, { object: wanted, oldObject }, ctx);
  if (!ctx.ownersKept) trackUpdate(writeBy(deps, target, ctx), oldObject, wanted);
  const { window } = job;
  const shown = { object: window.of(wanted), oldObject: window.of(oldObject) };
  const admitted = deps.admission.admit(admissionOf(target, 'UPDATE', shown, ctx));
  if (admitted !== undefined) await admitted;
  const object = window.back(wanted, shown.object);
  dropRepeatedOwners(object, ctx, 'after admission');
  const objects = { object, oldObject };
  keepServerFields(object, oldObject);
  const finish = await runHooks(deps, target, { object, old: oldObject }, ctx);
  let stored = false;
  try {
    prepareForUpdate(def, object, oldObject, target.subresource || undefined);
    const { subresource } = target;
    stampTimes(def, { object, old: oldObject, subresource }, rfc3339(deps.clock.now()));
    const about = {
      ...(subresource && { subresource }),
      warn: ctx.warn,
      allowPrivileged: deps.allowPrivileged,
    };
    const errors = validateUpdate(def, object, oldObject, about);
    if (errors.length > 0) throw invalid(def, target.name, errors);
    const seen = { object: window.of(object), oldObject: shown.oldObject };
    const validated = deps.admission.validate(admissionOf(target, 'UPDATE', seen, ctx));
    if (validated !== undefined) await validated;
    const outcome = await write(deps, job, objects, ctx);
    stored = outcome.done && !ctx.dryRun;
    return outcome;
  } finally {
    await finish(stored);
  }
}

/** Optimistic concurrency: the version the caller names must be the present one. */
function checkVersion(target: Target, object: KubeObject, old: KubeObject): void {
  const { def, name } = target;
  const sent = parseVersion(object.metadata.resourceVersion ?? '');
  if (sent === 0n) {
    if (!def.unconditionalUpdate) {
      const error = new fieldErrors.FieldError(
        'Invalid',
        'metadata.resourceVersion',
        0,
        'must be specified for an update',
      );
      throw invalid({ group: def.group, kind: def.resource }, name, [withHexZero(error)]);
    }
    object.metadata.resourceVersion = old.metadata.resourceVersion;
    return;
  }
  if (sent.toString() !== old.metadata.resourceVersion) throw conflict(def, name);
}

/** A replacement that names a uid is meant for that object only, not for a later one of the same name. */
function checkUid(
  { target, key }: Pick<Job, 'target' | 'key'>,
  object: KubeObject,
  old: KubeObject | undefined,
): void {
  const { uid } = object.metadata;
  const present = old?.metadata.uid ?? '';
  if (!uid || uid === present) return;
  const why =
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, ` +
    `AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${present}`;
  throw conflict(target.def, target.name, why);
}

/** The stock server prints the version as a hexadecimal number there. */
function withHexZero(error: fieldErrors.FieldError): fieldErrors.FieldError {
  return Object.assign(Object.create(fieldErrors.FieldError.prototype), error, {
    body: () => `Invalid value: 0x0: ${error.detail}`,
    toString: () => `${error.field}: Invalid value: 0x0: ${error.detail}`,
  }) as fieldErrors.FieldError;
}

/** What an update cannot change, whatever the caller sends. */
function keepServerFields(object: KubeObject, old: KubeObject): void {
  const { metadata } = object;
  const before = old.metadata;
  if (!metadata.uid) metadata.uid = before.uid;
  metadata.creationTimestamp = before.creationTimestamp;
  if (before.generation === undefined) delete metadata.generation;
  else metadata.generation = before.generation;
  if (before.deletionTimestamp !== undefined) {
    metadata.deletionTimestamp = before.deletionTimestamp;
    metadata.deletionGracePeriodSeconds ??= before.deletionGracePeriodSeconds;
  }
  delete metadata.selfLink;
}

async function write(
  deps: RegistryDeps,
  job: Job,
  objects: { object: KubeObject; oldObject: KubeObject },
  ctx: WriteContext,
): Promise<Attempt> {
  const { target, key, old } = job;
  const { object, oldObject } = objects;
  const { def } = target;
  const result = { def, object, created: false };
  if (ctx.dryRun) return unwritten(deps, job, result);
  if (isFinished(target, object)) {
    beginWrite(ctx);
    const gone = await deps.store.remove(key, old.revision);
    if (!gone.ok) return { done: false, newest: gone.current };
    deps.caches.removed(key);
    await afterDelete(deps, def, object);
    return { done: true, result };
  }
  if (sameContent(object, oldObject)) {
    if (oldObject.metadata.managedFields === undefined) delete object.metadata.managedFields;
    else object.metadata.managedFields = oldObject.metadata.managedFields;
    // What is encrypted with an older key is written anew although nothing changes.
    const isStale = deps.store.isStale !== undefined && (await deps.store.isStale(key));
    if (!isStale) return unwritten(deps, job, result);
  }
  const form = await storedForm(def, object);
  const bytes = encodeStored(form);
  const options = swapOptionsOf(deps, target);
  beginWrite(ctx);
  const written = await deps.store.swap(key, bytes, old.revision, options);
  if (!written.ok) return { done: false, newest: written.current };
  const { revision } = written;
  object.metadata.resourceVersion = revision.toString();
  deps.caches.replaced(def, { key, value: bytes, revision });
  const entry = writtenEntry(deps, def, { key, value: bytes, revision }, object);
  if (entry !== undefined) return { done: true, result: { ...result, entry } };
  const shown = fromStorage(def, asStored(def, object, form));
  return { done: true, result: { ...result, object: shown } };
}

function swapOptionsOf(deps: RegistryDeps, { def }: Target): SwapOptions {
  const ttlSeconds = ttlSecondsOf(def, deps.eventTtlSeconds);
  return ttlSeconds === undefined ? {} : { ttlSeconds };
}

/** What came out without a write: no swap has told whether the state it was worked out from was old. */
async function unwritten(deps: RegistryDeps, job: Job, result: ObjectResult): Promise<Attempt> {
  const { key, old, certain } = job;
  if (certain) return { done: true, result };
  const { value } = await deps.store.get(key);
  return value?.revision === old.revision ? { done: true, result } : { done: false, newest: value };
}

/** The last finalizer of an object that is being deleted has gone: the update is the deletion. */
function isFinished(target: Target, object: KubeObject): boolean {
  const { metadata } = object;
  if (metadata.deletionTimestamp === undefined) return false;
  if ((metadata.finalizers ?? []).length > 0) return false;
  if (isNamespace(target.def)) return namespaceFinalizers(object).length === 0;
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

function namespaceFinalizers(object: KubeObject): readonly string[] {
  const spec = object.spec as { finalizers?: string[] } | undefined;
  return spec?.finalizers ?? [];
}
