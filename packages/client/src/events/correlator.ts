import { EVENT_BURST, EVENT_REFILL_MS, MAX_REMEMBERED_EVENTS } from '../limits.ts';

/** What is remembered of an event that was written. */
export interface Remembered {
  /** The Event object's name. */
  readonly name: string;
  readonly firstMs: number;
  count: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A map that forgets what was not used longest. */
class RecentMap<V> {
  readonly #map = new Map<string, V>();

  get(key: string): V | undefined {
    const value = this.#map.get(key);
    if (value === undefined) return undefined;
    this.#map.delete(key);
    this.#map.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size <= MAX_REMEMBERED_EVENTS) return;
    const [oldest] = this.#map.keys();
    if (oldest !== undefined) this.#map.delete(oldest);
  }

  delete(key: string): void {
    this.#map.delete(key);
  }
}

/** Decides which events are worth writing, and which repeat an earlier one. */
export class EventCorrelator {
  readonly #seen = new RecentMap<Remembered>();
  readonly #buckets = new RecentMap<Bucket>();

  /** One token of the object's bucket; false when it is empty: the event is dropped. */
  admits(objectKey: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(objectKey) ?? { tokens: EVENT_BURST, atMs: nowMs };
    const refill = (nowMs - bucket.atMs) / EVENT_REFILL_MS;
    bucket.tokens = Math.min(EVENT_BURST, bucket.tokens + refill);
    bucket.atMs = nowMs;
    this.#buckets.set(objectKey, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** The event of the same kind written before, counted once more; undefined for a new one. */
  repeat(eventKey: string): Remembered | undefined {
    const known = this.#seen.get(eventKey);
    if (known !== undefined) known.count += 1;
    return known;
  }

  remember(eventKey: string, event: Remembered): void {
    this.#seen.set(eventKey, event);
  }

  /** The written event is gone (they expire): the next one is new. */
  forget(eventKey: string): void {
    this.#seen.delete(eventKey);
  }
}
