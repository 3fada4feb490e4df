/** Time as a dependency: cores and controllers take a {@link Clock}, so tests and simulations own it. */

/** A pending callback. Cancelling a timer that has run does nothing. */
export interface Timer {
  cancel(): void;
}

/** The only source of time outside `main.ts` and `runtime/`. */
export interface Clock {
  /** Wall time in milliseconds since the epoch; may jump. */
  now(): number;
  /** Milliseconds that never go back; only differences mean anything. */
  monotonicMs(): number;
  setTimeout(fn: () => void, ms: number): Timer;
  setInterval(fn: () => void, ms: number): Timer;
}

/** The engine takes longer times for none at all; a timer that comes after 24 days instead is a small fault. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's clock. Its timers do not keep a process alive that has nothing else to do. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout(fn, ms) {
    const handle = setTimeout(fn, Math.min(ms, MAX_TIMER_MS));
    return { cancel: () => clearTimeout(handle) };
  },
  setInterval(fn, ms) {
    const handle = setInterval(fn, Math.min(ms, MAX_TIMER_MS));
    return { cancel: () => clearInterval(handle) };
  },
};

interface Due {
  atMs: number;
  order: number;
  everyMs: number | undefined;
  fn: () => void;
}

/** A clock that stands still until told otherwise; due timers run in order of time, then of creation. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  #order = 0;
  readonly #pending = new Set<Due>();

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    return this.#add(fn, ms, undefined);
  }

  setInterval(fn: () => void, ms: number): Timer {
    return this.#add(fn, ms, Math.max(1, ms));
  }

  /** Moves time forward and runs what falls due on the way, timers set meanwhile included. */
  advance(ms: number): void {
    const targetMs = this.#nowMs + ms;
    for (let due = this.#next(targetMs); due !== undefined; due = this.#next(targetMs)) {
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      if (due.everyMs === undefined) this.#pending.delete(due);
      else due.atMs += due.everyMs;
      due.fn();
    }
    this.#nowMs = targetMs;
  }

  /** How many timers wait: lets a test see that nothing is left behind. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  #add(fn: () => void, ms: number, everyMs: number | undefined): Timer {
    const due: Due = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, everyMs, fn };
    this.#pending.add(due);
    return { cancel: () => this.#pending.delete(due) };
  }

  #next(untilMs: number): Due | undefined {
    let first: Due | undefined;
    for (const due of this.#pending) {
      if (due.atMs > untilMs) continue;
      const earlier =
        first === undefined ||
        due.atMs < first.atMs ||
        (due.atMs === first.atMs && due.order < first.order);
      if (earlier) first = due;
    }
    return first;
  }
}

/**
 * Resolves after a time, or rejects with the signal's reason when aborted first.
 */
export function delay(
  ms: number,
  options: { clock?: Clock; signal?: AbortSignal } = {},
): Promise<void> {
  const { clock = systemClock, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
