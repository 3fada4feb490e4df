/** Waiting for something about the core to become true, not for ever. Looked at on ticks and changes of leadership. */
import type { NodeContext } from './context.ts';
import { ConsensusTimeoutError } from './errors.ts';
import { ticksOf } from './limits.ts';

interface Deadline {
  readonly atTick: number;
  /** @returns whether it is over */
  check(expired: boolean): boolean;
}

export class Deadlines {
  readonly #ctx: NodeContext;
  #open: Deadline[] = [];

  constructor(ctx: NodeContext) {
    this.#ctx = ctx;
  }

  /** Resolves when it holds. @throws ConsensusTimeoutError */
  until(what: string, withinMs: number, holds: () => boolean): Promise<void> {
    const atTick = this.#ctx.ticks() + ticksOf(this.#ctx.limits, withinMs);
    return new Promise((resolve, reject) => {
      this.#open.push({
        atTick,
        check(expired) {
          if (holds()) resolve();
          else if (expired) reject(new ConsensusTimeoutError(what, true));
          else return false;
          return true;
        },
      });
    });
  }

  /** The promise's result, unless it takes too long. @throws ConsensusTimeoutError */
  async within<T>(what: string, withinMs: number, promise: Promise<T>): Promise<T> {
    let settled = false;
    const expired = this.until(what, withinMs, () => settled);
    try {
      return await Promise.race([promise, expired.then(() => promise)]);
    } finally {
      settled = true;
    }
  }

  check(): void {
    if (this.#open.length === 0) return;
    const now = this.#ctx.ticks();
    this.#open = this.#open.filter((one) => !one.check(one.atTick <= now));
  }

  /** Nobody will check any more. */
  stop(): void {
    for (const one of this.#open) one.check(true);
    this.#open = [];
  }
}
