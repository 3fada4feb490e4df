import { type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import { type ApiError, fromStatus } from '@kubets/api';
import { CALL_DEADLINE_MS } from '../limits.ts';
import type { WatchEvent, WatchHandle } from '../ports.ts';
import type { Endpoint } from './endpoints.ts';
import type { ClientParts } from './resource-client.ts';
import { decodeObject, errorOf, type WireBatch } from './wire.ts';

/** A watch has no deadline of its own; only finding a connection has. */
const CONNECT = { deadlineMs: CALL_DEADLINE_MS, write: false } as const;

/** One stream, from connecting to its end. */
class WatchStream<T> implements WatchHandle {
  readonly done: Promise<Error | undefined>;
  readonly #parts: ClientParts;
  readonly #onEvents: (events: readonly WatchEvent<T>[]) => void;
  readonly #ended = Promise.withResolvers<Error | undefined>();
  #stream: ClientReadableStream<WireBatch> | undefined;
  #stopped = false;

  constructor(parts: ClientParts, onEvents: (events: readonly WatchEvent<T>[]) => void) {
    this.#parts = parts;
    this.#onEvents = onEvents;
    this.done = this.#ended.promise;
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.cancel();
    this.#ended.resolve(undefined);
  }

  async open(request: object): Promise<void> {
    try {
      const found = async (endpoint: Endpoint): Promise<Endpoint> => endpoint;
      const endpoint = await this.#parts.caller.attempt(CONNECT, found);
      if (!this.#stopped) this.#attach(endpoint, request);
    } catch (error) {
      this.#ended.resolve(error as Error);
    }
  }

  #attach(endpoint: Endpoint, request: object): void {
    const stream = endpoint.stub.Watch(request, this.#parts.pool.metadata(), {});
    this.#stream = stream;
    stream.on('data', (batch) => this.#onBatch(batch));
    stream.on('end', () => this.#ended.resolve(undefined));
    stream.on('error', (error: ServiceError) => {
      // A broken stream says that this apiserver is going away: the next watch asks another one.
      const gone = error.code === status.UNAVAILABLE || error.code === status.CANCELLED;
      if (gone && !this.#stopped) this.#parts.pool.failed(endpoint);
      this.#ended.resolve(this.#stopped ? undefined : errorOf(error, false));
    });
  }

  #onBatch(batch: WireBatch): void {
    if (this.#stopped) return;
    const events: WatchEvent<T>[] = [];
    let failure: ApiError | undefined;
    for (const { type, object } of batch.events) {
      if (type === 'ERROR') failure = fromStatus(decodeObject(object));
      else events.push({ type, object: decodeObject<T>(object) });
    }
    if (events.length > 0) this.#onEvents(events);
    if (failure === undefined) return;
    this.#ended.resolve(failure);
    this.stop();
  }
}

/** Opens a watch. It ends by itself when its connection breaks. */
export function openWatch<T>(
  parts: ClientParts,
  request: object,
  onEvents: (events: readonly WatchEvent<T>[]) => void,
): WatchHandle {
  const watch = new WatchStream<T>(parts, onEvents);
  void watch.open(request);
  return watch;
}
