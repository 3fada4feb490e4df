import { ConfigError } from '@kubets/platform';

/** Reads fields of a configuration, and says which one is wrong. */
export class Reader {
  readonly path: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  /** @param path of the value: `profiles[0].plugins`; '' for the whole. @throws ConfigError when it has no fields */
  constructor(value: unknown, path: string) {
    this.path = path;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ConfigError(`${path || 'the configuration'}: expected fields`);
    }
    this.#fields = value as Record<string, unknown>;
  }

  /** @throws ConfigError for any other field */
  only(names: readonly string[]): void {
    const stranger = Object.keys(this.#fields).find((name) => !names.includes(name));
    if (stranger !== undefined) throw new ConfigError(`${this.#at(stranger)}: unknown field`);
  }

  text(name: string): string | undefined {
    return this.#typed(name, 'a text', (value) => (typeof value === 'string' ? value : undefined));
  }

  boolean(name: string): boolean | undefined {
    const read = (value: unknown) => (typeof value === 'boolean' ? value : undefined);
    return this.#typed(name, 'true or false', read);
  }

  integer(name: string, range: { min: number; max?: number }): number | undefined {
    const { min, max = Number.MAX_SAFE_INTEGER } = range;
    const isGood = (value: unknown): value is number =>
      Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
    const what = range.max === undefined ? `a number from ${min} on` : `a number ${min}–${max}`;
    return this.#typed(name, what, (value) => (isGood(value) ? value : undefined));
  }

  /** The items of a list, each with fields; none when it is not there. */
  list(name: string): Reader[] {
    return this.values(name).map((item, at) => new Reader(item, `${this.#at(name)}[${at}]`));
  }

  /** The items of a list; none when it is not there. */
  values(name: string): readonly unknown[] {
    const read = (value: unknown) => (Array.isArray(value) ? (value as unknown[]) : undefined);
    return this.#typed(name, 'a list', read) ?? [];
  }

  child(name: string): Reader | undefined {
    const value = this.#fields[name];
    return value === undefined || value === null ? undefined : new Reader(value, this.#at(name));
  }

  /** A field as it is. */
  raw(name: string): unknown {
    return this.#fields[name];
  }

  #typed<T>(name: string, what: string, read: (value: unknown) => T | undefined): T | undefined {
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    const found = read(value);
    if (found === undefined) throw new ConfigError(`${this.#at(name)}: expected ${what}`);
    return found;
  }

  #at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}
