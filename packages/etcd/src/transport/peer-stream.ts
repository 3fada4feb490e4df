/**
 * The way out to one member: a stream that is opened again whenever it breaks, with a bounded queue before it.
 *
 * ```
 *  connecting ──accepted──► open ──breaks──► waiting ──back-off──► connecting
 *      └──────────fails──────────────────────►┘
 * ```
 */
import {
  type Clock,
  exponentialBackoff,
  type Logger,
  type Random,
  type Timer,
} from '@kubets/platform';
import { CODE } from '../errors.ts';
import type { PeerMessage } from '../host/ports.ts';
import { messageBytes } from './codec.ts';
import {
  ACCEPT_TIMEOUT_MS,
  FRAME_BYTES,
  MAX_QUEUE_BYTES,
  MAX_QUEUE_MESSAGES,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  REFUSED_RETRY_MS,
} from './limits.ts';
import { type Hello, helloFrame, messagesFrame, STREAM } from './messages.ts';
import type { CallStatus, PeerCall, PeerLink } from './peer-link.ts';

export interface PeerStreamOptions {
  /** A connection of its own for every attempt. */
  readonly connect: () => PeerLink;
  readonly hello: Hello;
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
  #link: PeerLink | undefined;
  #state: 'connecting' | 'open' | 'waiting' | 'closed' = 'waiting';
  #call: PeerCall | undefined;
  #queue: PeerMessage[] = [];
  #queueBytes = 0;
  /** A frame is on its way to the connection; what comes meanwhile goes together in the next one. */
  #isWriting = false;
  /** Of the attempt to connect, or of the wait before the next one. */
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

  /** For other calls to the same member; undefined while there is no connection. */
  get link(): PeerLink | undefined {
    return this.#link;
  }

  /** The other side has just shown that it is there: no need to wait any longer. */
  hurry(): void {
    if (this.#state !== 'waiting') return;
    this.#timer?.cancel();
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
    if (this.#state !== 'open' || this.#isWriting || this.#queue.length === 0) return;
    const call = this.#call;
    this.#isWriting = true;
    call?.write(messagesFrame(this.#takeFrame()), () => {
      if (this.#call !== call) return;
      this.#isWriting = false;
      this.flush();
    });
  }

  #takeFrame(): readonly PeerMessage[] {
    const queue = this.#queue;
    let count = 0;
    let bytes = 0;
    for (const message of queue) {
      const size = messageBytes(message);
      if (count > 0 && bytes + size > FRAME_BYTES) break;
      count += 1;
      bytes += size;
    }
    this.#queueBytes -= bytes;
    this.#queue = count === queue.length ? [] : queue.slice(count);
    return count === queue.length ? queue : queue.slice(0, count);
  }

  #connect(): void {
    this.#state = 'connecting';
    const { hello, clock } = this.#options;
    const link = this.#options.connect();
    this.#link = link;
    const call = link.call(STREAM.path, {
      onOpen: () => {
        if (this.#call === call) this.#opened();
      },
      onOver: (status) => {
        if (this.#call === call) this.#broken(status);
      },
    });
    this.#call = call;
    const late = { code: CODE.deadlineExceeded, details: 'no answer to the hello' };
    this.#timer = clock.setTimeout(() => this.#broken(late), ACCEPT_TIMEOUT_MS);
    call.write(helloFrame(hello));
  }

  #opened(): void {
    if (this.#state !== 'connecting') return;
    this.#timer?.cancel();
    this.#state = 'open';
    this.#backoff.reset();
    this.#options.onUp();
    this.flush();
  }

  #broken({ code, details: why }: CallStatus): void {
    const wasOpen = this.#state === 'open';
    const lost = this.#queue.length > 0;
    this.#disconnect();
    this.#state = 'waiting';
    const refused = code === CODE.failedPrecondition;
    const { log, hello, clock } = this.#options;
    const to = String(hello.to);
    if (refused) log.error({ to, why }, 'a peer refuses this member');
    else log.debug({ to, why }, 'the connection to a peer is gone');
    const waitMs = refused ? REFUSED_RETRY_MS : this.#backoff.nextMs();
    this.#timer = clock.setTimeout(() => this.#connect(), waitMs);
    if (wasOpen) this.#options.onDown();
    if (wasOpen || lost) this.#options.onUnreachable();
  }

  #disconnect(): void {
    this.#timer?.cancel();
    const link = this.#link;
    this.#link = undefined;
    this.#call = undefined;
    this.#isWriting = false;
    this.#queue = [];
    this.#queueBytes = 0;
    // Last: the call that ends with it is none of ours any more.
    link?.close();
  }

  close(): void {
    this.#state = 'closed';
    this.#disconnect();
  }
}
