/** Owners across the scale subresource: a manager of the object's replica count manages the scale's, and back. */
import type { Scale } from '../generated/types.ts';
import type { JsonObject, KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';
import { type ApplyBy, applyConfiguration } from './apply.ts';
import { decodeEntries, encodeEntries, type Managed, managerKey, type Owned } from './entries.ts';
import { difference, hasPath, isEmptySet, setOfPath } from './field-set.ts';
import { recordUpdate, setEntries, type WriteBy } from './update.ts';
import { withoutManaged } from './view.ts';

const SCALE_API_VERSION = 'autoscaling/v1';
const REPLICAS = ['f:spec', 'f:replicas'] as const;
const ONLY_REPLICAS = setOfPath(...REPLICAS);

/** The owners of the object's replica count, as owners of its scale. */
function ownersOfScale(managed: Managed): Managed {
  const out: Managed = new Map();
  for (const owned of managed.values()) {
    if (!hasPath(owned.fields, REPLICAS)) continue;
    const apiVersion = SCALE_API_VERSION;
    const moved: Owned = { ...owned, apiVersion, fields: ONLY_REPLICAS, entry: undefined };
    out.set(managerKey(moved), moved);
  }
  return out;
}

/** The owners of the object after its scale's owners have become these. */
function ownersOfScaled(def: KindDef, managed: Managed, scale: Managed): Managed {
  const out: Managed = new Map();
  const rest = new Map(scale);
  for (const [key, owned] of managed) {
    if (!hasPath(owned.fields, REPLICAS) || rest.has(key)) {
      out.set(key, owned);
      rest.delete(key);
      continue;
    }
    const fields = difference(owned.fields, ONLY_REPLICAS);
    if (!isEmptySet(fields)) out.set(key, { ...owned, fields, entry: undefined });
  }
  for (const [key, owned] of rest) {
    if (!hasPath(owned.fields, REPLICAS)) continue;
    const { apiVersion } = def;
    const time = managed.get(key)?.time;
    out.set(key, { ...owned, apiVersion, fields: ONLY_REPLICAS, time, entry: undefined });
  }
  return out;
}

/**
 * Records in the object's managedFields what a write through its scale changes. Does nothing while nobody owns the
 * replica count, as upstream keeps no account then.
 * @param by names the object's kind
 * @param scales the scale before and after, of `scaleDef`'s kind
 */
export function trackScale(
  by: WriteBy,
  scaleDef: KindDef,
  scales: { before: Scale; after: Scale },
  object: KubeObject,
): void {
  const managed = decodeEntries(object.metadata.managedFields, true) ?? new Map();
  const owners = ownersOfScale(managed);
  if (owners.size === 0) return;
  const [before, after] = [scales.before, scales.after].map((scale) =>
    withoutManaged(scale as unknown as JsonObject),
  ) as [JsonObject, JsonObject];
  recordUpdate({ ...by, def: scaleDef }, { before, after }, owners);
  setEntries(object, ownersOfScaled(by.def, managed, owners));
}

/**
 * Applies a configuration to the scale of an object.
 * @returns the scale as applied, and the owners its object has then
 * @throws ApiError as {@link applyConfiguration}
 */
export function applyScale(
  by: ApplyBy,
  scaleDef: KindDef,
  live: { scale: Scale; object: KubeObject },
  config: JsonObject,
): { scale: Scale; keepOwners(object: KubeObject): void } {
  const managed = decodeEntries(live.object.metadata.managedFields, true) ?? new Map();
  const managedFields = encodeEntries(ownersOfScale(managed));
  const metadata = { ...live.scale.metadata, managedFields };
  const present = { ...live.scale, metadata } as KubeObject;
  const applied = applyConfiguration({ ...by, def: scaleDef }, present, config);
  const owners = decodeEntries(applied.metadata.managedFields, true) ?? new Map();
  return {
    scale: applied as unknown as Scale,
    keepOwners: (object) => setEntries(object, ownersOfScaled(by.def, managed, owners)),
  };
}
