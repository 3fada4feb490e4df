import type { Clock, Timer } from '@kubets/platform';

/** Work that is done once at the start and then again and again, one round at a time. */
export class Repeated {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #round: () => Promise<void>;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  /** @param round never rejects; the next one begins `everyMs` after its end */
  constructor(clock: Clock, everyMs: number, round: () => Promise<void>) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#round = round;
  }

  start(): void {
    this.#running = this.#next();
  }

  /** Resolves when no round runs, and none will. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  async #next(): Promise<void> {
    await this.#round();
    if (!this.#stopped) this.#timer = this.#clock.setTimeout(() => this.start(), this.#everyMs);
  }
}
