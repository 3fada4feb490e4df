/**
 * Sets of field paths, kept in the very form they have on the wire: a tree whose keys are path elements (`f:` a field,
 * `k:` a list entry by its keys, `v:` a list entry by its value, `i:` by its index). A node without keys is a member; one
 * with keys is a member too when it has the key `.`. Sets are never changed once made, so that trees may share parts.
 */
import { isNumeric, parseExact } from '../exact-json.ts';

export type FieldSet = { readonly [element: string]: FieldSet };
/** A node that is being made. */
export type Building = { [element: string]: Building };

/** A path: elements from the root down. */
export type FieldPath = readonly string[];

export const SELF = '.';
export const EMPTY_SET: FieldSet = Object.freeze({});
const ELEMENT = /^[fkvi]:/;

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

function isMember(node: FieldSet): boolean {
  return node[SELF] !== undefined || isEmptySet(node);
}

/** Elements of fields that were seen: the same few hundred names come with every object. */
const MAX_FIELD_ELEMENTS = 8_192;
const fieldElements = new Map<string, string>();

/** The path element of a field. */
export function fieldElement(name: string): string {
  const known = fieldElements.get(name);
  if (known !== undefined) return known;
  if (fieldElements.size >= MAX_FIELD_ELEMENTS) fieldElements.clear();
  const element = `f:${name}`;
  fieldElements.set(name, element);
  return element;
}

/** Collects paths into a set. */
export class SetBuilder {
  readonly #root: Building = {};

  /** Adds a path and all that is below it, which is not to be used for anything else afterwards. */
  graft(path: FieldPath, below: Building): void {
    const last = path.at(-1);
    if (last !== undefined) addMember(this.#parentOf(path), last, below);
  }

  insert(path: FieldPath): void {
    this.graft(path, {});
  }

  /** The node above a path's last element, made where it is missing. */
  #parentOf(path: FieldPath): Building {
    let node = this.#root;
    for (let depth = 0; depth < path.length - 1; depth += 1) {
      const element = path[depth] ?? '';
      const next = node[element];
      if (next === undefined) node = node[element] = {};
      else {
        // A member so far without anything below it.
        if (isEmptySet(next)) next[SELF] = {};
        node = next;
      }
    }
    return node;
  }

  set(): FieldSet {
    return this.#root;
  }
}

/** Adds an element to a node, as a member, with what is below it. */
export function addMember(node: Building, element: string, below: Building): void {
  const there = node[element];
  if (there === undefined) node[element] = below;
  else if (isEmptySet(below)) {
    if (!isEmptySet(there)) there[SELF] = {};
    return;
  } else node[element] = isEmptySet(there) ? below : merged(there, below);
  if (!isEmptySet(below)) (node[element] as Building)[SELF] = {};
}

/** The node of these children, or undefined when there is nothing in it. */
function compose(member: boolean, children: Building): FieldSet | undefined {
  if (!isEmptySet(children)) {
    if (member) children[SELF] = {};
    return children;
  }
  return member ? EMPTY_SET : undefined;
}

type Combine = (a: FieldSet | undefined, b: FieldSet | undefined) => FieldSet | undefined;

function children(a: FieldSet, b: FieldSet | undefined, combine: Combine): Building {
  const out: Building = {};
  for (const element in a) {
    if (element === SELF) continue;
    const kept = combine(a[element], b?.[element]);
    if (kept !== undefined) out[element] = kept as Building;
  }
  return out;
}

const nodeUnion: Combine = (a, b) => {
  if (a === undefined || a === b) return b;
  if (b === undefined) return a;
  return compose(isMember(a) || isMember(b), merged(a, b));
};

/** What is in either. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b;
  return isEmptySet(b) ? a : merged(a, b);
}

function merged(a: FieldSet, b: FieldSet): Building {
  const out = children(a, b, nodeUnion);
  for (const element in b) {
    if (element !== SELF) out[element] ??= b[element] as Building;
  }
  return out;
}

const nodeDifference: Combine = (a, b) => {
  if (a === undefined || b === undefined) return a;
  return compose(isMember(a) && !isMember(b), children(a, b, nodeDifference));
};

/** What is in `a` and not, as the same path, in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return children(a, b, nodeDifference);
}

const nodeIntersection: Combine = (a, b) => {
  if (a === undefined || b === undefined) return undefined;
  return compose(isMember(a) && isMember(b), children(a, b, nodeIntersection));
};

/** What is in both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return children(a, b, nodeIntersection);
}

const nodeWithout: Combine = (a, b) => {
  if (a === undefined || b === undefined) return a;
  if (isMember(b)) return undefined;
  return compose(isMember(a), children(a, b, nodeWithout));
};

/** What is in `a` and neither in `b` nor below a member of `b`. */
export function without(a: FieldSet, b: FieldSet): FieldSet {
  return children(a, b, nodeWithout);
}

const nodeWithin: Combine = (a, b) => {
  if (a === undefined || b === undefined) return undefined;
  if (isMember(b)) return a;
  return compose(false, children(a, b, nodeWithin));
};

/** What of `a` is a member of `b` or below one. */
export function within(a: FieldSet, b: FieldSet): FieldSet {
  return children(a, b, nodeWithin);
}

/** Whether all of `b` is in `a`. */
export function covers(a: FieldSet, b: FieldSet): boolean {
  for (const element in b) {
    if (element === SELF) continue;
    const inner = b[element] as FieldSet;
    const outer = a[element];
    if (outer === undefined || (isMember(inner) && !isMember(outer))) return false;
    if (!covers(outer, inner)) return false;
  }
  return true;
}

/** Whether the path itself is a member. */
export function hasPath(set: FieldSet, path: FieldPath): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) node = node?.[element];
  return node !== undefined && isMember(node);
}

/** Whether the element is a member at the root of the set. */
export function hasElement(set: FieldSet, element: string): boolean {
  const node = set[element];
  return node !== undefined && isMember(node);
}

/** The set of one path. */
export function setOfPath(...path: string[]): FieldSet {
  const builder = new SetBuilder();
  builder.insert(path);
  return builder.set();
}

/** The set of many paths, written `spec.replicas`; of plain field names only. */
export function setOfFields(...paths: string[]): FieldSet {
  const builder = new SetBuilder();
  for (const path of paths) builder.insert(path.split('.').map((name) => `f:${name}`));
  return builder.set();
}

/** The members in upstream's order: those of a level before those below it. */
export function membersOf(set: FieldSet, prefix: FieldPath = []): FieldPath[] {
  const elements = sortedElements(set);
  const here = elements.filter((element) => hasElement(set, element));
  const out: FieldPath[] = here.map((element) => [...prefix, element]);
  for (const element of elements) {
    const node = set[element];
    if (node !== undefined) out.push(...membersOf(node, [...prefix, element]));
  }
  return out;
}

/** Sets of which objects made alike share one. */
const MAX_SHARED = 256;
const MAX_SHARED_TEXT = 16_384;
const shared = new Map<string, FieldSet>();
/** Those that are known to be canonical: finding them by what they hold costs more than all else about them. */
const known = new WeakSet<FieldSet>();

/**
 * As {@link canonical}. Objects of one author set the same fields again and again: those of a set that was seen before get the
 * same one, which must not be changed.
 */
export function canonicalShared(set: FieldSet): FieldSet {
  if (known.has(set)) return set;
  const text = JSON.stringify(set);
  const same = shared.get(text);
  if (same !== undefined) return same;
  const made = canonical(set);
  known.add(made);
  if (text.length > MAX_SHARED_TEXT) return made;
  if (shared.size >= MAX_SHARED) shared.clear();
  shared.set(text, made);
  return made;
}

/** The same set with its keys in canonical order. */
export function canonical(set: FieldSet): FieldSet {
  const out: Building = {};
  if (set[SELF] !== undefined) out[SELF] = {};
  for (const element of sortedElements(set)) {
    out[element] = canonical(set[element] ?? EMPTY_SET) as Building;
  }
  return out;
}

function sortedElements(set: FieldSet): string[] {
  return Object.keys(set)
    .filter((element) => element !== SELF)
    .sort(compareElements);
}

const RANK: Readonly<Record<string, number>> = { f: 0, k: 1, v: 2, i: 3 };

function compareElements(a: string, b: string): number {
  const rank = (RANK[a[0] ?? ''] ?? 0) - (RANK[b[0] ?? ''] ?? 0);
  if (rank !== 0) return rank;
  if (a.startsWith('f:')) return compareTexts(a, b);
  return compareValues(elementValue(a), elementValue(b));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareValues(a: unknown, b: unknown): number {
  if (isNumeric(a) && isNumeric(b)) return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const others = Object.entries(b);
    for (const [at, [name, value]] of Object.entries(a).entries()) {
      const [otherName = '', otherValue] = others[at] ?? [];
      const order = compareTexts(name, otherName) || compareValues(value, otherValue);
      if (order !== 0) return order;
    }
    return 0;
  }
  return compareTexts(String(a), String(b));
}

/** What a `k:`, `v:` or `i:` element says. */
export function elementValue(element: string): unknown {
  return parseExact(element.slice(2));
}

/** The path as messages show it: `.spec.containers[name="a"].image`. */
export function pathText(path: FieldPath): string {
  return path.map(elementText).join('');
}

export function elementText(element: string): string {
  if (element.startsWith('f:')) return `.${element.slice(2)}`;
  const value = elementValue(element);
  if (element.startsWith('v:')) return `[=${JSON.stringify(value)}]`;
  if (element.startsWith('i:')) return `[${String(value)}]`;
  const parts = Object.entries(value as object).map(([k, v]) => `${k}=${JSON.stringify(v)}`);
  return `[${parts.join(',')}]`;
}

/** Whether a value from outside is a well-formed set. */
export function isFieldSet(value: unknown): value is FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([element, node]) =>
      (element === SELF || (ELEMENT.test(element) && isReadable(element))) && isFieldSet(node),
  );
}

function isReadable(element: string): boolean {
  if (element.startsWith('f:')) return true;
  try {
    const value = elementValue(element);
    return !element.startsWith('k:') || (typeof value === 'object' && value !== null);
  } catch {
    // Not JSON: whoever wrote it, it names no entry.
    return false;
  }
}
