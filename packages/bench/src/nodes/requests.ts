/** Requests of many hollow nodes through one narrow door: so many at a time, tried again while the server cannot be reached. */
import { type Clock, delay, exponentialBackoff, type Random } from '@kubets/platform';
import { RestFault } from '../errors.ts';
import { RETRY_MS } from '../limits.ts';

/** Sends one request; rejects with a RestFault. */
export type Send<C> = (call: C) => Promise<Record<string, unknown>>;

const isPassing = (error: unknown): boolean =>
  error instanceof RestFault && (error.status === 0 || error.status === 429 || error.status >= 500);

export interface RequestsOptions<C> {
  readonly send: Send<C>;
  readonly inFlight: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

export class Requests<C> {
  readonly #options: RequestsOptions<C>;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: RequestsOptions<C>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** One try. @throws RestFault */
  async once(call: C): Promise<Record<string, unknown>> {
    if (this.#running >= this.#options.inFlight) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
    try {
      return await this.#options.send(call);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  /**
   * Tries until there is an answer that further tries would not change. A write may then have happened before: what says so
   * (409 for a create, 404 for a delete) is for the caller to read.
   * @throws RestFault for such an answer, or why waiting was given up
   */
  async sure(call: C): Promise<Record<string, unknown>> {
    const { clock, random, signal } = this.#options;
    const { initial: initialMs, max: maxMs } = RETRY_MS;
    const backoff = exponentialBackoff({ initialMs, maxMs, jitter: 0.5 }, random);
    for (;;) {
      try {
        return await this.once(call);
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      await delay(backoff.nextMs(), { clock, signal });
    }
  }
}

/** Whether the server said this. */
export const isStatus = (error: unknown, status: number): boolean =>
  error instanceof RestFault && error.status === status;
