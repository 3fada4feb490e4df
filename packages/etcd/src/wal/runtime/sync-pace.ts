/**
 * Whether to sync on the event loop or on another thread. Handing a sync over and being told of its end costs two switches
 * between threads, several times what a disk with a safe cache needs for the sync itself; but a disk that must really write
 * would hold up the whole member. So syncs are tried on the event loop, where their time is the disk's own and not that of
 * waiting for a thread; when they turn out slow, the next ones go elsewhere, more of them each time.
 */

/** What a sync on the event loop may take, milliseconds. */
const QUICK_MS = 2;
/** One that takes this long is reason enough on its own. */
const STALL_MS = 25;
/** Syncs looked at together: the disk is slow when more than half of them are. */
const WINDOW = 16;
/** Syncs done elsewhere before the event loop is tried again, at first and at most. */
const PAUSE = 64;
const PAUSE_MAX = 4_096;

export class SyncPace {
  #seen = 0;
  #slow = 0;
  /** Syncs still to be done elsewhere. */
  #elsewhere = 0;
  #nextPause = PAUSE;

  /** Sync on the event loop. */
  get direct(): boolean {
    return this.#elsewhere === 0;
  }

  /** A sync is done, in whichever way {@link direct} said. */
  took(durationMs: number): void {
    if (this.#elsewhere > 0) {
      this.#elsewhere -= 1;
      return;
    }
    this.#seen += 1;
    if (durationMs > QUICK_MS) this.#slow += 1;
    if (durationMs >= STALL_MS || this.#slow > WINDOW / 2) {
      this.#elsewhere = this.#nextPause;
      this.#nextPause = Math.min(this.#nextPause * 2, PAUSE_MAX);
    } else if (this.#seen < WINDOW) return;
    else this.#nextPause = Math.max(this.#nextPause / 2, PAUSE);
    this.#seen = 0;
    this.#slow = 0;
  }
}
