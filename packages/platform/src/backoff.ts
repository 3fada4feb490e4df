import { type Random, systemRandom } from './runtime/random.ts';

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Growth from one try to the next; 2 by default. */
  readonly factor?: number;
  /** Share of each wait that is random, 0–1; 0.2 by default, so that many clients do not come back at once. */
  readonly jitter?: number;
}

export interface Backoff {
  /** The wait before the next try. */
  nextMs(): number;
  /** After a success: start again from the first wait. */
  reset(): void;
}

/** Waits that grow up to a limit. */
export function exponentialBackoff(
  options: BackoffOptions,
  random: Random = systemRandom,
): Backoff {
  const { initialMs, maxMs, factor = 2, jitter = 0.2 } = options;
  let currentMs = initialMs;
  return {
    nextMs() {
      const waitMs = currentMs * (1 - jitter + jitter * random.next());
      currentMs = Math.min(maxMs, currentMs * factor);
      return waitMs;
    },
    reset() {
      currentMs = initialMs;
    },
  };
}
