/**
 * The way out to one member: a stream that is opened again whenever it breaks, with a bounded queue before it.
 *
 * ```
 *  connecting ──accepted──► open ──breaks──► waiting ──back-off──► connecting
 *      └──────────fails──────────────────────►┘
 * ```
 */
import { type ClientWritableStream, type ServiceError, status } from '@grpc/grpc-js';
import {
  type Clock,
  exponentialBackoff,
  type Logger,
  type Random,
  type Timer,
} from '@kubets/platform';
import type { PeerMessage } from '../host/ports.ts';
import { encodeMessages, messageBytes } from './codec.ts';
import {
  FRAME_BYTES,
  MAX_QUEUE_BYTES,
  MAX_QUEUE_MESSAGES,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  REFUSED_RETRY_MS,
} from './limits.ts';
import type { BatchWire, HelloWire, PeersClient } from './wire.ts';

export interface PeerStreamOptions {
  /** A client of its own for every attempt: a used one would wait out gRPC's own back-off. */
  readonly makeClient: () => PeersClient;
  readonly hello: HelloWire;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The stream is open. */
  onUp(): void;
  /** An open stream has broken. */
  onDown(): void;
  /** Messages were dropped. */
  onUnreachable(): void;
}

export class PeerStream {
  readonly #options: PeerStreamOptions;
  readonly #backoff: ReturnType<typeof exponentialBackoff>;
  #client: PeersClient | undefined;
  #state: 'connecting' | 'open' | 'waiting' | 'closed' = 'waiting';
  #call: ClientWritableStream<BatchWire> | undefined;
  #queue: PeerMessage[] = [];
  #queueBytes = 0;
  #blocked = false;
  #timer: Timer | undefined;

  constructor(options: PeerStreamOptions) {
    this.#options = options;
    this.#backoff = exponentialBackoff(
      { initialMs: RECONNECT_MIN_MS, maxMs: RECONNECT_MAX_MS, jitter: 0.2 },
      options.random,
    );
    this.#connect();
  }

  get connected(): boolean {
    return this.#state === 'open';
  }

  /** For other calls to the same member; undefined once closed. */
  get client(): PeersClient | undefined {
    return this.#state === 'closed' ? undefined : this.#client;
  }

  /** The other side has just shown that it is there: no need to wait any longer. */
  hurry(): void {
    if (this.#state !== 'waiting' || this.#timer === undefined) return;
    this.#timer.cancel();
    this.#connect();
  }

  send(message: PeerMessage): void {
    const bytes = messageBytes(message);
    const full =
      this.#queue.length >= MAX_QUEUE_MESSAGES || this.#queueBytes + bytes > MAX_QUEUE_BYTES;
    if (this.#state === 'waiting' || this.#state === 'closed' || (full && this.#queue.length > 0)) {
      this.#options.onUnreachable();
      return;
    }
    this.#queue.push(message);
    this.#queueBytes += bytes;
  }

  /** Writes what is queued, as far as the connection takes it. */
  flush(): void {
    while (this.#state === 'open' && !this.#blocked && this.#queue.length > 0) {
      this.#blocked = this.#call?.write({ messages: this.#takeFrame() }) === false;
    }
  }

  #takeFrame(): Buffer {
    let count = 0;
    let bytes = 0;
    for (const message of this.#queue) {
      const size = messageBytes(message);
      if (count > 0 && bytes + size > FRAME_BYTES) break;
      count += 1;
      bytes += size;
    }
    const frame = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    this.#queueBytes -= bytes;
    return encodeMessages(frame);
  }

  #connect(): void {
    this.#state = 'connecting';
    this.#timer = undefined;
    const { hello } = this.#options;
    this.#client?.close();
    const client = this.#options.makeClient();
    this.#client = client;
    const call = client.Stream((err) => this.#broken(call, err));
    this.#call = call;
    call.on('metadata', () => {
      if (this.#call !== call || this.#state !== 'connecting') return;
      this.#state = 'open';
      this.#backoff.reset();
      this.#options.onUp();
      this.flush();
    });
    call.on('drain', () => {
      if (this.#call !== call) return;
      this.#blocked = false;
      this.flush();
    });
    // The callback above has the status; without a listener the event would end the process.
    call.on('error', () => undefined);
    call.write({ hello });
  }

  #broken(call: ClientWritableStream<BatchWire>, err: ServiceError | null): void {
    if (this.#call !== call || this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    const lost = this.#queue.length > 0;
    this.#state = 'waiting';
    this.#call = undefined;
    this.#blocked = false;
    this.#queue = [];
    this.#queueBytes = 0;
    const refused = err?.code === status.FAILED_PRECONDITION;
    const { log, hello, clock } = this.#options;
    if (refused) log.error({ to: hello.to, why: err?.details }, 'a peer refuses this member');
    else log.debug({ to: hello.to, why: err?.details }, 'the connection to a peer is gone');
    const waitMs = refused ? REFUSED_RETRY_MS : this.#backoff.nextMs();
    this.#timer = clock.setTimeout(() => this.#connect(), waitMs);
    if (wasOpen) this.#options.onDown();
    if (wasOpen || lost) this.#options.onUnreachable();
  }

  close(): void {
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#call?.cancel();
    this.#call = undefined;
    this.#client?.close();
  }
}
