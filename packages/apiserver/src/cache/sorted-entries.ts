/** Entries in key order: an array kept sorted, found by binary search, with an index by one field. */
import type { CacheEntry } from './entry.ts';

export class SortedEntries {
  readonly #byKey = new Map<string, CacheEntry>();
  readonly #sorted: CacheEntry[] = [];
  readonly #indexedFields: readonly string[];
  readonly #indexes = new Map<string, Map<string, Set<string>>>();

  constructor(indexedFields: readonly string[] = []) {
    this.#indexedFields = indexedFields;
    for (const field of indexedFields) this.#indexes.set(field, new Map());
  }

  get size(): number {
    return this.#sorted.length;
  }

  get(key: string): CacheEntry | undefined {
    return this.#byKey.get(key);
  }

  /** Puts an entry; returns the one it replaces. */
  set(entry: CacheEntry): CacheEntry | undefined {
    const old = this.#byKey.get(entry.key);
    const at = this.#lowerBound(entry.key);
    this.#sorted.splice(at, old === undefined ? 0 : 1, entry);
    this.#byKey.set(entry.key, entry);
    this.#reindex(entry.key, old, entry);
    return old;
  }

  delete(key: string): CacheEntry | undefined {
    const old = this.#byKey.get(key);
    if (old === undefined) return undefined;
    this.#byKey.delete(key);
    this.#sorted.splice(this.#lowerBound(key), 1);
    this.#reindex(key, old, undefined);
    return old;
  }

  /** Replaces everything. */
  reset(entries: readonly CacheEntry[]): void {
    this.#byKey.clear();
    for (const index of this.#indexes.values()) index.clear();
    for (const entry of entries) {
      this.#byKey.set(entry.key, entry);
      this.#reindex(entry.key, undefined, entry);
    }
    this.#sorted.splice(0, this.#sorted.length);
    for (const entry of this.#byKey.values()) this.#sorted.push(entry);
    this.#sorted.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** The entries whose key starts with the prefix, in key order. */
  withPrefix(prefix: string): CacheEntry[] {
    const from = this.#lowerBound(prefix);
    let to = from;
    while (to < this.#sorted.length && this.#sorted[to]?.key.startsWith(prefix)) to += 1;
    return this.#sorted.slice(from, to);
  }

  /** The entries with this value in an indexed field, in key order; undefined when the field has no index. */
  withField(field: string, value: string): CacheEntry[] | undefined {
    const index = this.#indexes.get(field);
    if (index === undefined) return undefined;
    const keys = [...(index.get(value) ?? [])].sort();
    return keys.map((key) => this.#byKey.get(key)).filter((entry) => entry !== undefined);
  }

  #lowerBound(key: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#sorted[middle];
      if (entry !== undefined && entry.key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #reindex(key: string, old: CacheEntry | undefined, next: CacheEntry | undefined): void {
    for (const field of this.#indexedFields) {
      const before = old?.fields[field];
      const after = next?.fields[field];
      if (before === after) continue;
      const index = this.#indexes.get(field);
      if (before !== undefined) {
        const keys = index?.get(before);
        keys?.delete(key);
        if (keys?.size === 0) index?.delete(before);
      }
      if (after !== undefined) {
        const keys = index?.get(after);
        if (keys === undefined) index?.set(after, new Set([key]));
        else keys.add(key);
      }
    }
  }
}
