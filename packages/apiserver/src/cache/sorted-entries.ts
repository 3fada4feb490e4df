/**
 * Entries in key order, with an index by some fields. Keys that come and go are put into the sorted array only when somebody
 * reads a range: a write then costs the same however many entries there are.
 */
import type { CacheEntry } from './entry.ts';

/** So many keys are put in place one by one; for more, the whole array is gone through once. */
const FEW = 32;
/**
 * So many changes at least, and as many as there are entries, are put in place without a reader: where nobody ever reads a
 * range, the names of what is long gone must not pile up. Seldom enough that a write's share of it stays the same.
 */
const MOST_UNSETTLED = 1_024;

export class SortedEntries {
  readonly #byKey = new Map<string, CacheEntry>();
  /** Each key of the map stands either here or among the fresh ones, and so does each that is gone. */
  #sorted: string[] = [];
  #fresh: string[] = [];
  readonly #gone = new Set<string>();
  readonly #indexedFields: readonly string[];
  readonly #indexes = new Map<string, Map<string, Set<string>>>();

  constructor(indexedFields: readonly string[] = []) {
    this.#indexedFields = indexedFields;
    for (const field of indexedFields) this.#indexes.set(field, new Map());
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Keys that came or went since the array was last put in order. */
  get unsettled(): number {
    return this.#fresh.length + this.#gone.size;
  }

  get(key: string): CacheEntry | undefined {
    return this.#byKey.get(key);
  }

  /** Puts an entry; returns the one it replaces. */
  set(entry: CacheEntry): CacheEntry | undefined {
    const { key } = entry;
    const old = this.#byKey.get(key);
    if (old === undefined && !this.#gone.delete(key)) this.#fresh.push(key);
    this.#byKey.set(key, entry);
    this.#reindex(key, old, entry);
    this.#settleIfMany();
    return old;
  }

  delete(key: string): CacheEntry | undefined {
    const old = this.#byKey.get(key);
    if (old === undefined) return undefined;
    this.#byKey.delete(key);
    this.#gone.add(key);
    this.#reindex(key, old, undefined);
    this.#settleIfMany();
    return old;
  }

  /** Replaces everything. */
  reset(entries: readonly CacheEntry[]): void {
    this.#byKey.clear();
    this.#gone.clear();
    this.#fresh = [];
    for (const index of this.#indexes.values()) index.clear();
    for (const entry of entries) {
      this.#byKey.set(entry.key, entry);
      this.#reindex(entry.key, undefined, entry);
    }
    this.#sorted = [...this.#byKey.keys()].sort();
  }

  /** The entries whose key starts with the prefix, in key order. */
  withPrefix(prefix: string): CacheEntry[] {
    this.#settle();
    const found: CacheEntry[] = [];
    for (let at = this.#lowerBound(prefix); at < this.#sorted.length; at += 1) {
      const key = this.#sorted[at] ?? '';
      if (!key.startsWith(prefix)) break;
      const entry = this.#byKey.get(key);
      if (entry !== undefined) found.push(entry);
    }
    return found;
  }

  /** The entries with this value in an indexed field, in key order; undefined when the field has no index. */
  withField(field: string, value: string): CacheEntry[] | undefined {
    const index = this.#indexes.get(field);
    if (index === undefined) return undefined;
    const keys = [...(index.get(value) ?? [])].sort();
    return keys.map((key) => this.#byKey.get(key)).filter((entry) => entry !== undefined);
  }

  #settleIfMany(): void {
    if (this.unsettled > Math.max(MOST_UNSETTLED, this.#byKey.size)) this.#settle();
  }

  /** Puts the sorted array in order. */
  #settle(): void {
    if (this.unsettled === 0) return;
    if (this.unsettled <= FEW) this.#settleFew();
    else this.#settleMany();
    this.#fresh = [];
    this.#gone.clear();
  }

  #settleFew(): void {
    for (const key of this.#gone) {
      const at = this.#lowerBound(key);
      if (this.#sorted[at] === key) this.#sorted.splice(at, 1);
    }
    for (const key of this.#fresh) {
      if (!this.#gone.has(key)) this.#sorted.splice(this.#lowerBound(key), 0, key);
    }
  }

  #settleMany(): void {
    const fresh = this.#fresh.filter((key) => !this.#gone.has(key)).sort();
    const merged: string[] = [];
    let next = 0;
    for (const key of this.#sorted) {
      if (this.#gone.has(key)) continue;
      for (; next < fresh.length; next += 1) {
        const one = fresh[next] ?? key;
        if (one > key) break;
        merged.push(one);
      }
      merged.push(key);
    }
    for (; next < fresh.length; next += 1) merged.push(fresh[next] ?? '');
    this.#sorted = merged;
  }

  #lowerBound(key: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] ?? '') < key) low = middle + 1;
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
