/**
 * A store in memory with the semantics of etcd that the registry relies on: for tests, and for an apiserver inside another
 * program. One process, nothing survives it; keys with a time to live are kept for good.
 */
import { expired } from '@kubets/api';
import { TOO_OLD_LIST } from './errors.ts';
import type {
  PageOptions,
  Store,
  StoredValue,
  StoreEvent,
  StorePage,
  StoreRead,
  StoreWatch,
  StoreWatchHandlers,
  SwapResult,
} from './store.ts';

interface Watching {
  readonly prefix: string;
  readonly handlers: StoreWatchHandlers;
  readonly backlog: StoreEvent[];
  scheduled: boolean;
}

const FIRST_REVISION = 1n;

export class MemoryStore implements Store {
  /** The state at the compacted revision; every change after it is in the history, oldest first. */
  readonly #base = new Map<string, StoredValue>();
  #history: StoreEvent[] = [];
  readonly #now = new Map<string, StoredValue>();
  /** The keys of now in order; made when asked for. */
  #sorted: string[] | undefined;
  readonly #watches = new Set<Watching>();
  #revision = FIRST_REVISION;
  #compacted = 0n;

  async get(key: string, o: { revision?: bigint } = {}): Promise<StoreRead> {
    const value = this.#at(o.revision).get(key);
    return { value, revision: this.#revision };
  }

  async page(prefix: string, o: PageOptions): Promise<StorePage> {
    const from = o.from ?? prefix;
    const state = this.#at(o.revision);
    const keys = this.#keysOf(state);
    let at = lowerBound(keys, from < prefix ? prefix : from);
    const start = at;
    const values: StoredValue[] = [];
    for (; keys[at]?.startsWith(prefix); at += 1) {
      const value = state.get(keys[at] ?? '');
      const isWanted = o.limit <= 0 || values.length < o.limit;
      if (value !== undefined && isWanted) values.push(value);
    }
    const count = at - start;
    return { values, more: values.length < count, count, revision: this.#revision };
  }

  currentRevision(): Promise<bigint> {
    return Promise.resolve(this.#revision);
  }

  swap(key: string, value: Buffer, expected: bigint): Promise<SwapResult> {
    const current = this.#now.get(key);
    if ((current?.revision ?? 0n) !== expected) return Promise.resolve({ ok: false, current });
    this.#commit({ type: 'put', key, value, revision: this.#revision + 1n });
    return Promise.resolve({ ok: true, revision: this.#revision });
  }

  remove(key: string, expected: bigint): Promise<SwapResult> {
    const current = this.#now.get(key);
    if (current === undefined || current.revision !== expected) {
      return Promise.resolve({ ok: false, current });
    }
    this.#commit({ type: 'delete', key, value: Buffer.alloc(0), revision: this.#revision + 1n });
    return Promise.resolve({ ok: true, revision: this.#revision });
  }

  watch(prefix: string, from: bigint, handlers: StoreWatchHandlers): StoreWatch {
    const watching: Watching = { prefix, handlers, backlog: [], scheduled: false };
    if (from <= this.#compacted) {
      queueMicrotask(() => handlers.onCompacted());
      return { cancel: () => undefined, requestProgress: () => undefined };
    }
    this.#watches.add(watching);
    watching.backlog.push(
      ...this.#history.filter((event) => event.revision >= from && event.key.startsWith(prefix)),
    );
    this.#schedule(watching);
    return {
      cancel: () => this.#watches.delete(watching),
      requestProgress: () => {
        queueMicrotask(() => {
          this.#flush(watching);
          if (this.#watches.has(watching)) handlers.onProgress(this.#revision);
        });
      },
    };
  }

  compact(revision: bigint): Promise<void> {
    if (revision <= this.#compacted) return Promise.resolve();
    const kept = this.#history.findIndex((event) => event.revision > revision);
    const gone = kept < 0 ? this.#history.length : kept;
    for (const event of this.#history.slice(0, gone)) take(this.#base, event);
    this.#history = this.#history.slice(gone);
    this.#compacted = revision;
    return Promise.resolve();
  }

  /** The history before this is given up. */
  get compacted(): bigint {
    return this.#compacted;
  }

  close(): void {
    this.#watches.clear();
  }

  /** Ends every watch as if their start had been compacted away. */
  compactEverything(): void {
    void this.compact(this.#revision);
    const ended = [...this.#watches];
    this.#watches.clear();
    for (const each of ended) each.handlers.onCompacted();
  }

  /** @throws ApiError Expired for a revision whose history is gone */
  #at(revision: bigint | undefined): ReadonlyMap<string, StoredValue> {
    if (revision === undefined || revision >= this.#revision) return this.#now;
    if (revision < this.#compacted) throw expired(TOO_OLD_LIST);
    const state = new Map(this.#base);
    for (const event of this.#history) {
      if (event.revision > revision) break;
      take(state, event);
    }
    return state;
  }

  #keysOf(state: ReadonlyMap<string, StoredValue>): readonly string[] {
    if (state !== this.#now) return [...state.keys()].sort();
    this.#sorted ??= [...state.keys()].sort();
    return this.#sorted;
  }

  #commit(event: StoreEvent): void {
    this.#revision = event.revision;
    this.#history.push(event);
    if (event.type === 'delete' || !this.#now.has(event.key)) this.#sorted = undefined;
    take(this.#now, event);
    for (const watching of this.#watches) {
      if (!event.key.startsWith(watching.prefix)) continue;
      watching.backlog.push(event);
      this.#schedule(watching);
    }
  }

  #schedule(watching: Watching): void {
    if (watching.scheduled) return;
    watching.scheduled = true;
    queueMicrotask(() => this.#flush(watching));
  }

  #flush(watching: Watching): void {
    watching.scheduled = false;
    const events = watching.backlog.splice(0);
    const last = events.at(-1);
    if (last === undefined || !this.#watches.has(watching)) return;
    watching.handlers.onEvents(events, last.revision);
  }
}

function take(state: Map<string, StoredValue>, event: StoreEvent): void {
  if (event.type === 'put') state.set(event.key, event);
  else state.delete(event.key);
}

/** Where the first key not below `key` is. */
function lowerBound(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
