import { type ChannelOptions, type Client, connectivityState, Metadata } from '@grpc/grpc-js';
import {
  type ClientTls,
  type Clock,
  channelCredentials,
  clientChannelOptions,
  loadProto,
  type Random,
  serviceOf,
} from '@kubets/platform';
import {
  ENDPOINT_PAUSE_MS,
  KEEPALIVE_INTERVAL_MS,
  KEEPALIVE_TIMEOUT_MS,
  MAX_MESSAGE_BYTES,
} from '../limits.ts';
import type { ResourcesStub } from './wire.ts';

export interface EndpointOptions {
  readonly endpoints: readonly string[];
  readonly tls?: ClientTls;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly bearerToken?: () => string;
}

const SERVICE = 'kubets.apiserver.v1.Resources';

/** One apiserver's door: a channel of its own, and whether it failed lately. */
export class Endpoint {
  readonly address: string;
  #stub: ResourcesStub;
  #channel: ReturnType<Client['getChannel']>;
  #pausedUntilMs = 0;

  constructor(address: string, stub: ResourcesStub) {
    this.address = address;
    this.#stub = stub;
    this.#channel = stub.getChannel();
  }

  get stub(): ResourcesStub {
    return this.#stub;
  }

  /** Calls from now on use the new channel; those under way end on the old one. */
  renew(stub: ResourcesStub): void {
    const old = this.#stub;
    this.#stub = stub;
    this.#channel = stub.getChannel();
    old.close();
  }

  pausedAt(nowMs: number): boolean {
    return nowMs < this.#pausedUntilMs;
  }

  pauseUntil(ms: number): void {
    this.#pausedUntilMs = ms;
  }

  /**
   * Connects when needed. A request sent before this resolves true surely never reached the apiserver, so every request
   * waits for it; that is what lets writes go to another endpoint safely.
   * @returns whether there is a connection
   */
  async connected(deadlineMs: number): Promise<boolean> {
    if (this.#channel.getConnectivityState(true) === connectivityState.READY) return true;
    return this.#becomesReady(deadlineMs);
  }

  close(): void {
    this.#stub.close();
  }

  async #becomesReady(deadlineMs: number): Promise<boolean> {
    for (;;) {
      const state = this.#channel.getConnectivityState(true);
      if (state === connectivityState.READY) return true;
      if (state === connectivityState.SHUTDOWN) return false;
      if (!(await this.#stateChange(state, deadlineMs))) return false;
      const next = this.#channel.getConnectivityState(false);
      // Refused: there is no use in waiting for the channel's own next try while others may answer.
      if (next === connectivityState.TRANSIENT_FAILURE) return false;
    }
  }

  #stateChange(from: connectivityState, deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#channel.watchConnectivityState(from, deadlineMs, (error) => resolve(!error));
    });
  }
}

/** All apiservers. One is preferred as long as it answers; the choice at start is random, to spread the clients. */
export class EndpointPool {
  readonly #options: EndpointOptions;
  readonly #all: readonly Endpoint[];
  readonly #clock: Clock;
  readonly #bearerToken: (() => string) | undefined;
  #preferred: number;

  /** @throws RangeError without endpoints */
  constructor(options: EndpointOptions) {
    if (options.endpoints.length === 0) throw new RangeError('at least one apiserver is needed');
    this.#options = options;
    const newStub = this.#stubMaker(options.tls);
    this.#all = options.endpoints.map((address) => new Endpoint(address, newStub(address)));
    this.#clock = options.clock;
    this.#bearerToken = options.bearerToken;
    this.#preferred = options.random.int(this.#all.length);
  }

  /** Shows another certificate from the next connection on. */
  useTls(tls: ClientTls): void {
    const newStub = this.#stubMaker(tls);
    for (const endpoint of this.#all) endpoint.renew(newStub(endpoint.address));
  }

  #stubMaker(tls: ClientTls | undefined): (address: string) => ResourcesStub {
    const Stub = serviceOf(loadProto('apiserver/resources.proto', { longs: 'string' }), SERVICE);
    const credentials = channelCredentials(tls);
    const channel: ChannelOptions = {
      ...clientChannelOptions,
      'grpc.keepalive_time_ms': KEEPALIVE_INTERVAL_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      'grpc.primary_user_agent': this.#options.userAgent,
      'grpc.use_local_subchannel_pool': 1,
    };
    return (address) => new Stub(address, credentials, channel) as unknown as ResourcesStub;
  }

  get size(): number {
    return this.#all.length;
  }

  /** The endpoint to ask now: the preferred one, or the next that did not fail lately and was not tried yet. */
  pick(tried: ReadonlySet<Endpoint>): Endpoint | undefined {
    const nowMs = this.#clock.monotonicMs();
    const order = this.#all.map(
      (_, step) => this.#all[(this.#preferred + step) % this.#all.length],
    );
    const open = order.filter((one) => one !== undefined && !tried.has(one));
    return open.find((one) => one !== undefined && !one.pausedAt(nowMs)) ?? open[0];
  }

  /** The endpoint answered: it is asked first from now on. */
  succeeded(endpoint: Endpoint): void {
    this.#preferred = Math.max(0, this.#all.indexOf(endpoint));
  }

  /** The endpoint did not answer: it is passed over for a while. */
  failed(endpoint: Endpoint): void {
    endpoint.pauseUntil(this.#clock.monotonicMs() + ENDPOINT_PAUSE_MS);
    const at = this.#all.indexOf(endpoint);
    if (at === this.#preferred) this.#preferred = (at + 1) % this.#all.length;
  }

  /** Metadata of one request. */
  metadata(): Metadata {
    const metadata = new Metadata();
    if (this.#bearerToken !== undefined) {
      metadata.set('authorization', `Bearer ${this.#bearerToken()}`);
    }
    return metadata;
  }

  close(): void {
    for (const endpoint of this.#all) endpoint.close();
  }
}
