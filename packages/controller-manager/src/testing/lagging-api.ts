/** The API with slow watches: caches fall behind by an amount the seed decides, streams independently. */
import type { KubeObject } from '@kubets/api';
import type { Api, DiscoveredList, ResourceApi, WatchEvent, WatchHandle } from '@kubets/client';
import type { Random } from '@kubets/platform';

interface Stream {
  /** Delivers up to this many waiting events. */
  deliver(count: number): void;
  waiting(): number;
}

export class LaggingApi implements Api {
  readonly #inner: Api;
  readonly #random: Random;
  readonly #streams = new Set<Stream>();
  /** Most events one stream delivers in one tick. */
  readonly #most: number;

  constructor(inner: Api, random: Random, most = 3) {
    this.#inner = inner;
    this.#random = random;
    this.#most = most;
  }

  /** Events that were sent but not delivered yet. */
  get waiting(): number {
    return [...this.#streams].reduce((sum, stream) => sum + stream.waiting(), 0);
  }

  /** Each stream delivers a few events, or none. */
  tick(): void {
    for (const stream of this.#streams) stream.deliver(this.#random.int(this.#most + 1));
  }

  resource<T extends KubeObject>(groupVersion: string, resource: string): ResourceApi<T> {
    const inner = this.#inner.resource<T>(groupVersion, resource);
    return new Proxy(inner, {
      get: (target, property) => {
        if (property === 'watch') {
          return (...[namespace, options, onEvents]: Parameters<ResourceApi<T>['watch']>) =>
            this.#watch<T>((deliver) => target.watch(namespace, options, deliver), onEvents);
        }
        const member = Reflect.get(target, property);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  }

  discover(groupVersion: string): Promise<DiscoveredList> {
    return this.#inner.discover(groupVersion);
  }

  #watch<T>(
    open: (deliver: (events: readonly WatchEvent<T>[]) => void) => WatchHandle,
    onEvents: (events: readonly WatchEvent<T>[]) => void,
  ): WatchHandle {
    const pending: WatchEvent<T>[] = [];
    const stream: Stream = {
      deliver: (count) => {
        const events = pending.splice(0, count);
        if (events.length > 0) onEvents(events);
      },
      waiting: () => pending.length,
    };
    this.#streams.add(stream);
    const handle = open((events) => pending.push(...events));
    void handle.done.then(() => this.#streams.delete(stream));
    return handle;
  }
}
