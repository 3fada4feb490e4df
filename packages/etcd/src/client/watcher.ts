/**
 * A watch that survives its connection: it opens a stream, remembers the last revision it delivered, and on any break
 * opens another one from the revision after it.
 */

import {
  type Backoff,
  type Clock,
  errorMessage,
  exponentialBackoff,
  type Logger,
  type Random,
  type Timer,
} from '@kubets/platform';
import {
  type Event,
  type MethodPlan,
  serviceMethods,
  type WatchRequest,
  type WatchResponse,
} from '../codec/index.ts';
import { CODE, EtcdError, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { StreamCall } from './channel.ts';
import type { Connection, Endpoints } from './endpoints.ts';
import type { WatchEvent, WatchHandle, WatchHandlers, WatchOptions } from './types.ts';

export interface WatcherOptions {
  readonly endpoints: Endpoints;
  readonly watch: WatchOptions;
  readonly handlers: WatchHandlers;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** One attempt: connecting, then the call, then `isCreated`. */
interface Stream {
  readonly connection: Connection;
  call: StreamCall | undefined;
  isCreated: boolean;
}

const METHOD = serviceMethods('etcdserverpb.Watch').Watch as MethodPlan;
const PROGRESS: WatchRequest = { progressRequest: {} };
/** Members end the streams of those who ask for it when they have lost touch with the leader. */
const HEADERS = { hasleader: 'true' };

/** Codes after which trying again would only be refused again. */
const FOR_GOOD: ReadonlySet<number> = new Set([
  CODE.invalidArgument,
  CODE.permissionDenied,
  CODE.unauthenticated,
  CODE.unimplemented,
]);

export class Watcher implements WatchHandle {
  private readonly options: WatcherOptions;
  private readonly backoff: Backoff;
  private stream: Stream | undefined;
  private retry: Timer | undefined;
  private silence: Timer | undefined;
  /** The first revision not delivered yet; undefined until the server has said where "now" is. */
  private nextRevision: bigint | undefined;
  /** How far the store is shall be asked once there is a watch. */
  private isAsked = false;
  private ended = false;

  constructor(options: WatcherOptions) {
    this.options = options;
    this.nextRevision = options.watch.startRevision;
    const { random } = options;
    const waits = { initialMs: LIMITS.clientRetryMs, maxMs: LIMITS.clientRetryMaxMs };
    this.backoff = exponentialBackoff(waits, random);
    this.open();
  }

  cancel(): void {
    this.ended = true;
    this.retry?.cancel();
    this.drop();
  }

  requestProgress(): void {
    const { stream } = this;
    if (stream?.isCreated === true) stream.call?.write(PROGRESS);
    else this.isAsked = true;
  }

  /** At the leader where there is a choice: others hear of a write when the leader tells them that it is committed. */
  private open(): void {
    void this.options.endpoints.settled().then(() => {
      if (!this.ended) this.connect();
    });
  }

  private connect(): void {
    const { endpoints, clock } = this.options;
    const connection = endpoints.active();
    const stream: Stream = { connection, call: undefined, isCreated: false };
    this.stream = stream;
    // A member that accepts the stream and then says nothing is left as well.
    this.silence = clock.setTimeout(() => {
      this.broken(stream, statusError(CODE.unavailable, 'no answer'));
    }, LIMITS.clientWatchOpenMs);
    void connection.channel.reach(LIMITS.clientConnectMs).then((notReached) => {
      if (this.stream !== stream) return;
      if (notReached === undefined) this.ask(stream);
      else this.broken(stream, notReached);
    });
  }

  private ask(stream: Stream): void {
    const { watch } = this.options;
    const request: { createRequest: NonNullable<WatchRequest['createRequest']> } = {
      createRequest: {
        key: Buffer.from(watch.key),
        rangeEnd: Buffer.from(watch.rangeEnd ?? []),
        startRevision: this.nextRevision ?? 0n,
        progressNotify: watch.progressNotify ?? false,
        prevKv: watch.prevKv ?? false,
        filters: [],
        watchId: 0n,
        fragment: false,
      },
    };
    stream.call = stream.connection.channel.stream(METHOD, request, {
      headers: HEADERS,
      onMessage: (bytes) => {
        if (this.stream === stream) this.take(stream, bytes);
      },
      onEnd: (error) => this.broken(stream, error),
    });
    if (stream.call === undefined) {
      this.broken(stream, statusError(CODE.unavailable, 'the connection was lost'));
    }
  }

  private take(stream: Stream, bytes: Buffer): void {
    let message: WatchResponse;
    try {
      message = METHOD.response.decode(bytes) as WatchResponse;
    } catch (error) {
      this.broken(stream, statusError(CODE.internal, errorMessage(error)));
      return;
    }
    if (message.canceled) this.canceled(message);
    else if (message.created) this.created(stream, message);
    else if (message.events.length === 0) this.progressed(message);
    else this.deliver(message);
  }

  private created(stream: Stream, message: WatchResponse): void {
    const revision = revisionOf(message);
    stream.isCreated = true;
    if (this.isAsked) stream.call?.write(PROGRESS);
    this.isAsked = false;
    this.silence?.cancel();
    this.nextRevision ??= revision + 1n;
    this.backoff.reset();
    this.options.handlers.onCreated?.(revision);
  }

  /** Progress never runs ahead of events: the server says it only when it has sent all up to that revision. */
  private progressed(message: WatchResponse): void {
    const revision = revisionOf(message);
    if (this.nextRevision !== undefined && revision >= this.nextRevision) {
      this.nextRevision = revision + 1n;
    }
    this.options.handlers.onProgress?.(revision);
  }

  private deliver(message: WatchResponse): void {
    const next = this.nextRevision ?? 0n;
    const events = message.events.map(eventOf).filter((e) => e.kv.modRevision >= next);
    const last = events.at(-1);
    if (last === undefined) return;
    this.nextRevision = last.kv.modRevision + 1n;
    this.options.handlers.onEvents(events, revisionOf(message));
  }

  private canceled(message: WatchResponse): void {
    const { handlers } = this.options;
    if (message.compactRevision > 0n) {
      this.cancel();
      handlers.onCompacted(message.compactRevision);
      return;
    }
    const error = EtcdError.fromWire(CODE.cancelled, message.cancelReason || 'watch canceled');
    if (this.stream !== undefined && (error.kind === 'noLeader' || error.kind === 'stopped')) {
      this.broken(this.stream, error);
      return;
    }
    this.cancel();
    handlers.onError(error);
  }

  /** Lets go of the stream and tries the next endpoint after a pause. */
  private broken(stream: Stream, error: EtcdError): void {
    if (this.stream !== stream || this.ended) return;
    this.drop();
    if (FOR_GOOD.has(error.code)) {
      this.ended = true;
      this.options.handlers.onError(error);
      return;
    }
    const { endpoints, clock, log } = this.options;
    endpoints.moveOn(stream.connection);
    const waitMs = this.backoff.nextMs();
    log.debug({ error: error.message, waitMs }, 'watch stream broke, opening another');
    this.retry = clock.setTimeout(() => {
      if (!this.ended) this.open();
    }, waitMs);
  }

  private drop(): void {
    this.silence?.cancel();
    const stream = this.stream;
    this.stream = undefined;
    stream?.call?.cancel();
  }
}

function revisionOf(message: WatchResponse): bigint {
  return message.header?.revision ?? 0n;
}

function eventOf(event: Event): WatchEvent {
  const { kv, prevKv } = event;
  if (kv === undefined) throw statusError(CODE.internal, 'etcd sent an event without a key');
  return { type: event.type === 1 ? 'delete' : 'put', kv, prevKv };
}
