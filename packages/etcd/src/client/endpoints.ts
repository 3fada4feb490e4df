/**
 * One connection for each endpoint, and which of them is in use. A call that surely did not take effect goes to the next
 * endpoint until its time is over; one that may have taken effect is only repeated when it is a read.
 */

import { type Client, Client as GrpcClient, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  type ClientTls,
  type Clock,
  ConfigError,
  channelCredentials,
  clientChannelOptions,
  delay,
  exponentialBackoff,
  type Logger,
  type Random,
} from '@kubets/platform';
import type { MethodPlan } from '../codec/index.ts';
import { AmbiguousError, CODE, EtcdError, type EtcdErrorKind, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { CallOptions } from './types.ts';

export interface EndpointsOptions {
  /** `host:port`, `http://host:port` or `https://host:port`; https needs `tls`. */
  readonly endpoints: readonly string[];
  readonly tls?: ClientTls;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** What to send. `read`: repeating it does no harm. */
export interface UnaryCall {
  readonly method: MethodPlan;
  readonly request: unknown;
  readonly read: boolean;
  /** Ask this endpoint only. */
  readonly endpoint?: string;
  /** Sent along, such as a token. */
  readonly metadata?: Metadata;
}

/** The server refused before it proposed anything: another member may do better. */
const NOT_APPLIED: ReadonlySet<EtcdErrorKind> = new Set([
  'noLeader',
  'notLeader',
  'stopped',
  'notCapable',
  'tooManyRequests',
  'notSupportedForLearner',
]);

/** Codes that say nothing of what became of a request that had been sent. */
const FATE_UNKNOWN: ReadonlySet<number> = new Set([
  CODE.unavailable,
  CODE.deadlineExceeded,
  CODE.cancelled,
  CODE.internal,
  CODE.unknown,
]);

type Outcome =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly error: EtcdError }
  | { readonly kind: 'retry'; readonly error: EtcdError }
  | { readonly kind: 'unsure'; readonly error: EtcdError };

interface Connection {
  readonly name: string;
  readonly client: Client;
}

function parseEndpoint(text: string, hasTls: boolean): string {
  const match = /^(?:(https?):\/\/)?([^/]+:\d+)\/?$/.exec(text.trim());
  if (match?.[2] === undefined) {
    throw new ConfigError(`"${text}" is not an etcd endpoint; use https://HOST:PORT`);
  }
  if (match[1] === 'https' && !hasTls) {
    throw new ConfigError(`${text} needs a certificate, a key and a CA certificate`);
  }
  return match[2];
}

export class Endpoints {
  private readonly options: EndpointsOptions;
  private readonly connections: readonly Connection[];
  private current = 0;
  private closed = false;

  constructor(options: EndpointsOptions) {
    const { endpoints, tls } = options;
    if (endpoints.length === 0) throw new ConfigError('no etcd endpoint was given');
    this.options = options;
    this.connections = endpoints.map((endpoint) => {
      const name = parseEndpoint(endpoint, tls !== undefined);
      const plain = endpoint.trim().startsWith('http://');
      const credentials = channelCredentials(plain ? undefined : tls);
      return { name, client: new GrpcClient(name, credentials, CHANNEL) };
    });
  }

  get names(): readonly string[] {
    return this.connections.map((c) => c.name);
  }

  close(): void {
    this.closed = true;
    for (const { client } of this.connections) client.close();
  }

  /** The connection in use, for streams. */
  active(): Connection {
    return this.connections[this.current % this.connections.length] as Connection;
  }

  /** Moves on, unless someone else did so since `from` was in use. */
  moveOn(from: Connection): void {
    if (this.active() === from) this.current = (this.current + 1) % this.connections.length;
  }

  /** Makes one call; see the rule above. */
  async unary(call: UnaryCall, options: CallOptions = {}): Promise<unknown> {
    const { clock, random } = this.options;
    const deadlineMs = clock.monotonicMs() + (options.timeoutMs ?? LIMITS.clientRequestMs);
    const backoff = exponentialBackoff(
      { initialMs: LIMITS.clientRetryMs, maxMs: LIMITS.clientRetryMaxMs },
      random,
    );
    for (let tries = 1; ; tries++) {
      const connection = this.pick(call.endpoint);
      const outcome = await this.attempt(connection, call, options, deadlineMs);
      if (outcome.kind === 'done') return outcome.value;
      if (outcome.kind === 'refused') throw outcome.error;
      if (outcome.kind === 'unsure' && !call.read) throw ambiguous(outcome.error);
      this.moveOn(connection);
      const roundDone = tries % this.connections.length === 0;
      const waitMs = roundDone ? backoff.nextMs() : 0;
      if (this.closed || options.signal?.aborted || clock.monotonicMs() + waitMs >= deadlineMs) {
        throw outcome.error;
      }
      if (waitMs > 0) await delay(waitMs, { clock });
    }
  }

  /** The connection to an endpoint, or the one in use. @throws ConfigError when it is none of ours */
  pick(endpoint: string | undefined): Connection {
    if (endpoint === undefined) return this.active();
    const found = this.connections.find((c) => endpoint.endsWith(c.name));
    if (found === undefined) throw new ConfigError(`${endpoint} is not one of the endpoints`);
    return found;
  }

  private async attempt(
    connection: Connection,
    call: UnaryCall,
    options: CallOptions,
    deadlineMs: number,
  ): Promise<Outcome> {
    const leftMs = Math.max(1, deadlineMs - this.options.clock.monotonicMs());
    const notReached = await this.reach(connection, Math.min(leftMs, LIMITS.clientConnectMs));
    if (notReached !== undefined) return { kind: 'retry', error: notReached };
    if (options.signal?.aborted) return { kind: 'refused', error: GIVEN_UP };
    const sendMs = Math.max(1, deadlineMs - this.options.clock.monotonicMs());
    const timeoutMs = call.read ? Math.min(sendMs, LIMITS.clientReadAttemptMs) : sendMs;
    const sent = await send(connection.client, call, this.options.clock.now() + timeoutMs, options);
    if (!(sent instanceof EtcdError)) return { kind: 'done', value: sent };
    if (NOT_APPLIED.has(sent.kind)) return { kind: 'retry', error: sent };
    // A timeout or a lost leader is as unsure as a broken connection. A read that the caller gave up is just over.
    const over = call.read && options.signal?.aborted === true;
    return { kind: FATE_UNKNOWN.has(sent.code) && !over ? 'unsure' : 'refused', error: sent };
  }

  /** Waits for a connection. @returns why there is none */
  private reach({ name, client }: Connection, timeoutMs: number): Promise<EtcdError | undefined> {
    const channel = client.getChannel();
    if (channel.getConnectivityState(true) === READY) return Promise.resolve(undefined);
    const untilMs = this.options.clock.now() + timeoutMs;
    return new Promise((resolve) => {
      const fail = () => resolve(statusError(CODE.unavailable, `no connection to etcd at ${name}`));
      const look = (): void => {
        const state = channel.getConnectivityState(!this.closed);
        if (state === READY) resolve(undefined);
        else if (this.closed || state === TRANSIENT_FAILURE || state === SHUTDOWN) fail();
        else channel.watchConnectivityState(state, untilMs, (error) => (error ? fail() : look()));
      };
      look();
    });
  }
}

// The connectivity states' numbers (gRPC's): the enum itself is a const enum, gone at run time.
const READY = 2;
const TRANSIENT_FAILURE = 3;
const SHUTDOWN = 4;

const NO_METADATA = new Metadata();
const GIVEN_UP = statusError(CODE.cancelled, 'the caller gave the request up before it was sent');

const CHANNEL = {
  ...clientChannelOptions,
  'grpc.max_receive_message_length': LIMITS.clientAnswerBytes,
  'grpc.max_send_message_length': LIMITS.clientAnswerBytes,
};

function ambiguous(error: EtcdError): AmbiguousError {
  const what = `etcd may or may not have applied the write: ${error.message}`;
  return new AmbiguousError(error.kind, error.code, what, { cause: error });
}

/** Sends once. Resolves with the answer, or with the error as a value. */
function send(
  client: Client,
  { method, request, metadata = NO_METADATA }: UnaryCall,
  deadlineEpochMs: number,
  { signal }: CallOptions,
): Promise<unknown> {
  return new Promise((resolve) => {
    const abort = (): void => running.cancel();
    const done = (error: ServiceError | null, value: unknown): void => {
      signal?.removeEventListener('abort', abort);
      resolve(error === null ? value : EtcdError.fromWire(error.code, error.details));
    };
    const running = client.makeUnaryRequest(
      method.path,
      (value: unknown) => method.request.encode(value as never),
      (bytes: Buffer) => method.response.decode(bytes),
      request,
      metadata,
      { deadline: deadlineEpochMs },
      done,
    );
    signal?.addEventListener('abort', abort, { once: true });
  });
}

export type { Connection };
