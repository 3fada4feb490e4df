import { isExpired, type KubeObject } from '@kubets/api';
import {
  type Backoff,
  type Clock,
  delay,
  exponentialBackoff,
  type Logger,
  type Random,
} from '@kubets/platform';
import { REFLECTOR_BACKOFF_MS, WATCH_HEALTHY_MS } from '../limits.ts';
import { type Api, keyOf, type ResourceApi, type WatchEvent, type WatchHandle } from '../ports.ts';
import { Breather } from '../queue/breather.ts';
import { IndexedStore } from './store.ts';

export interface InformerOptions<T extends KubeObject> {
  readonly api: Api;
  /** `v1`, `apps/v1`, … */
  readonly gv: string;
  readonly resource: string;
  /** Absent or '': all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** For each index, the values under which an object is found. */
  readonly indexers?: Readonly<Record<string, (object: T) => readonly string[]>>;
  /** Trims an object before it is kept, to save memory. May change and return its argument. */
  readonly transform?: (object: T) => T;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What to do on changes. Called after the informer's own view has the change; must not block. */
export interface InformerHandlers<T> {
  add?(object: T): void;
  update?(old: T, object: T): void;
  /** With the last state known, which may be older than the one that was deleted. */
  delete?(object: T): void;
}

/**
 * A resource's objects, kept in memory: lists once, then follows a watch. A broken watch goes on from the last version
 * seen; when that version is gone the list is taken again and compared. Objects are shared: do not change them.
 */
export class Informer<T extends KubeObject> {
  readonly #options: InformerOptions<T>;
  readonly #resource: ResourceApi<T>;
  readonly #store: IndexedStore<T>;
  readonly #handlers = new Set<InformerHandlers<T>>();
  readonly #backoff: Backoff;
  readonly #synced = Promise.withResolvers<void>();
  #isSynced = false;
  #lastSyncRevision = '';
  #stopping: AbortController | undefined;
  #watch: WatchHandle | undefined;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#resource = options.api.resource<T>(options.gv, options.resource);
    this.#store = new IndexedStore(options.indexers);
    const { initial: initialMs, max: maxMs } = REFLECTOR_BACKOFF_MS;
    this.#backoff = exponentialBackoff({ initialMs, maxMs, jitter: 0.5 }, options.random);
  }

  /** The version the view is of; '' before the first list. */
  get lastSyncRevision(): string {
    return this.#lastSyncRevision;
  }

  get size(): number {
    return this.#store.size;
  }

  /** Begins to follow the resource. Starting twice does nothing. */
  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    void this.#run(this.#stopping.signal);
  }

  /** Stops for good. */
  stop(): void {
    this.#stopping?.abort();
    this.#watch?.stop();
  }

  /** Whether the first list is in. */
  synced(): boolean {
    return this.#isSynced;
  }

  whenSynced(): Promise<void> {
    return this.#synced.promise;
  }

  /** @param key `namespace/name`, or `name` for cluster-scoped objects */
  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  list(): T[] {
    return this.#store.list();
  }

  keys(): string[] {
    return this.#store.keys();
  }

  byIndex(index: string, value: string): T[] {
    return this.#store.byIndex(index, value);
  }

  /** Adds handlers; objects already known are shown to `add` at once. @returns how to take them away */
  on(handlers: InformerHandlers<T>): () => void {
    this.#handlers.add(handlers);
    for (const object of this.#store.list()) this.#call(() => handlers.add?.(object));
    return () => this.#handlers.delete(handlers);
  }

  async #run(signal: AbortSignal): Promise<void> {
    let listed = false;
    while (!signal.aborted) {
      try {
        if (!listed) await this.#relist();
        listed = true;
        if (signal.aborted) return;
        await this.#follow();
      } catch (error) {
        if (isExpired(error)) listed = false;
        if (!signal.aborted) this.#report(error);
      }
      await delay(this.#backoff.nextMs(), { clock: this.#options.clock, signal }).catch(ignore);
    }
  }

  #report(error: unknown): void {
    const { gv, resource, log } = this.#options;
    log.info({ gv, resource, err: error }, 'list or watch ended; trying again');
  }

  async #relist(): Promise<void> {
    const { namespace = '', labelSelector = '', fieldSelector = '' } = this.#options;
    const list = await this.#resource.list(namespace, { labelSelector, fieldSelector });
    const gone = new Set(this.#store.keys());
    const breather = new Breather(this.#options.clock);
    for (const item of list.items) {
      if (breather.isDue) await breather.breathe();
      if (this.#stopping?.signal.aborted) return;
      const key = keyOf(item);
      gone.delete(key);
      const known = this.#store.get(key)?.metadata.resourceVersion;
      if (known === undefined || known !== item.metadata.resourceVersion) this.#put(item);
    }
    for (const key of gone) this.#remove(key);
    this.#lastSyncRevision = list.resourceVersion;
    this.#isSynced = true;
    this.#synced.resolve();
  }

  /** One watch, to its end. Resolves when it ended in order, throws why when not. */
  async #follow(): Promise<void> {
    const { namespace = '', labelSelector = '', fieldSelector = '', clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const from = { labelSelector, fieldSelector, resourceVersion: this.#lastSyncRevision };
    const watch = this.#resource.watch(namespace, from, (events) => {
      for (const event of events) this.#apply(event);
    });
    this.#watch = watch;
    const error = await watch.done;
    if (clock.monotonicMs() - startedMs >= WATCH_HEALTHY_MS) this.#backoff.reset();
    if (error !== undefined) throw error;
  }

  #apply(event: WatchEvent<T>): void {
    if (this.#stopping?.signal.aborted) return;
    if (event.type === 'DELETED') this.#remove(keyOf(event.object), event.object);
    else if (event.type !== 'BOOKMARK') this.#put(event.object);
    this.#lastSyncRevision = event.object.metadata.resourceVersion ?? this.#lastSyncRevision;
  }

  #put(received: T): void {
    const object = this.#options.transform?.(received) ?? received;
    const old = this.#store.put(keyOf(object), object);
    for (const handlers of this.#handlers) {
      this.#call(() =>
        old === undefined ? handlers.add?.(object) : handlers.update?.(old, object),
      );
    }
  }

  #remove(key: string, last?: T): void {
    const old = this.#store.remove(key);
    if (old === undefined) return;
    for (const handlers of this.#handlers) this.#call(() => handlers.delete?.(last ?? old));
  }

  /** A handler that throws must not keep the others, or the view, from the change. */
  #call(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      const { gv, resource, log } = this.#options;
      log.error({ gv, resource, err: error }, 'a handler failed');
    }
  }
}

/** The wait was cut short by stop(): the loop sees that itself. */
function ignore(): void {}
