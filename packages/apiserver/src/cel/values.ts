/**
 * What expressions work with. Whole numbers are `bigint`, fractions `number`, texts, truth values and null what they are,
 * bytes `Uint8Array`, lists arrays; everything else is one of the classes here.
 */
import { EvaluationFailure, NO_OVERLOAD } from './errors.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  STRING,
  TIMESTAMP,
  type Type,
  typeType,
  UINT,
} from './types.ts';

/** A whole number without a sign. */
export class Uint {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** A moment, in nanoseconds since 1970. */
export class Timestamp {
  readonly nanos: bigint;
  /** The zone it was written in, in minutes east of Greenwich: it is written so again. */
  readonly offsetMinutes: number;

  constructor(nanos: bigint, offsetMinutes = 0) {
    this.nanos = nanos;
    this.offsetMinutes = offsetMinutes;
  }
}

/** A span of time in nanoseconds. */
export class Duration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A type as a value: `int`, `type(x)`. */
export class TypeValue {
  readonly type: Type;

  constructor(type: Type) {
    this.type = type;
  }
}

/** Something or nothing. */
export class Optional {
  static readonly none = new Optional(undefined);
  readonly #held: { readonly value: unknown } | undefined;

  constructor(held: { readonly value: unknown } | undefined) {
    this.#held = held;
  }

  static of(value: unknown): Optional {
    return new Optional({ value });
  }

  get isPresent(): boolean {
    return this.#held !== undefined;
  }

  /** @throws EvaluationFailure when there is nothing */
  get value(): unknown {
    if (this.#held === undefined) throw new EvaluationFailure('optional.none() dereference');
    return this.#held.value;
  }
}

/** A value of a type a library brings. */
export abstract class Opaque {
  abstract readonly type: Type;
  /** Bytes it takes, for what costs by size. */
  readonly size: number | undefined = undefined;
  abstract equals(other: unknown): boolean;
}

/** A list whose order does not matter: a set, or one whose elements are known by keys. */
export class UnorderedList {
  readonly items: readonly unknown[];
  /** What an element is known by. */
  readonly identity: (item: unknown) => unknown;

  constructor(items: readonly unknown[], identity: (item: unknown) => unknown) {
    this.items = items;
    this.identity = identity;
  }

  /** This and what another list adds; an element known already takes the other's value. */
  joined(others: readonly unknown[]): UnorderedList {
    const items = [...this.items];
    for (const other of others) {
      const id = this.identity(other);
      const at = items.findIndex((item) => equal(this.identity(item), id));
      if (at < 0) items.push(other);
      else items[at] = other;
    }
    return new UnorderedList(items, this.identity);
  }

  equals(others: readonly unknown[]): boolean {
    if (others.length !== this.items.length) return false;
    return this.items.every((item) => others.some((other) => equal(item, other)));
  }
}

/** Values by keys. */
export abstract class MapValue {
  abstract readonly size: number;
  /** The value of a key; undefined: there is none. */
  abstract get(key: unknown): unknown;
  abstract keys(): readonly unknown[];
}

/** A key by what it is worth: `1`, `1u` and `1.0` are one. */
function keyText(key: unknown): string {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'boolean') return `b${key}`;
  const number = key instanceof Uint ? key.value : key;
  if (typeof number === 'bigint' || typeof number === 'number') return `n${number}`;
  throw new EvaluationFailure(`unsupported key type: ${typeOf(key).name}`);
}

/** A map an expression writes or makes. */
export class LiteralMap extends MapValue {
  readonly #entries = new Map<string, readonly [unknown, unknown]>();

  /** @throws EvaluationFailure for a key that occurs twice */
  add(key: unknown, value: unknown): void {
    const text = keyText(key);
    if (this.#entries.has(text)) {
      throw new EvaluationFailure(`Failed with repeated key: ${String(key)}`);
    }
    this.#entries.set(text, [key, value]);
  }

  override get size(): number {
    return this.#entries.size;
  }

  override get(key: unknown): unknown {
    return this.#entries.get(keyText(key))?.[1];
  }

  override keys(): readonly unknown[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
}

/** A map from names to values that are made when they are asked for. */
export class NamedValues extends MapValue {
  readonly #makers: ReadonlyMap<string, () => unknown>;

  constructor(makers: ReadonlyMap<string, () => unknown>) {
    super();
    this.#makers = makers;
  }

  override get size(): number {
    return this.#makers.size;
  }

  override get(key: unknown): unknown {
    return typeof key === 'string' ? this.#makers.get(key)?.() : undefined;
  }

  override keys(): readonly unknown[] {
    return [...this.#makers.keys()];
  }
}

/** A value with named fields. */
export abstract class ObjectValue {
  abstract readonly type: Type;
  /** undefined: the field is not set. */
  abstract get(field: string): unknown;
  /** What it is, member by member, for comparisons. */
  abstract members(): ReadonlyMap<string, unknown>;
}

export const isList = (value: unknown): value is readonly unknown[] | UnorderedList =>
  Array.isArray(value) || value instanceof UnorderedList;

export const itemsOf = (list: readonly unknown[] | UnorderedList): readonly unknown[] =>
  list instanceof UnorderedList ? list.items : list;

const LIST = { ...listOf(DYN), params: [] };
const MAP = { ...mapOf(DYN, DYN), params: [] };
const OPTIONAL = { ...optionalOf(DYN), params: [] };
const TYPE = { ...typeType(DYN), params: [] };

/** The type a value has, parameters left out. */
export function typeOf(value: unknown): Type {
  switch (typeof value) {
    case 'bigint':
      return INT;
    case 'number':
      return DOUBLE;
    case 'string':
      return STRING;
    case 'boolean':
      return BOOL;
    default:
      return value === null ? NULL : typeOfObject(value);
  }
}

function typeOfObject(value: unknown): Type {
  if (isList(value)) return LIST;
  if (value instanceof MapValue) return MAP;
  if (value instanceof ObjectValue || value instanceof Opaque) return value.type;
  if (value instanceof Uint8Array) return BYTES;
  if (value instanceof Uint) return UINT;
  if (value instanceof Timestamp) return TIMESTAMP;
  if (value instanceof Duration) return DURATION;
  if (value instanceof Optional) return OPTIONAL;
  return value instanceof TypeValue ? TYPE : DYN;
}

type Numeric = bigint | number;

const numeric = (value: unknown): Numeric | undefined => {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Uint ? value.value : undefined;
};

/** Whether two values are the same, numbers by what they are worth. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  const [x, y] = [numeric(a), numeric(b)];
  // biome-ignore lint/suspicious/noDoubleEquals: 1n and 1 are equal to the language.
  if (x !== undefined && y !== undefined) return x == y;
  if (isList(a)) return isList(b) && sameList(a, b);
  if (a instanceof MapValue) return b instanceof MapValue && sameMap(a, b);
  if (a instanceof ObjectValue) return b instanceof ObjectValue && sameObject(a, b);
  if (a instanceof Opaque) return a.equals(b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.type.name === b.type.name;
  if (!(a instanceof Optional && b instanceof Optional)) return false;
  return a.isPresent ? b.isPresent && equal(a.value, b.value) : !b.isPresent;
}

function sameList(
  a: readonly unknown[] | UnorderedList,
  b: readonly unknown[] | UnorderedList,
): boolean {
  if (a instanceof UnorderedList) return a.equals(itemsOf(b));
  if (b instanceof UnorderedList) return b.equals(a);
  return a.length === b.length && a.every((item, i) => equal(item, b[i]));
}

const sameMap = (a: MapValue, b: MapValue): boolean =>
  a.size === b.size &&
  a.keys().every((key) => {
    const other = b.get(key);
    return other !== undefined && equal(a.get(key), other);
  });

function sameObject(a: ObjectValue, b: ObjectValue): boolean {
  const [left, right] = [a.members(), b.members()];
  if (left.size !== right.size) return false;
  return [...left].every(([name, value]) => right.has(name) && equal(value, right.get(name)));
}

function order<T extends bigint | number | boolean>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Which of two values comes first: negative, 0, positive. @throws EvaluationFailure for values without an order */
export function compare(a: unknown, b: unknown): number {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) {
    if (Number.isNaN(x) || Number.isNaN(y)) {
      throw new EvaluationFailure('NaN values cannot be ordered');
    }
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (typeof a === 'string' && typeof b === 'string') {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  if (typeof a === 'boolean' && typeof b === 'boolean') return order(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if (a instanceof Timestamp && b instanceof Timestamp) return order(a.nanos, b.nanos);
  if (a instanceof Duration && b instanceof Duration) return order(a.nanos, b.nanos);
  throw new EvaluationFailure(NO_OVERLOAD);
}

/** How many characters, bytes, elements or entries; undefined: it is no value with a size. */
export function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string') return codePoints(value);
  if (value instanceof Uint8Array) return value.length;
  if (isList(value)) return itemsOf(value).length;
  return value instanceof MapValue || value instanceof Opaque ? value.size : undefined;
}

/** Characters of a text, as the language counts them. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _char of text) count += 1;
  return count;
}
