/** Objects by key, with indexes kept up to date by every change. Objects in it are shared and must not be changed. */
export class IndexedStore<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexers: ReadonlyMap<string, (object: T) => readonly string[]>;
  readonly #indexes = new Map<string, Map<string, Map<string, T>>>();

  /** @param indexers for each index, the values under which an object is found */
  constructor(indexers: Readonly<Record<string, (object: T) => readonly string[]>> = {}) {
    this.#indexers = new Map(Object.entries(indexers));
    for (const name of this.#indexers.keys()) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  /** @throws RangeError for an index that does not exist */
  byIndex(index: string, value: string): T[] {
    const values = this.#indexes.get(index);
    if (values === undefined) throw new RangeError(`no index ${index}`);
    return [...(values.get(value)?.values() ?? [])];
  }

  /** @returns what was there before */
  put(key: string, object: T): T | undefined {
    const old = this.#objects.get(key);
    if (old !== undefined) this.#unindex(key, old);
    this.#objects.set(key, object);
    for (const [name, valuesOf] of this.#indexers) {
      for (const value of valuesOf(object)) this.#bucket(name, value).set(key, object);
    }
    return old;
  }

  /** @returns what was there before */
  remove(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#unindex(key, old);
    this.#objects.delete(key);
    return old;
  }

  #bucket(index: string, value: string): Map<string, T> {
    const values = this.#indexes.get(index) ?? new Map<string, Map<string, T>>();
    this.#indexes.set(index, values);
    const bucket = values.get(value) ?? new Map<string, T>();
    values.set(value, bucket);
    return bucket;
  }

  #unindex(key: string, object: T): void {
    for (const [name, valuesOf] of this.#indexers) {
      const values = this.#indexes.get(name);
      for (const value of valuesOf(object)) {
        const bucket = values?.get(value);
        bucket?.delete(key);
        if (bucket?.size === 0) values?.delete(value);
      }
    }
  }
}
