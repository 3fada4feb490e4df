import { type KubeObject, parseApiVersion } from '@kubets/api';
import {
  type ClientTls,
  type Clock,
  type Logger,
  type Random,
  systemClock,
  systemRandom,
} from '@kubets/platform';
import type { Api, DiscoveredList } from '../ports.ts';
import { Batcher } from './batcher.ts';
import { Caller } from './caller.ts';
import type { ClientFigures } from './client-figures.ts';
import { EndpointPool } from './endpoints.ts';
import { READ, ResourceClient } from './resource-client.ts';
import { decodeObject } from './wire.ts';

export interface ApiClientOptions {
  /** `host:port` of the gRPC doors of all apiservers. */
  readonly endpoints: readonly string[];
  /** Our identity; absent: plain text, for tests. */
  readonly tls?: ClientTls;
  readonly userAgent: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Asked for each request, so that a token may change. */
  readonly bearerToken?: () => string;
  /** Where requests are counted; absent: nowhere. */
  readonly figures?: ClientFigures;
}

/** The cluster's API over the component door, whichever apiserver answers. Errors are ApiError. */
export class ApiClient implements Api {
  readonly #pool: EndpointPool;
  readonly #caller: Caller;
  readonly #batcher: Batcher;
  readonly #log: Logger;
  readonly #clock: Clock;

  /** @throws RangeError without endpoints */
  constructor(options: ApiClientOptions) {
    const { clock = systemClock, random = systemRandom } = options;
    this.#pool = new EndpointPool({ ...options, clock, random });
    this.#caller = new Caller(this.#pool, clock, options.figures);
    this.#batcher = new Batcher(this.#caller);
    this.#log = options.log;
    this.#clock = clock;
  }

  resource<T extends KubeObject>(groupVersion: string, resource: string): ResourceClient<T> {
    const [pool, caller, batcher] = [this.#pool, this.#caller, this.#batcher];
    const parts = { pool, caller, batcher, log: this.#log, clock: this.#clock };
    return new ResourceClient<T>(parts, groupVersion, resource);
  }

  async discover(groupVersion: string): Promise<DiscoveredList> {
    const { object } = await this.#caller.unary('Discover', parseApiVersion(groupVersion), READ);
    return decodeObject(object);
  }

  /** Shows another certificate from now on; what is under way ends with the old one. */
  useTls(tls: ClientTls): void {
    this.#pool.useTls(tls);
  }

  /** Ends all connections; calls under way fail. */
  close(): void {
    this.#pool.close();
  }
}
