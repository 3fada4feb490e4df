import { BACKOFF_INITIAL_MS, BACKOFF_MAX_MS } from '../limits.ts';

interface Entry {
  waitMs: number;
  updatedAtMs: number;
}

/**
 * Waits per key that double with each failure. The first failure is free: a container that crashes once is restarted at once, and
 * only its next crash waits. Forgotten after twice the longest wait without a failure. No clock inside: times come in.
 */
export class FailureBackoff {
  readonly #entries = new Map<string, Entry>();
  readonly #initialMs: number;
  readonly #maxMs: number;

  constructor(initialMs = BACKOFF_INITIAL_MS, maxMs = BACKOFF_MAX_MS) {
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
  }

  /** How long the key waits at present; 0 when it never failed. */
  waitMs(key: string): number {
    return this.#entries.get(key)?.waitMs ?? 0;
  }

  /** Milliseconds left of a wait that began with the failure at `failedAtMs`; 0: go ahead. */
  remainingMs(key: string, failedAtMs: number, nowMs: number): number {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#expired(entry, failedAtMs)) return 0;
    return Math.max(0, entry.waitMs - (nowMs - failedAtMs));
  }

  /** Counts one more try after the failure at `failedAtMs`: the next one waits longer. */
  next(key: string, failedAtMs: number, nowMs: number): void {
    const entry = this.#entries.get(key);
    const fresh = entry === undefined || this.#expired(entry, failedAtMs);
    const waitMs = fresh ? this.#initialMs : Math.min(this.#maxMs, entry.waitMs * 2);
    this.#entries.set(key, { waitMs, updatedAtMs: nowMs });
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  /** Forgets every key of a pod. */
  forgetPrefix(prefix: string): void {
    for (const key of this.#entries.keys()) {
      if (key.startsWith(prefix)) this.#entries.delete(key);
    }
  }

  #expired(entry: Entry, failedAtMs: number): boolean {
    return failedAtMs - entry.updatedAtMs > 2 * this.#maxMs;
  }
}
