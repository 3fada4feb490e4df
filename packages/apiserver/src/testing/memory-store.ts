/** A store in memory with the semantics of etcd that the registry relies on: for tests of what stands above it. */
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
} from '../storage/store.ts';

interface Watching {
  readonly prefix: string;
  readonly handlers: StoreWatchHandlers;
  readonly backlog: StoreEvent[];
  scheduled: boolean;
}

const FIRST_REVISION = 1n;

export class MemoryStore implements Store {
  /** The newest value of every key ever written, with its history, oldest first. */
  readonly #history: StoreEvent[] = [];
  readonly #now = new Map<string, StoredValue>();
  readonly #watches = new Set<Watching>();
  #revision = FIRST_REVISION;
  #compacted = 0n;

  get(key: string, o: { revision?: bigint } = {}): Promise<StoreRead> {
    const value = this.#at(o.revision).get(key);
    return Promise.resolve({ value, revision: this.#revision });
  }

  page(prefix: string, o: PageOptions): Promise<StorePage> {
    const from = o.from ?? prefix;
    const all = [...this.#at(o.revision).values()]
      .filter((each) => each.key.startsWith(prefix) && each.key >= from)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const values = o.limit > 0 ? all.slice(0, o.limit) : all;
    const more = values.length < all.length;
    return Promise.resolve({ values, more, count: all.length, revision: this.#revision });
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
    if (revision > this.#compacted) this.#compacted = revision;
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
    this.#compacted = this.#revision;
    const ended = [...this.#watches];
    this.#watches.clear();
    for (const each of ended) each.handlers.onCompacted();
  }

  #at(revision: bigint | undefined): Map<string, StoredValue> {
    if (revision === undefined || revision >= this.#revision) return this.#now;
    const state = new Map<string, StoredValue>();
    for (const event of this.#history) {
      if (event.revision > revision) break;
      if (event.type === 'put') state.set(event.key, event);
      else state.delete(event.key);
    }
    return state;
  }

  #commit(event: StoreEvent): void {
    this.#revision = event.revision;
    this.#history.push(event);
    if (event.type === 'put') this.#now.set(event.key, event);
    else this.#now.delete(event.key);
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
