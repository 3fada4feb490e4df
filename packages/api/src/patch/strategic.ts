/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are merged by key, with the
 * directives `$patch`, `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder`.
 */
import { cloneJson } from '../clone.ts';
import { badRequest, unclassified } from '../errors.ts';
import { goValue } from '../go-text.ts';
import { isJsonObject, type JsonObject } from '../meta.ts';
import { type FieldDef, findType, type TypeDef, type TypeRef } from '../schema/schema.ts';

const PATCH = '$patch';
const RETAIN = '$retainKeys';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/';
const ORDER = '$setElementOrder/';

/** What the schema says about the value being merged. */
interface Place {
  type: TypeDef | undefined;
  /** Of the values of a map without declared fields. */
  values: TypeRef | undefined;
}

function placeOf(ref: TypeRef | undefined): Place {
  if (ref?.kind === 'struct') return { type: findType(ref.name), values: undefined };
  if (ref?.kind === 'map') return { type: undefined, values: ref.of };
  return { type: undefined, values: undefined };
}

function fieldAt(place: Place, key: string): FieldDef | undefined {
  return place.type?.fields.get(key);
}

function refAt(place: Place, key: string): TypeRef | undefined {
  return fieldAt(place, key)?.type ?? place.values;
}

function badDirective(value: unknown, where: unknown): Error {
  return unclassified(`unknown patch type: ${goValue(value)} in map: ${goValue(where)}`);
}

/** A copy without directives and nulls: what a patch means where there was nothing. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((v) => !(isJsonObject(v) && PATCH in v)).map(bare);
  }
  if (!isJsonObject(value)) return value;
  const out: JsonObject = {};
  for (const [key, v] of Object.entries(value)) {
    if (v !== null && !key.startsWith('$')) out[key] = bare(v);
  }
  return out;
}

function retainOnly(target: JsonObject, patch: JsonObject): void {
  const keep = patch[RETAIN];
  if (keep === undefined) return;
  if (!Array.isArray(keep)) throw badRequest('invalid retainKeys directive');
  for (const key of Object.keys(target)) if (!keep.includes(key)) delete target[key];
}

function mergeMap(target: JsonObject, patch: JsonObject, place: Place): JsonObject {
  const directive = patch[PATCH];
  if (directive === 'replace') {
    const { [PATCH]: _directive, ...rest } = patch;
    return bare(rest) as JsonObject;
  }
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw badDirective(directive, patch);
  retainOnly(target, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === PATCH || key === RETAIN) continue;
    if (key.startsWith(DELETE_PRIMITIVES)) {
      deletePrimitives(target, key.slice(DELETE_PRIMITIVES.length), value);
    } else if (!key.startsWith(ORDER)) mergeKey(target, key, patch, place);
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ORDER)) continue;
    const name = key.slice(ORDER.length);
    if (!Array.isArray(target[name]) || !Array.isArray(order)) continue;
    const field = fieldAt(place, name);
    const before = patch[name] === undefined ? target[name] : originals.get(target)?.get(name);
    target[name] = ordered(target[name], order, asList(before ?? target[name]), field?.mergeKey);
  }
  return target;
}

/** Lists as they were before a patch merged into them, for `$setElementOrder`. */
const originals = new WeakMap<JsonObject, Map<string, unknown[]>>();

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function deletePrimitives(target: JsonObject, key: string, values: unknown): void {
  if (!Array.isArray(values)) throw badRequest(`invalid ${DELETE_PRIMITIVES}${key} directive`);
  const list = target[key];
  if (Array.isArray(list)) target[key] = list.filter((v) => !values.includes(v));
}

function mergeKey(target: JsonObject, key: string, patch: JsonObject, place: Place): void {
  const value = patch[key];
  if (value === null) {
    delete target[key];
    return;
  }
  const field = fieldAt(place, key);
  const current = target[key];
  if (isJsonObject(value)) {
    const replaced = field?.patchStrategies.includes('replace') || !isJsonObject(current);
    target[key] = replaced ? bare(value) : mergeMap(current, value, placeOf(refAt(place, key)));
  } else if (Array.isArray(value) && field?.patchStrategies.includes('merge')) {
    const before = asList(current);
    let saved = originals.get(target);
    if (!saved) {
      saved = new Map();
      originals.set(target, saved);
    }
    saved.set(key, before);
    target[key] = mergeList(before, value, field);
  } else {
    target[key] = Array.isArray(value) ? bare(value) : value;
  }
}

function mergeList(before: unknown[], patch: unknown[], field: FieldDef): unknown[] {
  const key = field.mergeKey;
  if (key === undefined || !patch.some(isJsonObject)) {
    const merged = [...before, ...patch.filter((v) => !before.includes(v))];
    return ordered(merged, patch, before, undefined);
  }
  if (patch.some((v) => isJsonObject(v) && v[PATCH] === 'replace')) {
    return bare(patch) as unknown[];
  }
  let merged = [...before];
  const kept: unknown[] = [];
  for (const item of patch) {
    if (!isJsonObject(item)) throw badRequest('delete patch type with no merge key defined');
    const id = keyOf(item, key);
    if (item[PATCH] === 'delete') {
      merged = merged.filter((m) => !isJsonObject(m) || m[key] !== id);
      continue;
    }
    kept.push(item);
    const at = merged.findIndex((m) => isJsonObject(m) && m[key] === id);
    const place = placeOf(field.type.kind === 'list' ? field.type.of : undefined);
    if (at < 0) merged.push(bare(mergeMap({}, item, place)));
    else merged[at] = mergeMap({ ...(merged[at] as JsonObject) }, item, place);
  }
  return ordered(merged, kept, before, key);
}

function keyOf(item: JsonObject, key: string): unknown {
  const id = item[key];
  if (id === undefined) {
    throw unclassified(`map: ${goValue(item)} does not contain declared merge key: ${key}`);
  }
  return id;
}

function indexIn(list: readonly unknown[], item: unknown, key: string | undefined): number {
  if (key === undefined) return list.indexOf(item);
  const id = isJsonObject(item) ? item[key] : item;
  return list.findIndex((v) => isJsonObject(v) && v[key] === id);
}

/**
 * Puts a merged list in order: items the patch names in the patch's order, the others in the order they had, and
 * between the two an item goes first only when it stood first before.
 */
function ordered(
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  before: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const named = merged.filter((m) => indexIn(patchOrder, m, key) >= 0);
  named.sort((a, b) => indexIn(patchOrder, a, key) - indexIn(patchOrder, b, key));
  const others = merged.filter((m) => indexIn(patchOrder, m, key) < 0);
  others.sort((a, b) => indexIn(before, a, key) - indexIn(before, b, key));
  const out: unknown[] = [];
  while (others.length > 0 && named.length > 0) {
    const a = indexIn(before, others[0], key);
    const b = indexIn(before, named[0], key);
    out.push(a >= 0 && b >= 0 && a < b ? others.shift() : named.shift());
  }
  return [...out, ...others, ...named];
}

/** The patched copy of an object of a schema type. Throws ApiError on a malformed patch. */
export function applyStrategicMergePatch<T extends object>(
  typeName: string,
  object: T,
  patch: unknown,
): T {
  if (!isJsonObject(patch)) {
    const what = Array.isArray(patch) ? 'array' : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${what} into Go value of type map[string]interface {}`,
    );
  }
  const place = { type: findType(typeName), values: undefined };
  return mergeMap(cloneJson(object) as JsonObject, cloneJson(patch), place) as T;
}
