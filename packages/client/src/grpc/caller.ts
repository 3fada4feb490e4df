import type { ServiceError } from '@grpc/grpc-js';
import { ApiError } from '@kubets/api';
import { type Clock, delay } from '@kubets/platform';
import { TransportError } from '../errors.ts';
import { CONNECT_TRY_MS, ROUND_PAUSE_MS } from '../limits.ts';
import { type ClientFigures, type Method, NO_ANSWER } from './client-figures.ts';
import type { Endpoint, EndpointPool } from './endpoints.ts';
import {
  errorOf,
  type ObjectReply,
  type UnaryMethod,
  type WireWrite,
  type WireWriteResult,
} from './wire.ts';

const METHODS: Readonly<Record<UnaryMethod, Method>> = {
  Get: 'GET',
  Create: 'POST',
  Update: 'PUT',
  Patch: 'PATCH',
  Delete: 'DELETE',
  Discover: 'GET',
};
const OK = 200;
const CREATED = 201;

const codeOf = (error: unknown): number => (error instanceof ApiError ? error.code : NO_ANSWER);

/** How long requests may take. */
export interface CallLimits {
  /** The whole request, all tries together. */
  readonly deadlineMs: number;
  /** One try on one endpoint, for requests that may be repeated; absent: the whole time. */
  readonly tryMs?: number;
  /** Whether a lost answer is ambiguous. */
  readonly write: boolean;
}

/**
 * Takes a request to an apiserver that answers. Requests that surely did not arrive go to the next endpoint at once,
 * reads do so after any transport failure; writes whose answer was lost are reported, never repeated.
 */
export class Caller {
  readonly #pool: EndpointPool;
  readonly #clock: Clock;
  readonly #figures: ClientFigures | undefined;

  constructor(pool: EndpointPool, clock: Clock, figures?: ClientFigures) {
    this.#pool = pool;
    this.#clock = clock;
    this.#figures = figures;
  }

  unary(method: UnaryMethod, request: object, limits: CallLimits): Promise<ObjectReply> {
    const once = (endpoint: Endpoint, deadlineMs: number): Promise<ObjectReply> =>
      this.#unaryOnce(endpoint, method, { request, deadlineMs, write: limits.write });
    return this.attempt(limits, once, METHODS[method]);
  }

  /** Several creations in one message. @returns what became of each */
  createMany(items: readonly WireWrite[], limits: CallLimits): Promise<WireWriteResult[]> {
    const call = (endpoint: Endpoint, deadline: number): Promise<WireWriteResult[]> =>
      new Promise((resolve, reject) => {
        const metadata = this.#pool.metadata();
        endpoint.stub.CreateMany({ items }, metadata, { deadline }, (error, reply) => {
          if (error !== null) reject(errorOf(error, limits.write));
          else resolve(reply?.results ?? []);
        });
      });
    return this.attempt(limits, call, 'POST');
  }

  /**
   * @param once one try on one endpoint; rejects with an ApiError
   * @param method what it is counted as; absent: it is not
   */
  async attempt<R>(
    limits: CallLimits,
    once: (endpoint: Endpoint, deadlineMs: number) => Promise<R>,
    method?: Method,
  ): Promise<R> {
    const endMs = this.#clock.now() + limits.deadlineMs;
    let last: unknown;
    for (let round = 0; this.#clock.now() < endMs; round += 1) {
      if (round > 0) await delay(ROUND_PAUSE_MS, { clock: this.#clock });
      const tried = new Set<Endpoint>();
      for (let next = this.#pool.pick(tried); next; next = this.#pool.pick(tried)) {
        tried.add(next);
        const connectMs = Math.min(endMs, this.#clock.now() + CONNECT_TRY_MS);
        if (!(await next.connected(connectMs))) {
          this.#pool.failed(next);
          continue;
        }
        // A server that was too slow for one round is given longer in the next: asked over and over, it only gets slower.
        const patienceMs = (limits.tryMs ?? limits.deadlineMs) * 2 ** round;
        const tryMs = Math.min(endMs, this.#clock.now() + patienceMs);
        try {
          const result = await this.#counted(next, method, once(next, tryMs));
          this.#pool.succeeded(next);
          return result;
        } catch (error) {
          if (!(error instanceof TransportError)) throw error;
          this.#pool.failed(next);
          if (error.ambiguous) throw error;
          last = error;
        }
      }
    }
    if (last !== undefined) throw last;
    throw new TransportError('no apiserver can be reached', { ambiguous: false });
  }

  async #counted<R>(
    { address }: Endpoint,
    method: Method | undefined,
    work: Promise<R>,
  ): Promise<R> {
    const figures = this.#figures;
    if (figures === undefined || method === undefined) return work;
    const startMs = this.#clock.monotonicMs();
    try {
      const result = await work;
      const code = method === 'POST' ? CREATED : OK;
      figures.ended(method, address, code, this.#clock.monotonicMs() - startMs);
      return result;
    } catch (error) {
      const code = error instanceof TransportError ? NO_ANSWER : codeOf(error);
      figures.ended(method, address, code, this.#clock.monotonicMs() - startMs);
      throw error;
    }
  }

  #unaryOnce(
    endpoint: Endpoint,
    method: UnaryMethod,
    call: { request: object; deadlineMs: number; write: boolean },
  ): Promise<ObjectReply> {
    const options = { deadline: call.deadlineMs };
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, reply?: ObjectReply): void => {
        if (error !== null) reject(errorOf(error, call.write));
        else resolve(reply ?? { object: Buffer.alloc(0) });
      };
      endpoint.stub[method](call.request, this.#pool.metadata(), options, done);
    });
  }
}
