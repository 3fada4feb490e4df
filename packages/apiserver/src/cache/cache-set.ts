/** The watch caches, one a stored kind, made at first use. */
import type { KindDef } from '@kubets/api';
import type { Clock, Logger, Random, Timer } from '@kubets/platform';
import { BOOKMARK_INTERVAL_MS, RECENT_VALUE_BYTES } from '../limits.ts';
import { kindPrefix } from '../registry/keys.ts';
import type { Store, StoredValue } from '../storage/store.ts';
import { RecentValues } from './recent-values.ts';
import { RevisionOracle } from './revision-oracle.ts';
import { WatchCache } from './watch-cache.ts';

export interface CacheSetOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The kind whose objects a kind is stored as (itself, for nearly all). */
  readonly storageKind: (def: KindDef) => KindDef;
}

/** Fields that lists and watches are looked up by. */
const INDEXED_FIELDS: Readonly<Record<string, readonly string[]>> = {
  '/pods': ['spec.nodeName'],
};

export class CacheSet {
  readonly #o: CacheSetOptions;
  readonly #caches = new Map<string, WatchCache>();
  readonly #oracle: RevisionOracle;
  readonly #recent = new RecentValues(RECENT_VALUE_BYTES);
  readonly #bookmarks: Timer;

  constructor(options: CacheSetOptions) {
    this.#o = options;
    this.#oracle = new RevisionOracle(options.store);
    this.#bookmarks = options.clock.setInterval(() => {
      for (const cache of this.#caches.values()) cache.bookmark();
    }, BOOKMARK_INTERVAL_MS);
  }

  /** The kind's cache, started. */
  of(def: KindDef): WatchCache {
    const prefix = kindPrefix(def);
    let cache = this.#caches.get(prefix);
    if (cache === undefined) {
      cache = this.#make(def, prefix);
      this.#caches.set(prefix, cache);
    }
    cache.start();
    return cache;
  }

  /** The kind's cache if it runs already. */
  peek(def: KindDef): WatchCache | undefined {
    return this.#caches.get(kindPrefix(def));
  }

  /** A state of an object that is in memory; it may be old. */
  known(def: KindDef, key: string): StoredValue | undefined {
    const cache = this.peek(def);
    if (cache === undefined) return this.#recent.get(key);
    const entry = cache.get(key);
    return entry && { key, value: entry.bytes, revision: entry.revision };
  }

  /** Remembers what this server has replaced an object by, unless the kind has a cache that will be told. */
  replaced(def: KindDef, value: StoredValue): void {
    if (this.peek(def) === undefined) this.#recent.put(value);
    else this.#recent.forget(value.key);
  }

  /** Forgets an object that this server has removed. */
  removed(key: string): void {
    this.#recent.forget(key);
  }

  /** Ends the kind's cache and its watches; the next use makes a new one. */
  drop(def: KindDef): void {
    const prefix = kindPrefix(def);
    this.#caches.get(prefix)?.close();
    this.#caches.delete(prefix);
  }

  all(): readonly WatchCache[] {
    return [...this.#caches.values()];
  }

  /** The store's revision now: what a consistent read must have reached. */
  storeRevision(): Promise<bigint> {
    return this.#oracle.current();
  }

  close(): void {
    this.#bookmarks.cancel();
    for (const cache of this.#caches.values()) cache.close();
  }

  #make(def: KindDef, prefix: string): WatchCache {
    const { store, clock, random, log, storageKind } = this.#o;
    const indexedFields = INDEXED_FIELDS[`${def.group}/${def.resource}`] ?? [];
    return new WatchCache({
      def: storageKind(def),
      store,
      prefix,
      indexedFields,
      clock,
      random,
      log,
    });
  }
}
