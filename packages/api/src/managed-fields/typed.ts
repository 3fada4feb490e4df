/** The fields of an object as a set, and the fields in which two objects differ. */
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../meta.ts';
import { addMember, type Building, type FieldSet, fieldElement, SetBuilder } from './field-set.ts';
import {
  asList,
  asObject,
  fieldShape,
  isDeclared,
  itemElement,
  itemsByElement,
  type ListShape,
  type MapShape,
  resolveShape,
  type Shape,
  type StructShape,
} from './shape.ts';

const isEmpty = (object: object): boolean => {
  for (const _ in object) return false;
  return true;
};

/** The fields an object sets: what an apply of it would own. */
export function fieldsOf(shape: Shape, object: unknown): FieldSet {
  const builder = new SetBuilder();
  collect(shape, object, [], builder);
  return builder.set();
}

function collect(given: Shape, value: unknown, path: string[], out: SetBuilder): void {
  const shape = resolveShape(given, value);
  if (shape.form === 'leaf') out.insert(path);
  else if (shape.form === 'list') collectItems(shape, asList(value), path, out);
  else collectFields(shape, asObject(value), path, out);
}

function collectFields(
  shape: StructShape | MapShape,
  object: object,
  path: string[],
  out: SetBuilder,
): void {
  for (const name in object) {
    const field = fieldShape(shape, name);
    const value = (object as JsonObject)[name];
    if (field === undefined || value === undefined) continue;
    path.push(fieldElement(name));
    collect(field, value, path, out);
    const isNothing = value === null || (typeof value === 'object' && isEmptyMap(value));
    if (isNothing || !isDeclared(shape, name)) out.insert(path);
    path.pop();
  }
}

const isEmptyMap = (value: object): boolean => !Array.isArray(value) && isEmpty(value);

function collectItems(
  shape: ListShape,
  list: readonly unknown[],
  path: string[],
  out: SetBuilder,
): void {
  for (const [element, items] of itemsByElement(shape, list)) {
    path.push(element);
    if (items.length === 1) collect(shape.item, items[0], path, out);
    out.insert(path);
    path.pop();
  }
}

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** In which fields two objects differ. */
export function compareObjects(shape: Shape, before: unknown, after: unknown): Comparison {
  const walk = new Walk();
  walk.compare(shape, before, after);
  return { added: walk.added.set(), modified: walk.modified.set(), removed: walk.removed.set() };
}

class Walk {
  readonly added = new SetBuilder();
  readonly modified = new SetBuilder();
  readonly removed = new SetBuilder();
  readonly #path: string[] = [];

  /** Both values are there, or one is undefined. */
  compare(given: Shape, before: unknown, after: unknown): void {
    if (before === after) return;
    const shape = resolveShape(given, after ?? before);
    if (before === undefined) {
      this.added.graft(this.#path, allBelow(shape, after));
      return;
    }
    if (after === undefined) {
      this.removed.graft(this.#path, allBelow(shape, before));
      return;
    }
    if (shape.form === 'leaf') {
      this.#leaf(before, after);
      return;
    }
    if (shape.form === 'list') {
      this.#lists(shape, before, after);
      return;
    }
    const was = asObject(before);
    const is = asObject(after);
    if (isEmpty(was) && isEmpty(is)) {
      this.#leaf(before, after);
      return;
    }
    this.#fields(shape, was, is);
  }

  #leaf(before: unknown, after: unknown): void {
    if (!isDeepStrictEqual(before, after)) this.modified.insert(this.#path);
  }

  #fields(
    shape: StructShape | MapShape,
    before: Record<string, unknown>,
    after: Record<string, unknown>,
  ): void {
    for (const name in after) this.#field(shape, name, before[name], after[name]);
    for (const name in before) {
      if (after[name] === undefined) this.#field(shape, name, before[name], undefined);
    }
  }

  #field(shape: StructShape | MapShape, name: string, before: unknown, after: unknown): void {
    if (before === after) return;
    const field = fieldShape(shape, name);
    if (field === undefined) return;
    this.#path.push(fieldElement(name));
    this.compare(field, before, after);
    this.#path.pop();
  }

  #lists(shape: ListShape, before: unknown, after: unknown): void {
    const was = asList(before);
    const is = asList(after);
    if (was.length === 0 && is.length === 0) {
      this.#leaf(before, after);
      return;
    }
    const old = itemsByElement(shape, was);
    const now = itemsByElement(shape, is);
    for (const [element, items] of now) this.#items(shape, element, old.get(element) ?? [], items);
    for (const [element, items] of old) {
      if (!now.has(element)) this.#items(shape, element, items, []);
    }
  }

  /** Entries of one name; several of them (which validation refuses nearly everywhere) have one owner. */
  #items(
    shape: ListShape,
    element: string,
    before: readonly unknown[],
    after: readonly unknown[],
  ): void {
    this.#path.push(element);
    if (before.length <= 1 && after.length <= 1) this.compare(shape.item, before[0], after[0]);
    else if (before.length === 0) this.added.insert(this.#path);
    else if (after.length === 0) this.removed.insert(this.#path);
    else this.#leaf(before, after);
    this.#path.pop();
  }
}

/** Everything within a value that is on one side only. */
function allBelow(given: Shape, value: unknown): Building {
  const shape = resolveShape(given, value);
  const out: Building = {};
  if (shape.form === 'leaf') return out;
  if (shape.form === 'list') {
    for (const item of asList(value)) {
      addMember(out, itemElement(shape, item), allBelow(shape.item, item));
    }
    return out;
  }
  const object = asObject(value);
  for (const name in object) {
    const [field, child] = [fieldShape(shape, name), object[name]];
    if (field === undefined || child === undefined) continue;
    addMember(out, fieldElement(name), allBelow(field, child));
  }
  return out;
}
