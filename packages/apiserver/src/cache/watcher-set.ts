/** The watches of a cache, indexed so that an event finds the ones that might want it. */
import type { CacheEntry } from './entry.ts';
import type { CacheEvent } from './ring.ts';
import type { Watcher } from './watcher.ts';

const slot = (field: string, value: string): string => `${field}=${value}`;

export class WatcherSet {
  readonly #all = new Set<Watcher>();
  readonly #general = new Set<Watcher>();
  readonly #bySlot = new Map<string, Set<Watcher>>();
  /** How many watchers use each indexed field. */
  readonly #fields = new Map<string, number>();

  get size(): number {
    return this.#all.size;
  }

  all(): readonly Watcher[] {
    return [...this.#all];
  }

  add(watcher: Watcher): void {
    this.#all.add(watcher);
    const { indexed } = watcher.selection;
    if (indexed === undefined) {
      this.#general.add(watcher);
      return;
    }
    const key = slot(indexed.field, indexed.value);
    const there = this.#bySlot.get(key);
    if (there === undefined) this.#bySlot.set(key, new Set([watcher]));
    else there.add(watcher);
    this.#fields.set(indexed.field, (this.#fields.get(indexed.field) ?? 0) + 1);
  }

  delete(watcher: Watcher): void {
    if (!this.#all.delete(watcher)) return;
    this.#general.delete(watcher);
    const { indexed } = watcher.selection;
    if (indexed === undefined) return;
    const key = slot(indexed.field, indexed.value);
    const there = this.#bySlot.get(key);
    there?.delete(watcher);
    if (there?.size === 0) this.#bySlot.delete(key);
    const left = (this.#fields.get(indexed.field) ?? 1) - 1;
    if (left === 0) this.#fields.delete(indexed.field);
    else this.#fields.set(indexed.field, left);
  }

  /** Takes all watchers out. */
  drain(): readonly Watcher[] {
    const all = [...this.#all];
    this.#all.clear();
    this.#general.clear();
    this.#bySlot.clear();
    this.#fields.clear();
    return all;
  }

  /** Each watcher that might want some of the events, with those events in order. */
  interested(events: readonly CacheEvent[]): Map<Watcher, readonly CacheEvent[]> {
    const found = new Map<Watcher, readonly CacheEvent[]>();
    const indexed = new Map<Watcher, CacheEvent[]>();
    if (events.length === 0) return found;
    // Whoever wants all that comes shares one list.
    for (const watcher of this.#general) found.set(watcher, events);
    if (this.#fields.size === 0) return found;
    for (const event of events) {
      for (const watcher of this.#indexedFor(event)) {
        const some = indexed.get(watcher);
        if (some === undefined) indexed.set(watcher, [event]);
        else some.push(event);
      }
    }
    for (const [watcher, some] of indexed) found.set(watcher, some);
    return found;
  }

  #indexedFor(event: CacheEvent): Set<Watcher> {
    const found = new Set<Watcher>();
    for (const field of this.#fields.keys()) {
      this.#collect(field, event.entry, found);
      if (event.old !== undefined) this.#collect(field, event.old, found);
    }
    return found;
  }

  #collect(field: string, entry: CacheEntry, into: Set<Watcher>): void {
    const value = entry.fields[field];
    if (value === undefined) return;
    for (const watcher of this.#bySlot.get(slot(field, value)) ?? []) into.add(watcher);
  }
}
