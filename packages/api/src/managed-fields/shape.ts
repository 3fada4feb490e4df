/** What the schema says about ownership: which values are owned as a whole, which lists have entries with names. */
import { isJsonObject, type JsonObject } from '../meta.ts';
import { type FieldDef, findType, type TypeDef, type TypeRef } from '../schema/schema.ts';

export type Shape = LeafShape | StructShape | MapShape | ListShape | LooseShape;

/** A value that has one owner. */
interface LeafShape {
  readonly form: 'leaf';
  /** What a value of it must be, for messages. */
  readonly type: 'string' | 'boolean' | 'numeric' | 'list' | 'map' | 'any';
  /** What is in it still has to fit: a list's items, or the object as if its fields had owners. */
  inside?(): Shape;
}
export interface StructShape {
  readonly form: 'struct';
  field(name: string): Shape | undefined;
  /** Of fields not declared; undefined: there may be none. */
  readonly others: Shape | undefined;
}
export interface MapShape {
  readonly form: 'map';
  readonly of: Shape;
}
export interface ListShape {
  readonly form: 'list';
  /** What identifies an entry; empty for a set, whose entries identify themselves. */
  readonly keys: readonly string[];
  readonly item: Shape;
  /** The value of a key an entry leaves out. */
  readonly keyDefaults: Readonly<Record<string, unknown>>;
}
/** Not in the schema: objects are maps, everything else has one owner. */
interface LooseShape {
  readonly form: 'loose';
}

export const LOOSE: LooseShape = { form: 'loose' };
const LOOSE_MAP: MapShape = { form: 'map', of: LOOSE };
const leaf = (type: LeafShape['type']): LeafShape => ({ form: 'leaf', type });
export const LEAVES = {
  string: leaf('string'),
  boolean: leaf('boolean'),
  numeric: leaf('numeric'),
  list: leaf('list'),
  map: leaf('map'),
  any: leaf('any'),
} as const;

/** Keys of list entries with a default, by the field's name. */
const KEY_DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ports: { protocol: 'TCP' },
  imagePullSecrets: { name: '' },
};

/** A list that has one owner. */
export const wholeList = (item: () => Shape): Shape => ({ ...LEAVES.list, inside: item });
/** An object that has one owner. @param shape what it would be if its fields had owners of their own */
export const wholeMap = (shape: () => Shape): Shape => ({ ...LEAVES.map, inside: shape });

const structs = new Map<string, Shape>();

/** Gives a name to a shape that came at run time. */
export function nameShape(name: string, shape: Shape): void {
  structs.set(name, shape);
}

/** Forgets a shape that was named so. */
export function forgetShape(name: string): void {
  structs.delete(name);
}

/** The shape of a type of the schema; loose when the schema has none of that name. */
export function shapeOfType(name: string): Shape {
  const known = structs.get(name);
  if (known !== undefined) return known;
  const type = findType(name);
  if (type === undefined) return looseObject();
  const struct = structShape(type);
  const shape = type.atomic ? wholeMap(() => struct) : struct;
  structs.set(name, shape);
  return shape;
}

function structShape(type: TypeDef): StructShape {
  const fields = new Map<string, Shape>();
  return {
    form: 'struct',
    others: undefined,
    field(field) {
      const made = fields.get(field);
      if (made !== undefined) return made;
      const def = type.fields.get(field);
      if (def === undefined) return undefined;
      const fresh = shapeOfField(def);
      fields.set(field, fresh);
      return fresh;
    },
  };
}

let loose: StructShape | undefined;

/** An object of a kind without a schema: only its metadata is known. */
function looseObject(): StructShape {
  const metadata = shapeOfType('meta.v1.ObjectMeta');
  loose ??= {
    form: 'struct',
    others: LOOSE,
    field: (name) => (name === 'metadata' ? metadata : LOOSE),
  };
  return loose;
}

function shapeOfField(def: FieldDef): Shape {
  const { type } = def;
  if (def.atomicMap) return wholeMap(() => shapeOfRef(type));
  if (type.kind !== 'list') return shapeOfRef(type);
  const keys = listKeys(def);
  if (keys === undefined) return shapeOfRef(type);
  const keyDefaults = KEY_DEFAULTS[def.name] ?? {};
  return { form: 'list', keys, item: shapeOfRef(type.of), keyDefaults };
}

/** The keys of a list's entries, none for a set, undefined when the list has one owner. */
function listKeys(def: FieldDef): readonly string[] | undefined {
  if (def.listType === 'map') return def.listKeys;
  if (def.listType === 'set') return [];
  if (def.listType === 'atomic' || !def.patchStrategies.includes('merge')) return undefined;
  return def.mergeKey === undefined ? [] : [def.mergeKey];
}

function shapeOfRef(ref: TypeRef): Shape {
  switch (ref.kind) {
    case 'struct':
      return shapeOfType(ref.name);
    case 'map':
      return { form: 'map', of: shapeOfRef(ref.of) };
    case 'list':
      return wholeList(() => shapeOfRef(ref.of));
    case 'string':
    case 'bytes':
      return LEAVES.string;
    case 'bool':
      return LEAVES.boolean;
    case 'int32':
    case 'int64':
    case 'double':
      return LEAVES.numeric;
    default:
      return LEAVES.any;
  }
}

/** The shape a value really has: a loose one is a map or a leaf. */
export function resolveShape(shape: Shape, value: unknown): Exclude<Shape, LooseShape> {
  if (shape.form !== 'loose') return shape;
  return isJsonObject(value) ? LOOSE_MAP : LEAVES.any;
}

/** The shape of a field of an object; undefined when the schema has none. */
export function fieldShape(shape: StructShape | MapShape, name: string): Shape | undefined {
  return shape.form === 'map' ? shape.of : (shape.field(name) ?? shape.others);
}

/** Whether the schema names the field (a map's keys are not named by it). */
export function isDeclared(shape: Shape, name: string): boolean {
  return shape.form === 'struct' && shape.others === undefined && shape.field(name) !== undefined;
}

/** The shape below a path element. */
export function childShape(shape: Shape, element: string): Shape {
  if (shape.form === 'list') return shape.item;
  if (shape.form === 'struct' || shape.form === 'map') {
    return fieldShape(shape, element.slice(2)) ?? LEAVES.any;
  }
  return shape.form === 'loose' ? LOOSE : LEAVES.any;
}

/** The name of the key an entry lacks, when it has no default. */
export function missingKey(shape: ListShape, item: unknown): string | undefined {
  const given: JsonObject = isJsonObject(item) ? item : {};
  return shape.keys.find(
    (key) => (given[key] ?? undefined) === undefined && !(key in shape.keyDefaults),
  );
}

/** The path element of a list's entry. */
export function itemElement(shape: ListShape, item: unknown): string {
  if (shape.keys.length === 0) return `v:${JSON.stringify(item)}`;
  const given: JsonObject = isJsonObject(item) ? item : {};
  const keys: JsonObject = {};
  for (const key of shape.keys.length > 1 ? [...shape.keys].sort() : shape.keys) {
    keys[key] = given[key] ?? shape.keyDefaults[key] ?? null;
  }
  return `k:${JSON.stringify(keys)}`;
}

/** Entries by their path elements; those that share one are listed together. */
export function itemsByElement(
  shape: ListShape,
  list: readonly unknown[],
): Map<string, readonly unknown[]> {
  const out = new Map<string, unknown[]>();
  for (const item of list) {
    const element = itemElement(shape, item);
    const same = out.get(element);
    if (same === undefined) out.set(element, [item]);
    else same.push(item);
  }
  return out;
}

export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const asObject = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});
