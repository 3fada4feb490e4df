/** JSON values as expressions see them: whole numbers are ints. What an object holds is made when it is asked for. */
import { isInt64, isJsonObject } from '@kubets/api';
import { MapValue } from './values.ts';

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
