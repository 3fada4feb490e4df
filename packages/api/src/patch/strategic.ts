/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are merged by key, with the
 * directives `$patch`, `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder`.
 */
import { cloneJson } from '../clone.ts';
import { badRequest, unclassified } from '../errors.ts';
import { goTypeOf } from '../go-text.ts';
import { isJsonObject, type JsonObject } from '../meta.ts';
import { getOwn, setOwn } from '../own.ts';
import { type FieldDef, findType, type TypeDef, type TypeRef } from '../schema/schema.ts';
import { badDirective, badFormat, badType, elementType } from './strategic-errors.ts';
import { checkOrder, idOf, ordered, placesIn } from './strategic-order.ts';

const PATCH = '$patch';
const RETAIN = '$retainKeys';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList';
const ORDER = '$setElementOrder';

/** What the schema says about the value being merged. */
interface Place {
  readonly type: TypeDef | undefined;
  /** Of the values of a map without declared fields. */
  readonly values: TypeRef | undefined;
}

/** How a field is merged. */
interface Rule {
  /** Of the field, or of the items of its list. */
  readonly place: Place;
  readonly strategies: readonly string[];
  readonly mergeKey: string | undefined;
}

function placeOf(ref: TypeRef | undefined): Place {
  if (ref?.kind === 'struct') return { type: findType(ref.name), values: undefined };
  if (ref?.kind === 'map') return { type: undefined, values: ref.of };
  return { type: undefined, values: undefined };
}

/** @throws ApiError for a field the schema does not have */
function ruleOf({ type, values }: Place, key: string): Rule {
  const field: FieldDef | undefined = type?.fields.get(key);
  if (type !== undefined && field === undefined) {
    const name = type.name.slice(type.name.lastIndexOf('.') + 1);
    const why = `unable to find api field in struct ${name} for the json field`;
    throw unclassified(`${why} ${JSON.stringify(key)}`);
  }
  const ref = field?.type ?? values;
  const place = placeOf(ref?.kind === 'list' ? ref.of : ref);
  return { place, strategies: field?.patchStrategies ?? [], mergeKey: field?.mergeKey };
}

/** The field that a directive of a field is for. */
function fieldOf(directive: string, prefix: string): string {
  if (directive.startsWith(`${prefix}/`)) return directive.slice(prefix.length + 1);
  throw badFormat(prefix === ORDER ? 'setElementOrder list' : 'primitive list');
}

/** Without nulls of objects: what a patch means where there was nothing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).filter(([, v]) => v !== null);
  return Object.fromEntries(kept.map(([key, v]) => [key, withoutNulls(v)]));
}

const isDirective = (value: unknown): boolean => isJsonObject(value) && PATCH in value;

/** Without the objects that are directives. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !isDirective(item)).map(withoutDirectives);
  }
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).filter(([, v]) => !isDirective(v));
  return Object.fromEntries(kept.map(([key, v]) => [key, withoutDirectives(v)]));
}

function retainOnly(target: JsonObject, patch: JsonObject): void {
  const keep = patch[RETAIN];
  if (keep === undefined) return;
  delete patch[RETAIN];
  if (!Array.isArray(keep)) throw badFormat('retainKeys');
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(DELETE_PRIMITIVES) || key.startsWith(ORDER)) continue;
    if (!keep.includes(key)) throw badFormat('retainKeys');
  }
  for (const key of Object.keys(target)) if (!keep.includes(key)) delete target[key];
}

function mergeMap(target: JsonObject, patch: JsonObject, place: Place): JsonObject {
  if (PATCH in patch) {
    const { [PATCH]: directive, ...rest } = patch;
    if (directive === 'replace') return rest;
    if (directive === 'delete') return {};
    throw badDirective(directive, patch);
  }
  retainOnly(target, patch);
  for (const key of Object.keys(patch)) {
    if (key.startsWith(ORDER)) orderList(target, patch, key, place);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith(DELETE_PRIMITIVES)) mergeValue(target, key, value, place);
    else deletePrimitives(target, fieldOf(key, DELETE_PRIMITIVES), value, place);
  }
  return target;
}

/** A list together with the order it is to have; both are done with afterwards. */
function orderList(target: JsonObject, patch: JsonObject, directive: string, place: Place): void {
  const order = patch[directive];
  delete patch[directive];
  if (!Array.isArray(order)) throw badType([], order);
  const key = fieldOf(directive, ORDER);
  const listOf = (from: JsonObject): unknown[] | undefined => {
    const list = getOwn(from, key);
    if (list !== undefined && !Array.isArray(list)) throw badType([], list);
    return list;
  };
  const [before, changes] = [listOf(target), listOf(patch)];
  const rule = ruleOf(place, key);
  // A list the patch has only an order for has no changes to compare it with.
  checkOrder(changes ?? [], order, rule.mergeKey);
  if (before === undefined && changes === undefined) return;
  const type = elementType(before ?? [], changes ?? []);
  const merged = mergedLists(before, changes, rule);
  const mergeKey = type === goTypeOf({}) ? rule.mergeKey : undefined;
  target[key] = ordered(merged, order, before ?? [], mergeKey);
  delete patch[key];
}

function mergedLists(
  before: unknown[] | undefined,
  changes: unknown[] | undefined,
  rule: Rule,
): unknown[] {
  if (changes === undefined) return before ?? [];
  if (before === undefined) return withoutDirectives(changes) as unknown[];
  return mergeLists([...before], changes, rule);
}

function deletePrimitives(target: JsonObject, key: string, values: unknown, place: Place): void {
  const list = getOwn(target, key);
  if (values === null) delete target[key];
  if (!Array.isArray(list) || !Array.isArray(values)) return;
  const rule = ruleOf(place, key);
  if (!rule.strategies.includes('merge')) target[key] = values;
  else if (list.length > 0 || values.length > 0) {
    const isScalar = elementType(list, values) !== goTypeOf({});
    const gone = new Set<unknown>(values);
    target[key] = isScalar ? list.filter((v) => !gone.has(v)) : mergeLists(list, values, rule);
  }
}

function mergeValue(target: JsonObject, key: string, value: unknown, place: Place): void {
  const current = getOwn(target, key);
  if (value === null) delete target[key];
  else if (goTypeOf(current) !== goTypeOf(value)) {
    if (isDirective(value)) delete target[key];
    else setOwn(target, key, withoutDirectives(withoutNulls(value)));
  } else if (isJsonObject(value)) {
    const rule = ruleOf(place, key);
    const isReplaced = rule.strategies.includes('replace');
    const merged = isReplaced ? value : mergeMap(current as JsonObject, value, rule.place);
    setOwn(target, key, merged);
  } else if (Array.isArray(value)) {
    target[key] = mergeLists(current as unknown[], value, ruleOf(place, key));
  } else setOwn(target, key, value);
}

function mergeLists(before: unknown[], patch: unknown[], rule: Rule): unknown[] {
  if (!rule.strategies.includes('merge')) return patch;
  if (before.length === 0 && patch.length === 0) return before;
  const { mergeKey } = rule;
  if (elementType(before, patch) !== goTypeOf({})) {
    return ordered([...new Set([...before, ...patch])], patch, before, mergeKey);
  }
  if (mergeKey === undefined) {
    throw unclassified('cannot merge lists without merge key for type struct');
  }
  return mergeObjects(before as JsonObject[], patch as JsonObject[], mergeKey, rule.place);
}

/** Lists of objects with a key; a directive among them is about one of them, or about the list. */
function mergeObjects(
  before: JsonObject[],
  patch: JsonObject[],
  key: string,
  place: Place,
): unknown[] {
  const gone = new Set<unknown>();
  const changes: JsonObject[] = [];
  for (const item of patch) {
    const directive = item[PATCH];
    if (!(PATCH in item)) changes.push(item);
    else if (directive === 'delete') {
      gone.add(idOf(item, key));
    } else if (directive === 'merge') {
      throw unclassified('merging lists cannot yet be specified in the patch');
    } else if (directive !== 'replace') throw badDirective(directive, item);
  }
  if (patch.some((item) => item[PATCH] === 'replace')) return ordered(changes, [], changes, key);
  const base = gone.size === 0 ? before : before.filter((item) => !gone.has(item[key]));
  const merged = [...base];
  const places = placesIn(merged, key);
  for (const item of changes) {
    const id = idOf(item, key);
    const at = places.get(id) ?? merged.length;
    const present = merged[at];
    merged[at] = present === undefined ? item : mergeMap({ ...present }, item, place);
    places.set(id, at);
  }
  return ordered(merged, changes, base, key);
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
