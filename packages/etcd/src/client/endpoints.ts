/**
 * One connection for each endpoint, and which of them is in use. A call that surely did not take effect goes to the next
 * endpoint until its time is over; one that may have taken effect is only repeated when it is a read.
 */

import { type Client, Client as GrpcClient, type Metadata } from '@grpc/grpc-js';
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
import {
  type MethodPlan,
  type ResponseHeader,
  type StatusResponse,
  serviceMethods,
} from '../codec/index.ts';
import {
  AmbiguousError,
  CODE,
  type EtcdError,
  type EtcdErrorKind,
  NotTakenError,
  statusError,
} from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { Channel } from './channel.ts';
import { LeaderFinder } from './leader-finder.ts';
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
  /** For streams; it connects when the first one is opened. */
  readonly client: Client;
  /** For everything else. */
  readonly channel: Channel;
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
  /** Absent where there is no choice. */
  private readonly leader: LeaderFinder | undefined;
  private current = 0;
  private closed = false;

  constructor(options: EndpointsOptions) {
    const { endpoints, tls, clock } = options;
    if (endpoints.length === 0) throw new ConfigError('no etcd endpoint was given');
    this.options = options;
    this.connections = endpoints.map((endpoint) => {
      const name = parseEndpoint(endpoint, tls !== undefined);
      const used = endpoint.trim().startsWith('http://') ? undefined : tls;
      const client = new GrpcClient(name, channelCredentials(used), CHANNEL);
      return { name, client, channel: new Channel({ name, tls: used, clock }) };
    });
    const { names } = this;
    if (names.length < 2) return;
    this.leader = new LeaderFinder({
      names,
      ask: (name) => this.statusOf(name),
      onFound: (name) => {
        this.current = names.indexOf(name);
      },
    });
  }

  get names(): readonly string[] {
    return this.connections.map((c) => c.name);
  }

  close(): void {
    this.closed = true;
    for (const { client, channel } of this.connections) {
      client.close();
      channel.close();
    }
  }

  /** Resolves when the leader is not being looked for: what is opened then and stays open is the leader's, if it was found. */
  async settled(): Promise<void> {
    const search = this.leader?.search;
    if (search === undefined) return;
    const { clock } = this.options;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, LIMITS.clientLeaderWaitMs);
      void search.then(() => {
        timer.cancel();
        resolve();
      });
    });
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
    const said = new Map<string, EtcdError>();
    for (let tries = 1; ; tries++) {
      const connection = this.pick(call.endpoint);
      const outcome = await this.attempt(connection, call, options, deadlineMs);
      if (outcome.kind === 'done') {
        this.leader?.saw((outcome.value as { header?: ResponseHeader }).header);
        return outcome.value;
      }
      if (outcome.kind === 'refused') throw outcome.error;
      if (outcome.kind === 'unsure' && !call.read) throw ambiguous(outcome.error);
      said.set(connection.name, outcome.error);
      this.moveOn(connection);
      const roundDone = tries % this.connections.length === 0;
      const waitMs = roundDone ? backoff.nextMs() : 0;
      if (this.closed || options.signal?.aborted) throw outcome.error;
      const leftMs = deadlineMs - clock.monotonicMs() - waitMs;
      if (leftMs <= this.neededMs(options, said)) throw notTaken(said, outcome);
      if (waitMs > 0) await delay(waitMs, { clock });
    }
  }

  /**
   * Less time than this is not worth another try. A member without a leader lets a call wait for one, and says so after
   * a while: asked later than that while before the end, it would leave a write in doubt that it never passed on, and of a
   * read nobody would hear why it was not answered.
   */
  private neededMs(options: CallOptions, said: ReadonlyMap<string, EtcdError>): number {
    const isLeaderless = [...said.values()].some((error) => error.kind === 'noLeader');
    if (!isLeaderless) return 0;
    return Math.min(LIMITS.clientNoLeaderMs, (options.timeoutMs ?? LIMITS.clientRequestMs) / 4);
  }

  private async statusOf(endpoint: string): Promise<StatusResponse | undefined> {
    const options = { timeoutMs: LIMITS.clientConnectMs };
    const outcome = await this.attempt(
      this.pick(endpoint),
      { method: STATUS, request: {}, read: true },
      options,
      this.options.clock.monotonicMs() + options.timeoutMs,
    );
    return outcome.kind === 'done' ? (outcome.value as StatusResponse) : undefined;
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
    const { clock } = this.options;
    const { channel } = connection;
    if (!channel.isReady) {
      const leftMs = Math.max(1, deadlineMs - clock.monotonicMs());
      const notReached = await channel.reach(Math.min(leftMs, LIMITS.clientConnectMs));
      if (notReached !== undefined) return { kind: 'retry', error: notReached };
    }
    const { signal } = options;
    if (signal?.aborted) return { kind: 'refused', error: GIVEN_UP };
    const sendMs = Math.max(1, deadlineMs - clock.monotonicMs());
    const timeoutMs = call.read ? Math.min(sendMs, LIMITS.clientReadAttemptMs) : sendMs;
    const { method, request, metadata } = call;
    const headers = metadata && fieldsOf(metadata);
    const sent = await channel.send({ method, request, timeoutMs, signal, headers });
    if ('value' in sent) return { kind: 'done', value: sent.value };
    const { error, isUnsent = false } = sent;
    if (isUnsent || NOT_APPLIED.has(error.kind)) return { kind: 'retry', error };
    // A timeout or a lost leader is as unsure as a broken connection. A read that the caller gave up is just over.
    const over = call.read && signal?.aborted === true;
    return { kind: FATE_UNKNOWN.has(error.code) && !over ? 'unsure' : 'refused', error };
  }
}

/** What a call sends along, as header fields. */
function fieldsOf(metadata: Metadata): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata.getMap())) fields[name] = String(value);
  return fields;
}

const STATUS = serviceMethods('etcdserverpb.Maintenance').Status as MethodPlan;

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

/** What every endpoint said last, in one error: none of them has taken the call. */
function notTaken(said: ReadonlyMap<string, EtcdError>, outcome: { error: EtcdError }): EtcdError {
  const { kind, code } = outcome.error;
  const leaderless = [...said.values()].find((error) => error.kind === 'noLeader');
  const each = [...said].map(([name, { message }]) => {
    return message.includes(name) ? message : `${name}: ${message}`;
  });
  const options = { cause: outcome.error };
  return new NotTakenError(
    leaderless?.kind ?? kind,
    leaderless?.code ?? code,
    each.join('; '),
    options,
  );
}

export type { Connection };
