import type { Clock } from '@kubets/platform';
import { EXPECTATION_TIMEOUT_MS } from '../limits.ts';

interface Pending {
  creations: number;
  deletions: Set<string>;
  sinceMs: number;
}

/**
 * Writes a controller made whose events its cache has not shown yet, per owner. Until they arrive
 * the cache tells of too few or too many dependents, and acting on it would do the work twice. An
 * event that never comes holds the owner back for {@link EXPECTATION_TIMEOUT_MS} at most.
 */
export class Expectations {
  readonly #pending = new Map<string, Pending>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the cache has caught up with this owner's writes. */
  satisfied(key: string): boolean {
    const pending = this.#pending.get(key);
    if (!pending) return true;
    if (pending.creations <= 0 && pending.deletions.size === 0) return true;
    return this.#clock.monotonicMs() - pending.sinceMs > EXPECTATION_TIMEOUT_MS;
  }

  /** About to create this many. Called before the first request, as events may overtake answers. */
  expectCreations(key: string, count: number): void {
    const pending = this.#fresh(key);
    pending.creations += count;
  }

  /** About to delete the objects with these uids. */
  expectDeletions(key: string, uids: readonly string[]): void {
    const pending = this.#fresh(key);
    for (const uid of uids) pending.deletions.add(uid);
  }

  /** A creation was seen, or failed for good. */
  created(key: string, count = 1): void {
    const pending = this.#pending.get(key);
    if (pending) pending.creations -= count;
  }

  /** A deletion was seen, or failed. Naming one that was not expected does nothing. */
  deleted(key: string, uid: string): void {
    this.#pending.get(key)?.deletions.delete(uid);
  }

  forget(key: string): void {
    this.#pending.delete(key);
  }

  #fresh(key: string): Pending {
    const known = this.#pending.get(key);
    if (known && !this.satisfied(key)) return known;
    const pending = { creations: 0, deletions: new Set<string>(), sinceMs: 0 };
    pending.sinceMs = this.#clock.monotonicMs();
    this.#pending.set(key, pending);
    return pending;
  }
}
