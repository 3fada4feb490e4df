/**
 * Whether to sync on the event loop or on another thread. Handing a sync over and being told of its end costs two switches
 * between threads, several times what a disk with a safe cache needs for the sync itself; but a disk that must really write
 * would hold up the whole member. So the pace is taken from what syncs took: only a disk that has been quick for a while is
 * trusted, and one slow sync ends that for a long while.
 */

/** A sync this quick may be done on the event loop, milliseconds. */
const QUICK_MS = 2;
/** One that takes longer there shows that the disk cannot be trusted. */
const SLOW_MS = 25;
/** Quick ones in a row until the disk is trusted, at first and at most. */
const TRUST_AFTER = 16;
const TRUST_AFTER_MAX = 1_024;

export class SyncPace {
  #quickInRow = 0;
  #trustAfter = TRUST_AFTER;

  /** Sync on the event loop. */
  get direct(): boolean {
    return this.#quickInRow >= this.#trustAfter;
  }

  /** A sync is done, in whichever way. */
  took(durationMs: number): void {
    if (this.direct) {
      if (durationMs < SLOW_MS) return;
      // The more often it disappoints, the longer it takes to be trusted again.
      this.#trustAfter = Math.min(this.#trustAfter * 2, TRUST_AFTER_MAX);
      this.#quickInRow = 0;
    } else if (durationMs < QUICK_MS) this.#quickInRow += 1;
    else this.#quickInRow = 0;
  }
}
