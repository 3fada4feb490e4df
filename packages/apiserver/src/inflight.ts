/** Bounds the requests under way at once, so that a rush waits with the clients and not in memory here. */
import { tooManyRequests } from '@kubets/api';
import { INFLIGHT_RETRY_SECONDS, MAX_INFLIGHT } from './limits.ts';

export class Inflight {
  readonly #limit: number;
  #running = 0;

  constructor(limit: number = MAX_INFLIGHT) {
    this.#limit = limit;
  }

  get running(): number {
    return this.#running;
  }

  /** Runs one request, or refuses it at once. @throws ApiError TooManyRequests */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) {
      throw tooManyRequests('Too many requests, please try again later.', INFLIGHT_RETRY_SECONDS);
    }
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
    }
  }
}
