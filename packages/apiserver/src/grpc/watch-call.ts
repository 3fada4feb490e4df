/** A watch as a stream of batches. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import { expired, type KindDef, serviceUnavailable } from '@kubets/api';
import type { WatchEnd, WatchItem, WatchSink } from '../cache/watcher.ts';
import { LIST_CHUNK_BYTES, MAX_WATCH_BACKLOG_BYTES, WATCH_BATCH_EVENTS } from '../limits.ts';
import { onAbort } from '../on-abort.ts';
import { bookmarkBytes, plainBytes } from '../rest/encode.ts';
import { grpcError } from './errors.ts';
import type { WatchBatch, WatchEvent, WatchRequest } from './messages.ts';

export interface GrpcWatchOptions {
  readonly call: ServerWritableStream<WatchRequest, WatchBatch>;
  readonly def: KindDef;
  readonly signal: AbortSignal;
  readonly onFrame: () => void;
}

/** Sends what arrives together in one message; cuts off a client that leaves too many bytes unread. */
export class GrpcWatch implements WatchSink {
  readonly #o: GrpcWatchOptions;
  readonly #forgetDrain: () => void;
  #stop: (() => void) | undefined;
  #unreadBytes = 0;
  #allowance = Number.POSITIVE_INFINITY;
  #ended = false;

  constructor(options: GrpcWatchOptions) {
    this.#o = options;
    this.#forgetDrain = onAbort(options.signal, () => this.end('closed'));
    for (const event of ['cancelled', 'close', 'error']) {
      options.call.on(event, () => this.#finish());
    }
  }

  /** Hands over what ends the watch on the cache. */
  onStop(stop: () => void): void {
    // What came until now is the present state, however large; from here on the client has to keep up.
    this.#allowance = MAX_WATCH_BACKLOG_BYTES + this.#unreadBytes;
    if (this.#ended) stop();
    else this.#stop = stop;
  }

  deliver(items: readonly WatchItem[]): void {
    let batch: WatchEvent[] = [];
    let size = 0;
    for (const item of items) {
      if (this.#ended) return;
      const object = this.#bytesOf(item);
      batch.push({ type: item.type, object });
      size += object.length;
      this.#o.onFrame();
      if (size < LIST_CHUNK_BYTES && batch.length < WATCH_BATCH_EVENTS) continue;
      this.#write(batch, size);
      batch = [];
      size = 0;
    }
    if (batch.length > 0) this.#write(batch, size);
  }

  end(reason: WatchEnd): void {
    if (this.#ended) return;
    const error =
      reason === 'expired'
        ? expired('too old resource version')
        : serviceUnavailable(
            reason === 'slow' ? 'the watch was read too slowly' : 'the server is shutting down',
          );
    this.#finish();
    this.#o.call.emit('error', grpcError(error));
  }

  #write(events: readonly WatchEvent[], size: number): void {
    if (this.#ended) return;
    this.#unreadBytes += size;
    this.#o.call.write({ events }, () => {
      this.#unreadBytes -= size;
    });
    if (this.#unreadBytes > this.#allowance) this.end('slow');
  }

  #bytesOf(item: WatchItem): Buffer {
    const { def } = this.#o;
    return item.entry === undefined ? bookmarkBytes(def, item) : plainBytes(def, item.entry);
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#forgetDrain();
    this.#stop?.();
    this.#stop = undefined;
  }
}
