/** Merging an applied configuration into an object, and taking fields out of an object. */
import { isJsonObject, type JsonObject } from '../meta.ts';
import { getOwn, setOwn } from '../own.ts';
import { type FieldSet, hasElement, isEmptySet, SELF } from './field-set.ts';
import {
  asList,
  asObject,
  childShape,
  fieldShape,
  isDeclared,
  itemElement,
  itemsByElement,
  type ListShape,
  resolveShape,
  type Shape,
} from './shape.ts';

/** The live value with the configuration laid over it. Neither is changed; the result shares parts with both. */
export function mergeValues(given: Shape, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  if (live === undefined) return config;
  const shape = resolveShape(given, config);
  if (shape.form === 'leaf') return config;
  if (shape.form === 'list') return mergeLists(shape, live, config);
  const merged: JsonObject = { ...asObject(live) };
  for (const [name, value] of Object.entries(asObject(config))) {
    const field = fieldShape(shape, name);
    const given = field === undefined ? value : mergeValues(field, getOwn(merged, name), value);
    setOwn(merged, name, given);
  }
  return Object.keys(merged).length === 0 ? config : merged;
}

/** Lists of named entries: the configuration's order where it says one, others stay where they are. */
function mergeLists(shape: ListShape, live: unknown, config: unknown): unknown {
  const left = asList(live);
  const right = asList(config);
  if (left.length === 0) return config;
  if (right.length === 0) return live;
  const leftItems = left.map((item) => [itemElement(shape, item), item] as const);
  const rightItems = right.map((item) => [itemElement(shape, item), item] as const);
  const known = itemsByElement(shape, left);
  const wanted = itemsByElement(shape, right);
  const shared = rightItems.map(([element]) => element).filter((element) => known.has(element));
  const done = new Set<string>();
  const out: unknown[] = [];
  const take = ([element, item]: readonly [string, unknown]): void => {
    done.add(element);
    const same = known.get(element) ?? [];
    out.push(same.length === 1 ? mergeValues(shape.item, same[0], item) : item);
    if (shared[0] === element) shared.shift();
  };
  let l = 0;
  let r = 0;
  while (l < leftItems.length || r < rightItems.length) {
    const mine = leftItems[l];
    const theirs = rightItems[r];
    if (mine !== undefined && !wanted.has(mine[0])) {
      out.push(mine[1]);
      l += 1;
    } else if (mine !== undefined && theirs !== undefined && mine[0] === theirs[0]) {
      take(theirs);
      l += 1;
      r += 1;
    } else if (mine !== undefined && (done.has(mine[0]) || isOutOfTurn(mine[0], shared))) {
      l += 1;
    } else if (theirs !== undefined) {
      take(theirs);
      r += 1;
    } else l += 1;
  }
  return out;
}

/** An entry both have, which comes later in the configuration's order. */
function isOutOfTurn(element: string, shared: readonly string[]): boolean {
  return shared.length > 0 && shared[0] !== element;
}

/** The value without the members of a set. Null becomes of what is emptied by it. */
export function removeFields(given: Shape, value: unknown, gone: FieldSet): unknown {
  const shape = resolveShape(given, value);
  if (shape.form === 'list') {
    if (!Array.isArray(value) || value.length === 0) return value;
    const kept = keptItems(shape, value, gone);
    return kept.length > 0 ? kept : null;
  }
  if (shape.form === 'leaf' || !isJsonObject(value)) return value;
  const out: JsonObject = {};
  for (const [name, child] of Object.entries(value)) {
    const element = `f:${name}`;
    if (hasElement(gone, element)) continue;
    const below = gone[element];
    const field = fieldShape(shape, name);
    out[name] =
      below === undefined || field === undefined ? child : removeFields(field, child, below);
  }
  return Object.keys(out).length > 0 || Object.keys(value).length === 0 ? out : null;
}

function keptItems(shape: ListShape, list: readonly unknown[], gone: FieldSet): unknown[] {
  const kept: unknown[] = [];
  for (const item of list) {
    const element = itemElement(shape, item);
    if (hasElement(gone, element)) continue;
    const below = gone[element];
    const rest = below === undefined ? item : removeFields(shape.item, item, below);
    if (rest !== null) kept.push(rest);
  }
  return kept;
}

/** The set with every declared field that has something below it as a member too. */
export function withNamedFields(shape: Shape, set: FieldSet): FieldSet {
  const out: Record<string, FieldSet> = {};
  for (const [element, node] of Object.entries(set)) {
    if (element === SELF || isEmptySet(node)) {
      out[element] = node;
      continue;
    }
    const below = withNamedFields(childShape(shape, element), node);
    const named = element.startsWith('f:') && isDeclared(shape, element.slice(2));
    out[element] = named ? { [SELF]: {}, ...below } : below;
  }
  return out;
}
