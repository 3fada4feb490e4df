import type { Clock } from '@kubets/platform';
import { TURN_MS } from '../limits.ts';

/**
 * Lets the rest of the process have its turn. Work that waits for nothing goes on and on in one turn of the event loop, however
 * many promises it is made of: answers are not read and timers are late meanwhile, among them those that keep a leader's lease.
 */
export class Breather {
  readonly #clock: Clock;
  #lastMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastMs = clock.monotonicMs();
  }

  /** Whether it is time; cheap enough for every step. */
  get isDue(): boolean {
    return this.#clock.monotonicMs() - this.#lastMs >= TURN_MS;
  }

  /** Resolves after whatever waits has been looked at. */
  async breathe(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#lastMs = this.#clock.monotonicMs();
  }
}
