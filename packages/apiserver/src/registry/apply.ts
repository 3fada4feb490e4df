/** Server-side apply: creates the object, or changes exactly what its configuration says. */
import {
  type ApplyBy,
  applyConfiguration,
  applyScale,
  conflict,
  decodeObject,
  defaultObject,
  isAlreadyExists,
  isJsonObject,
  type JsonObject,
  type KubeObject,
} from '@kubets/api';
import { bodyKind, checkPlace } from './body.ts';
import {
  type ObjectResult,
  type RegistryDeps,
  type Target,
  type WriteContext,
  writeBy,
} from './context.ts';
import { rescaled, scaleBefore, shownScale } from './scale.ts';
import { updateObject } from './update.ts';

export interface ApplyRequest {
  /** The parsed configuration. */
  readonly config: JsonObject;
  /** Take over what others own with other values. */
  readonly force: boolean;
}

/**
 * Applies a configuration to an object or one of its subresources.
 * @throws ApiError Conflict with a cause for each field that others own; whatever a create or an update refuses with
 */
export async function applyObject(
  deps: RegistryDeps,
  target: Target,
  request: ApplyRequest,
  ctx: WriteContext,
): Promise<ObjectResult> {
  const scope: WriteContext = { ...ctx, ownersKept: true };
  const by = { ...writeBy(deps, target, ctx), force: request.force };
  if (target.subresource === 'scale') return rescale(deps, target, { by, request }, scope);
  const applied = (present?: KubeObject): KubeObject => {
    const merged = applyConfiguration(by, present, request.config);
    return finished(target, merged);
  };
  const made = (): KubeObject => {
    const object = applied();
    refuseUid(target, request.config);
    return object;
  };
  const o = target.subresource === '' ? { applied: made } : {};
  try {
    return await updateObject(deps, target, applied, scope, o);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    // Somebody made it between our look and our write: then it can be changed.
    return updateObject(deps, target, applied, scope);
  }
}

/** A configuration that names a uid is for that object; no other is made in its place. */
function refuseUid({ def, name }: Target, config: JsonObject): void {
  const uid = isJsonObject(config.metadata) ? config.metadata.uid : undefined;
  if (typeof uid !== 'string' || uid === '') return;
  const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  throw conflict(def, name, why);
}

/** Decoded and defaulted. */
function finished(target: Target, merged: KubeObject): KubeObject {
  const { def } = target;
  const { managedFields } = merged.metadata;
  const { object } = decodeObject(def, merged as unknown as JsonObject, 'Ignore');
  object.metadata ??= {};
  if (managedFields !== undefined) object.metadata.managedFields = managedFields;
  checkPlace(target, object, true);
  defaultObject(def, object);
  return object;
}

async function rescale(
  deps: RegistryDeps,
  target: Target,
  { by, request }: { by: ApplyBy; request: ApplyRequest },
  ctx: WriteContext,
): Promise<ObjectResult> {
  const { def } = target;
  const change = (present: KubeObject): KubeObject => {
    const live = { scale: scaleBefore(def, present), object: present };
    const { scale, keepOwners } = applyScale(by, bodyKind(target), live, request.config);
    const object = rescaled(def, present, scale);
    keepOwners(object);
    return object;
  };
  const { object } = await updateObject(deps, target, change, ctx);
  return { def, object: shownScale(def, object) as KubeObject, created: false };
}
