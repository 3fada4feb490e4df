/**
 * When the watches of a resource are told of changes. A few are told at once. For many, the changes of a turn are gathered
 * into one write to each, and a round of writes that took long is followed by a pause of the same length: other requests get
 * their turn in it, and the next changes gather. So the more watches there are, the fewer rounds, and the more is in each.
 */
import type { Clock, Timer } from '@kubets/platform';
import { MANY_WATCHERS, ROUND_PAUSE_MS, UNTOLD_EVENTS } from '../limits.ts';
import type { CacheEvent } from './ring.ts';

export interface RoundsOptions {
  readonly clock: Clock;
  readonly watchers: () => number;
  readonly tell: (changes: readonly CacheEvent[]) => void;
}

export class Rounds {
  readonly #o: RoundsOptions;
  /** Changes the watches have not been told of. */
  #untold: CacheEvent[] = [];
  #turn: NodeJS.Immediate | undefined;
  #pause: Timer | undefined;
  /** How long the last round took, its writes included, and when it was over. */
  #tookMs = 0;
  #overMs = Number.NEGATIVE_INFINITY;

  constructor(options: RoundsOptions) {
    this.#o = options;
  }

  /** One more change; {@link tellSoon} after the last of those that come together. */
  add(change: CacheEvent): void {
    if (this.#o.watchers() > 0) this.#untold.push(change);
  }

  /** Tells at once, or in the next round. */
  tellSoon(): void {
    const waiting = this.#untold.length;
    if (waiting === 0) return;
    if (this.#o.watchers() < MANY_WATCHERS || waiting >= UNTOLD_EVENTS) this.tellNow();
    else if (this.#turn === undefined && this.#pause === undefined) this.#schedule();
  }

  /** Tells what has gathered: bookmarks and ends come after it. */
  tellNow(): void {
    clearImmediate(this.#turn);
    this.#pause?.cancel();
    this.#turn = undefined;
    this.#pause = undefined;
    const changes = this.#untold;
    if (changes.length === 0) return;
    this.#untold = [];
    const begunMs = this.#o.clock.monotonicMs();
    this.#o.tell(changes);
    if (this.#o.watchers() < MANY_WATCHERS) return;
    // Connections write at the end of the turn in which they were given something, so before this.
    setImmediate(() => {
      this.#overMs = this.#o.clock.monotonicMs();
      this.#tookMs = this.#overMs - begunMs;
    });
  }

  #schedule(): void {
    const { clock } = this.#o;
    const pauseMs = Math.min(this.#tookMs, ROUND_PAUSE_MS);
    const leftMs = this.#overMs + pauseMs - clock.monotonicMs();
    if (leftMs >= 1) this.#pause = clock.setTimeout(() => this.tellNow(), leftMs);
    else this.#turn = setImmediate(() => this.tellNow());
  }
}
