/** Creating an object: admission → name → identity → hooks → strategy and validation → admission → store. */
import {
  alreadyExists,
  beingDeleted,
  cloneJson,
  generateName,
  invalid,
  isAlreadyExists,
  type KubeObject,
  prepareForCreate,
  trackUpdate,
  unclassified,
  validateCreate,
} from '@kubets/api';
import { GENERATE_NAME_ATTEMPTS } from '../limits.ts';
import { decodeStored, encodeStored } from '../storage/codec.ts';
import {
  admissionOf,
  beginWrite,
  type ObjectResult,
  type RegistryDeps,
  runHooks,
  type Target,
  type WriteContext,
  writeBy,
} from './context.ts';
import { asStored, fromStorage } from './convert.ts';
import { keyOf } from './keys.ts';
import { ttlSecondsOf } from './kind-rules.ts';
import { dropRepeatedOwners } from './owners.ts';
import { storedForm } from './presented.ts';
import { rfc3339 } from './time.ts';
import { writtenEntry } from './written.ts';

export interface CreateOptions {
  /** Gives the object anew, for another name when a generated one is taken; without it a copy is made ahead. */
  readonly again?: (() => KubeObject) | undefined;
  /** It is made by a replacement or an apply of what is not there: a version it names is not looked at. */
  readonly replaces?: boolean;
}

/**
 * Creates an object.
 * @param object decoded and defaulted; changed in place
 * @throws ApiError Invalid, AlreadyExists, whatever admission refuses with
 */
export async function createObject(
  deps: RegistryDeps,
  target: Target,
  object: KubeObject,
  ctx: WriteContext,
  { again, replaces = false }: CreateOptions = {},
): Promise<ObjectResult> {
  const prefix = object.metadata.generateName ?? '';
  const generated = (object.metadata.name ?? '') === '' && prefix !== '';
  const copy = generated && again === undefined ? cloneJson(object) : object;
  const anew = again ?? (() => cloneJson(copy));
  for (let attempt = 1; ; attempt += 1) {
    const candidate = attempt === 1 ? object : anew();
    if (!ctx.ownersKept) trackUpdate(writeBy(deps, target, ctx), undefined, candidate);
    try {
      return await createOnce(deps, target, candidate, { ctx, replaces });
    } catch (error) {
      const taken = generated && isAlreadyExists(error) && attempt < GENERATE_NAME_ATTEMPTS;
      if (!taken) throw error;
    }
  }
}

async function createOnce(
  deps: RegistryDeps,
  target: Target,
  object: KubeObject,
  { ctx, replaces }: { ctx: WriteContext; replaces: boolean },
): Promise<ObjectResult> {
  const { def, namespace } = target;
  const name = object.metadata.name ?? '';
  const objects = { object, oldObject: undefined };
  await deps.admission.admit(admissionOf({ ...target, name }, 'CREATE', objects, ctx));
  dropRepeatedOwners(object, ctx, 'after admission');
  giveIdentity(deps, object, namespace);
  const finish = await runHooks(deps, target, { object }, ctx);
  let stored = false;
  try {
    prepareForCreate(def, object);
    const errors = validateCreate(def, object, { allowPrivileged: deps.allowPrivileged });
    const finalName = object.metadata.name ?? '';
    if (errors.length > 0) throw invalid(def, finalName, errors);
    const complete = { ...target, name: finalName };
    await deps.admission.validate(admissionOf(complete, 'CREATE', objects, ctx));
    if (!replaces && !ctx.dryRun) refuseVersion(object);
    const result = await insert(deps, complete, object, ctx);
    stored = !ctx.dryRun;
    return result;
  } finally {
    await finish(stored);
  }
}

/** What is created has no version yet; one that is no number is as good as none there. */
function refuseVersion({ metadata }: KubeObject): void {
  if (!/^0*[1-9]\d*$/.test(metadata.resourceVersion ?? '')) return;
  throw unclassified('resourceVersion should not be set on objects to be created');
}

/** The fields only the server sets. */
function giveIdentity(deps: RegistryDeps, object: KubeObject, namespace: string): void {
  const { metadata } = object;
  if (namespace !== '') metadata.namespace = namespace;
  const prefix = metadata.generateName ?? '';
  if ((metadata.name ?? '') === '' && prefix !== '') {
    metadata.name = generateName(prefix, () => deps.random.next());
  }
  metadata.uid = deps.newUid();
  metadata.creationTimestamp = rfc3339(deps.clock.now());
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
}

async function insert(
  deps: RegistryDeps,
  target: Target,
  object: KubeObject,
  ctx: WriteContext,
): Promise<ObjectResult> {
  const { def, namespace, name } = target;
  const key = keyOf(def, namespace, name);
  if (ctx.dryRun) {
    const { value } = await deps.store.get(key);
    if (value !== undefined) throw taken(target, decodeStored(value.value, value.revision));
    return { def, object, created: true };
  }
  const form = await storedForm(def, object);
  const bytes = encodeStored(form);
  const ttlSeconds = ttlSecondsOf(def, deps.eventTtlSeconds);
  beginWrite(ctx);
  const written = await deps.store.swap(key, bytes, 0n, ttlSeconds ? { ttlSeconds } : {});
  if (!written.ok) {
    const { current } = written;
    throw taken(target, current && decodeStored(current.value, current.revision));
  }
  const { revision } = written;
  object.metadata.resourceVersion = revision.toString();
  const entry = writtenEntry(deps, def, { key, value: bytes, revision }, object);
  if (entry !== undefined) return { def, object, created: true, entry };
  return { def, object: fromStorage(def, asStored(def, object, form)), created: true };
}

function taken(target: Target, existing: KubeObject | undefined): Error {
  const { def, name } = target;
  return existing?.metadata.deletionTimestamp === undefined
    ? alreadyExists(def, name)
    : beingDeleted(def, name);
}
