/**
 * A watch that survives its connection: it opens a stream, remembers the last revision it delivered, and on any break
 * opens another one from the revision after it.
 */

import { type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  type Backoff,
  type Clock,
  exponentialBackoff,
  type Logger,
  type Random,
  type Timer,
} from '@kubets/platform';
import {
  type Event,
  serviceMethods,
  type WatchRequest,
  type WatchResponse,
} from '../codec/index.ts';
import { CODE, EtcdError, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
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

type Stream = ClientDuplexStream<unknown, WatchResponse>;

const METHOD = serviceMethods('etcdserverpb.Watch').Watch;

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
  private connection: Connection | undefined;
  private retry: Timer | undefined;
  private silence: Timer | undefined;
  /** The first revision not delivered yet; undefined until the server has said where "now" is. */
  private nextRevision: bigint | undefined;
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
    this.stream?.write({ progressRequest: {} });
  }

  private open(): void {
    const { endpoints, watch, clock } = this.options;
    const connection = endpoints.active();
    const metadata = new Metadata();
    // Members end the streams of those who ask for it when they have lost touch with the leader.
    metadata.set('hasleader', 'true');
    const stream: Stream = connection.client.makeBidiStreamRequest(
      METHOD?.path ?? '',
      (value: unknown) => METHOD?.request.encode(value as never) ?? Buffer.alloc(0),
      (bytes: Buffer) => METHOD?.response.decode(bytes) as WatchResponse,
      metadata,
    );
    this.stream = stream;
    this.connection = connection;
    // A member that accepts the stream and then says nothing is left as well.
    this.silence = clock.setTimeout(() => {
      if (this.stream === stream) this.broken(stream, statusError(CODE.unavailable, 'no answer'));
    }, LIMITS.clientWatchOpenMs);
    stream.on('data', (message: WatchResponse) => {
      if (this.stream === stream) this.take(message);
    });
    stream.on('error', (error: ServiceError) =>
      this.broken(stream, EtcdError.fromWire(error.code, error.details)),
    );
    stream.on('end', () => this.broken(stream, statusError(CODE.unavailable, 'stream ended')));
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
    stream.write(request);
  }

  private take(message: WatchResponse): void {
    if (message.canceled) this.canceled(message);
    else if (message.created) this.created(message);
    else if (message.events.length === 0) this.progressed(message);
    else this.deliver(message);
  }

  private created(message: WatchResponse): void {
    const revision = revisionOf(message);
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
    if (this.connection !== undefined) endpoints.moveOn(this.connection);
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
    stream?.on('error', () => undefined);
    stream?.cancel();
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
