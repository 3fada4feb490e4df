/** JSON values as expressions see them: whole numbers are ints. What an object holds is made when it is asked for. */
import { exactInteger, isInt64, isJsonObject } from '@kubets/api';
import { durationText, timestampText } from './times.ts';
import {
  Duration,
  isList,
  itemsOf,
  MapValue,
  ObjectValue,
  Timestamp,
  typeOf,
  Uint,
} from './values.ts';

/** A JSON object as a map. */
export class JsonMap extends MapValue {
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #convert: (value: unknown) => unknown;
  readonly #made = new Map<string, unknown>();

  constructor(
    raw: Readonly<Record<string, unknown>>,
    convert: (value: unknown) => unknown = plainValue,
  ) {
    super();
    this.#raw = raw;
    this.#convert = convert;
  }

  override get size(): number {
    return this.keys().length;
  }

  override get(key: unknown): unknown {
    if (typeof key !== 'string' || !Object.hasOwn(this.#raw, key)) return undefined;
    if (this.#raw[key] === undefined) return undefined;
    if (!this.#made.has(key)) this.#made.set(key, this.#convert(this.#raw[key]));
    return this.#made.get(key);
  }

  override keys(): readonly string[] {
    return Object.keys(this.#raw).filter((key) => this.#raw[key] !== undefined);
  }
}

/** A value of which nothing is known but what it is. */
export function plainValue(value: unknown): unknown {
  if (typeof value === 'number') return isInt64(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(plainValue);
  return isJsonObject(value) ? new JsonMap(value) : (value ?? null);
}

/** A value as JSON. @throws TypeError for what has no form there */
export function jsonValue(value: unknown): unknown {
  if (value === null || ['string', 'boolean', 'number'].includes(typeof value)) return value;
  if (typeof value === 'bigint') return exactInteger(value);
  if (value instanceof Uint) return exactInteger(value.value);
  if (isList(value)) return itemsOf(value).map(jsonValue);
  if (value instanceof ObjectValue) return entriesOf(value.members());
  if (value instanceof MapValue) return entriesOf(value.keys().map((key) => [key, value.get(key)]));
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  throw new TypeError(`${typeOf(value).name} has no form in JSON`);
}

function entriesOf(entries: Iterable<readonly [unknown, unknown]>): Record<string, unknown> {
  const made: [string, unknown][] = [];
  for (const [key, held] of entries) {
    if (typeof key !== 'string') throw new TypeError(`map key ${String(key)} is no string`);
    made.push([key, jsonValue(held)]);
  }
  return Object.fromEntries(made);
}
