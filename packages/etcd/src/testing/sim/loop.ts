/**
 * Simulated time. Events run one after the other in order of time (then of creation); after each, every promise
 * callback it set off has run before the next begins. Same seed, same order.
 */
import type { Clock, Timer } from '@kubets/platform';

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
  cancelled: boolean;
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** A binary heap, the earliest event on top. */
class EventHeap {
  readonly #items: Event[] = [];

  get size(): number {
    return this.#items.length;
  }

  push(event: Event): void {
    const items = this.#items;
    let at = items.length;
    items.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = items[up];
      if (parent === undefined || !before(event, parent)) break;
      items[at] = parent;
      at = up;
    }
    items[at] = event;
  }

  peek(): Event | undefined {
    return this.#items[0];
  }

  pop(): Event | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (last !== undefined && items.length > 0) this.#sink(last);
    return top;
  }

  #sink(event: Event): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      const left = items[child];
      const right = items[child + 1];
      if (left === undefined) break;
      let least = left;
      if (right !== undefined && before(right, left)) {
        least = right;
        child += 1;
      }
      if (!before(least, event)) break;
      items[at] = least;
      at = child;
    }
    items[at] = event;
  }
}

/** Lets every promise callback run that is ready, however long the chain. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class SimLoop {
  readonly #heap = new EventHeap();
  #nowMs = 0;
  #order = 0;
  /** Events run so far. */
  eventCount = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  schedule(inMs: number, fn: () => void): Timer {
    const atMs = this.#nowMs + Math.max(0, inMs);
    const event: Event = { atMs, order: this.#order, fn, cancelled: false };
    this.#order += 1;
    this.#heap.push(event);
    return {
      cancel() {
        event.cancelled = true;
      },
    };
  }

  /** Runs everything due within a time; `afterEvent` looks at the world in between. */
  async run(forMs: number, afterEvent: () => void = () => undefined): Promise<void> {
    const untilMs = this.#nowMs + forMs;
    // What the caller has just begun may be about to schedule its first event.
    await settle();
    for (let next = this.#heap.peek(); next !== undefined; next = this.#heap.peek()) {
      if (next.atMs > untilMs) break;
      this.#heap.pop();
      if (next.cancelled) continue;
      this.#nowMs = next.atMs;
      this.eventCount += 1;
      next.fn();
      await settle();
      afterEvent();
    }
    this.#nowMs = untilMs;
  }

  /** A clock whose timers stop working once `alive` says so: those of a crashed process. */
  clock(alive: () => boolean): Clock {
    const guarded = (fn: () => void) => () => {
      if (alive()) fn();
    };
    return {
      now: () => this.#nowMs,
      monotonicMs: () => this.#nowMs,
      setTimeout: (fn, ms) => this.schedule(ms, guarded(fn)),
      setInterval: (fn, ms) => {
        let timer: Timer;
        const again = (): void => {
          timer = this.schedule(ms, () => {
            if (!alive()) return;
            again();
            fn();
          });
        };
        again();
        return { cancel: () => timer.cancel() };
      },
    };
  }
}
