/**
 * Writes that nobody waits for with impatience leave together: the first of a quiet time at once, what comes within so many
 * milliseconds after a departure at the end of that time. What leaves in one turn of the event loop shares the way to the
 * store: one piece on the wire, one entry in its log and one sync of its disk, one message to every watcher.
 */
import type { Clock } from '@kubets/platform';

export class Departures {
  readonly #clock: Clock;
  readonly #everyMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;
  #next: Promise<void> | undefined;

  /** @param everyMs how long a write waits at most */
  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** When to leave; undefined: now. */
  next(): Promise<void> | undefined {
    if (this.#next !== undefined) return this.#next;
    const now = this.#clock.monotonicMs();
    const waitMs = this.#lastMs + this.#everyMs - now;
    if (waitMs <= 0) {
      this.#lastMs = now;
      return undefined;
    }
    this.#next = new Promise((resolve) => {
      this.#clock.setTimeout(() => {
        this.#next = undefined;
        this.#lastMs = this.#clock.monotonicMs();
        resolve();
      }, waitMs);
    });
    return this.#next;
  }
}
