/**
 * A resource in memory. One store watch feeds it; lists, watches and the apiserver's own parts read it.
 *
 * States: filling (pages at one revision) → following (the watch from that revision on) → filling again when the store has
 * compacted what the watch would need. While filling again the old state stays readable for readers who ask for no
 * freshness; everyone else waits or goes to the store.
 */
import type { KindDef } from '@kubets/api';
import {
  type Clock,
  exponentialBackoff,
  type Logger,
  type Random,
  type Timer,
} from '@kubets/platform';
import { CACHE_PAGE_KEYS, EXPECTED_WRITES, PROGRESS_POLL_MS } from '../limits.ts';
import type { Store, StoredValue, StoreEvent, StoreWatch } from '../storage/store.ts';
import { type CacheEntry, entryAtRevision, entryOf } from './entry.ts';
import { type CacheEvent, EventRing } from './ring.ts';
import { Rounds } from './rounds.ts';
import type { Selection } from './selection.ts';
import { SortedEntries } from './sorted-entries.ts';
import { Watcher, type WatchSink, type WatchStart } from './watcher.ts';
import { WatcherSet } from './watcher-set.ts';

export interface WatchCacheOptions {
  readonly def: KindDef;
  readonly store: Store;
  /** Keys of the resource begin with this; ends with a slash. */
  readonly prefix: string;
  readonly indexedFields: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Waiter {
  readonly revision: bigint;
  /** Whether progress has been asked for since it came. */
  asked: boolean;
  readonly resolve: (reached: boolean) => void;
}

/** A change as the apiserver's own listeners get it. */
export type CacheListener = (event: Pick<CacheEvent, 'type' | 'entry' | 'old'>) => void;

const REFILL_BACKOFF = { initialMs: 100, maxMs: 5_000 };

export class WatchCache {
  readonly #o: WatchCacheOptions;
  readonly #entries: SortedEntries;
  readonly #ring = new EventRing();
  readonly #watchers = new WatcherSet();
  readonly #rounds: Rounds;
  readonly #listeners = new Set<CacheListener>();
  readonly #backoff: { nextMs(): number; reset(): void };
  /** Entries of this server's own writes, by key, until their events come. */
  readonly #expected = new Map<string, CacheEntry>();
  #waiters: Waiter[] = [];
  #watch: StoreWatch | undefined;
  #revision = 0n;
  #state: 'new' | 'filling' | 'following' | 'closed' = 'new';
  #filled = false;
  #progressPending = false;
  #poll: Timer | undefined;

  constructor(options: WatchCacheOptions) {
    this.#o = options;
    this.#entries = new SortedEntries(options.indexedFields);
    this.#backoff = exponentialBackoff(REFILL_BACKOFF, options.random);
    this.#rounds = new Rounds({
      clock: options.clock,
      watchers: () => this.#watchers.size,
      tell: (changes) => this.#tellWatchers(changes),
    });
  }

  get def(): KindDef {
    return this.#o.def;
  }

  get prefix(): string {
    return this.#o.prefix;
  }

  /** The state in memory is the store's at this revision. */
  get revision(): bigint {
    return this.#revision;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Begins filling; does nothing when it runs already. */
  start(): void {
    if (this.#state === 'new') void this.#fill();
  }

  synced(): boolean {
    return this.#filled;
  }

  /** Ends every watch and the store watch. */
  close(): void {
    this.#rounds.tellNow();
    this.#state = 'closed';
    this.#watch?.cancel();
    this.#poll?.cancel();
    for (const watcher of this.#watchers.drain()) watcher.end('closed');
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(false);
  }

  /**
   * Resolves with true once the state is at least at `revision` (0n: once there is a state at all), with false when that
   * took longer than `timeoutMs` or the cache closed; at once when the store cannot say how far the watch is, so that nobody
   * could tell a state that is behind from one that is not. The store itself has to be read then.
   */
  waitFor(revision: bigint, timeoutMs: number): Promise<boolean> {
    this.start();
    if (this.#filled && this.#revision >= revision) return Promise.resolve(true);
    if (this.#state === 'closed') return Promise.resolve(false);
    if (this.#filled && this.#o.store.confirmsProgress?.() === false) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = this.#o.clock.setTimeout(() => {
        this.#waiters = this.#waiters.filter((each) => each !== waiter);
        resolve(false);
      }, timeoutMs);
      const waiter: Waiter = {
        revision,
        asked: false,
        resolve: (reached) => {
          timer.cancel();
          resolve(reached);
        },
      };
      this.#waiters.push(waiter);
      this.#askProgress();
    });
  }

  /** Takes the entry of a write whose event is on its way. It shows once the event has come, in its turn. */
  expect(entry: CacheEntry): void {
    if (this.#state !== 'following' || entry.revision <= this.#revision) return;
    this.#expected.set(entry.key, entry);
    if (this.#expected.size <= EXPECTED_WRITES) return;
    const [oldest] = this.#expected.keys();
    if (oldest !== undefined) this.#expected.delete(oldest);
  }

  get(key: string): CacheEntry | undefined {
    return this.#entries.get(key);
  }

  /** The entries of a selection in key order. */
  list(selection: Selection): CacheEntry[] {
    const { namespace, name, indexed } = selection;
    if (name !== undefined && (namespace !== '' || !this.#o.def.namespaced)) {
      const scope = namespace === '' ? '' : `${namespace}/`;
      const entry = this.#entries.get(`${this.#o.prefix}${scope}${name}`);
      return entry !== undefined && selection.matches(entry) ? [entry] : [];
    }
    const found = indexed && this.#entries.withField(indexed.field, indexed.value);
    const scope = namespace === '' ? this.#o.prefix : `${this.#o.prefix}${namespace}/`;
    return (found ?? this.#entries.withPrefix(scope)).filter((entry) => selection.matches(entry));
  }

  /** Starts a watch; undefined when events after its start revision are no longer known. */
  watch(start: WatchStart, sink: WatchSink): (() => void) | undefined {
    const missed = start.after === undefined ? [] : this.#ring.after(start.after);
    if (missed === undefined || this.#state === 'closed') return undefined;
    const watcher = new Watcher(start, start.after ?? this.#revision, sink);
    this.#watchers.add(watcher);
    if (start.state !== undefined) {
      const { entries, revision } = start.state;
      watcher.sendInitial(entries, revision, start.markInitialEvents);
      watcher.send(missed);
    } else if (start.after === undefined) {
      watcher.sendInitial(this.list(start.selection), this.#revision, start.markInitialEvents);
    } else {
      watcher.send(missed);
      for (const event of missed) event.encodings = undefined;
    }
    return () => this.#watchers.delete(watcher);
  }

  /** Calls back for what is there (once there is a state), then for every change. */
  listen(listener: CacheListener): () => void {
    if (this.#filled) {
      for (const entry of this.#entries.withPrefix('')) {
        listener({ type: 'ADDED', entry, old: undefined });
      }
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sends bookmarks to the watches that take them, and asks the store how far it is. */
  bookmark(): void {
    if (!this.#filled || this.#watchers.size === 0) return;
    this.#rounds.tellNow();
    for (const watcher of this.#watchers.all()) watcher.sendBookmark(this.#revision);
    if (this.#o.store.confirmsProgress?.() !== false) this.#watch?.requestProgress();
  }

  async #fill(): Promise<void> {
    this.#state = 'filling';
    try {
      const { entries, revision } = await this.#readAll();
      if (this.#isClosed()) return;
      this.#replace(entries, revision);
      this.#backoff.reset();
      this.#follow();
    } catch (error) {
      if (this.#isClosed()) return;
      this.#o.log.warn({ prefix: this.#o.prefix, err: error }, 'cannot fill the cache, retrying');
      this.#o.clock.setTimeout(() => void this.#fill(), this.#backoff.nextMs());
    }
  }

  async #readAll(): Promise<{ entries: CacheEntry[]; revision: bigint }> {
    const { store, prefix } = this.#o;
    const entries: CacheEntry[] = [];
    let page = await store.page(prefix, { limit: CACHE_PAGE_KEYS });
    const { revision } = page;
    for (;;) {
      for (const value of page.values) {
        const entry = this.#entryOf(value);
        if (entry !== undefined) entries.push(entry);
      }
      const last = page.values.at(-1);
      if (!page.more || last === undefined) return { entries, revision };
      const from = `${last.key}\0`;
      page = await store.page(prefix, { limit: CACHE_PAGE_KEYS, from, revision });
    }
  }

  /** Puts a whole state in place and tells the listeners what differs. */
  #replace(entries: readonly CacheEntry[], revision: bigint): void {
    const before = new Map(this.#entries.withPrefix('').map((entry) => [entry.key, entry]));
    this.#entries.reset(entries);
    this.#ring.reset(revision);
    this.#revision = revision;
    this.#filled = true;
    for (const entry of entries) {
      const old = before.get(entry.key);
      before.delete(entry.key);
      if (old?.revision === entry.revision) continue;
      this.#tell({ type: old === undefined ? 'ADDED' : 'MODIFIED', entry, old });
    }
    for (const old of before.values()) this.#tell({ type: 'DELETED', entry: old, old });
    this.#wake();
  }

  #follow(): void {
    this.#state = 'following';
    this.#watch = this.#o.store.watch(this.#o.prefix, this.#revision + 1n, {
      onEvents: (events, revision) => this.#apply(events, revision),
      onProgress: (revision) => {
        this.#progressPending = false;
        this.#advance(revision);
      },
      onCompacted: () => this.#restart('the store compacted the watch away'),
      onError: (error) => this.#restart(error.message),
    });
    this.#progressPending = false;
    this.#askProgress();
  }

  #restart(why: string): void {
    if (this.#state !== 'following') return;
    this.#o.log.warn({ prefix: this.#o.prefix, why }, 'cache starts over');
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#expected.clear();
    this.#rounds.tellNow();
    for (const watcher of this.#watchers.drain()) watcher.end('expired');
    void this.#fill();
  }

  #apply(events: readonly StoreEvent[], revision: bigint): void {
    const nowMs = this.#o.clock.monotonicMs();
    for (const event of events) {
      if (event.revision <= this.#revision) continue;
      const change = event.type === 'put' ? this.#put(event) : this.#remove(event);
      if (change === undefined) continue;
      this.#ring.push(change, nowMs);
      this.#tell(change);
      this.#rounds.add(change);
    }
    this.#rounds.tellSoon();
    this.#advance(revision);
  }

  #tellWatchers(changes: readonly CacheEvent[]): void {
    for (const [watcher, some] of this.#watchers.interested(changes)) this.#send(watcher, some);
    for (const change of changes) change.encodings = undefined;
  }

  /** One watch that fails must not keep others from their events. */
  #send(watcher: Watcher, events: readonly CacheEvent[]): void {
    try {
      watcher.send(events);
    } catch (error) {
      this.#o.log.error({ prefix: this.#o.prefix, err: error }, 'a watch failed and was ended');
      this.#watchers.delete(watcher);
      watcher.end('closed');
    }
  }

  /** The entry of a stored value; undefined, and a line in the log, for bytes that are no object. */
  #entryOf(stored: StoredValue): CacheEntry | undefined {
    try {
      return entryOf(this.#o.def, stored);
    } catch (error) {
      const { key } = stored;
      this.#o.log.error(
        { key, err: error },
        'the store holds something that is no object: left out',
      );
      return undefined;
    }
  }

  #put(event: StoreEvent): CacheEvent | undefined {
    const entry = this.#ownWrite(event) ?? this.#entryOf(event);
    if (entry === undefined) return this.#remove(event);
    const old = this.#entries.set(entry);
    const type = old === undefined ? 'ADDED' : 'MODIFIED';
    const { revision } = event;
    return { type, revision, entry, old, gone: undefined, encodings: undefined };
  }

  /** One revision of one key is one value: an entry of that revision needs no parsing of the event's. */
  #ownWrite({ key, revision }: StoreEvent): CacheEntry | undefined {
    const own = this.#expected.get(key);
    if (own === undefined || own.revision > revision) return undefined;
    this.#expected.delete(key);
    return own.revision === revision ? own : undefined;
  }

  #remove(event: StoreEvent): CacheEvent | undefined {
    const old = this.#entries.delete(event.key);
    if (old === undefined) return undefined;
    const { revision } = event;
    const entry = entryAtRevision(old, revision);
    return { type: 'DELETED', revision, entry, old, gone: entry, encodings: undefined };
  }

  #advance(revision: bigint): void {
    if (revision > this.#revision) this.#revision = revision;
    this.#wake();
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const reached = this.#waiters.filter((each) => each.revision <= this.#revision);
    this.#waiters = this.#waiters.filter((each) => each.revision > this.#revision);
    for (const waiter of reached) waiter.resolve(true);
    this.#askProgress();
  }

  /** Asks how far the store is, once for all who wait: at once for newcomers, then in intervals. */
  #askProgress(): void {
    if (this.#progressPending || this.#watch === undefined) return;
    if (this.#o.store.confirmsProgress?.() === false) return;
    if (this.#waiters.every((each) => each.asked)) return;
    for (const waiter of this.#waiters) waiter.asked = true;
    this.#progressPending = true;
    this.#watch.requestProgress();
    this.#poll?.cancel();
    this.#poll = this.#o.clock.setTimeout(() => {
      this.#poll = undefined;
      this.#progressPending = false;
      for (const waiter of this.#waiters) waiter.asked = false;
      this.#askProgress();
    }, PROGRESS_POLL_MS);
  }

  #tell(event: Pick<CacheEvent, 'type' | 'entry' | 'old'>): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#o.log.error({ prefix: this.#o.prefix, err: error }, 'a cache listener failed');
      }
    }
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }
}
