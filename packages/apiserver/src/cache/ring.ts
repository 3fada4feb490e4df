/**
 * The recent events of a resource, so that a watch can resume where it was. Bounded in number and bytes; within the bounds
 * everything younger than {@link RING_FRESH_MS} is kept, so that thousands of writes a second do not make clients list
 * everything anew.
 */
import { RING_BYTES, RING_EVENTS, RING_FRESH_MS, RING_MAX_EVENTS } from '../limits.ts';
import type { CacheEntry } from './entry.ts';

/** One change. For DELETED `entry` is the last state under the revision of the deletion. */
export interface CacheEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: bigint;
  readonly entry: CacheEntry;
  /** The state before (MODIFIED, DELETED). */
  readonly old: CacheEntry | undefined;
  /** The old state under this revision, for watchers whose selection it left. Made when first needed. */
  gone: CacheEntry | undefined;
  /** Encodings shared by the watchers of this event; dropped once it has been delivered. */
  encodings: Map<string, Buffer> | undefined;
}

export class EventRing {
  #events: CacheEvent[] = [];
  /** When each came. */
  #times: number[] = [];
  #head = 0;
  #bytes = 0;
  /** Events after this revision are all here. */
  #floor = 0n;

  get floor(): bigint {
    return this.#floor;
  }

  /** Forgets everything; events after `floor` will follow. */
  reset(floor: bigint): void {
    this.#events = [];
    this.#times = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#floor = floor;
  }

  /** @param nowMs a clock that does not go back */
  push(event: CacheEvent, nowMs: number): void {
    this.#events.push(event);
    this.#times.push(nowMs);
    this.#bytes += event.entry.bytes.length;
    while (this.#isTooFull(nowMs)) this.#drop();
    if (this.#head > RING_EVENTS && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The events after a revision, oldest first; undefined when some of them are gone. */
  after(revision: bigint): CacheEvent[] | undefined {
    if (revision < this.#floor) return undefined;
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const event = this.#events[middle];
      if (event !== undefined && event.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low);
  }

  #isTooFull(nowMs: number): boolean {
    const count = this.#events.length - this.#head;
    if (count > RING_MAX_EVENTS || (this.#bytes > RING_BYTES && count > 1)) return true;
    return count > RING_EVENTS && nowMs - (this.#times[this.#head] ?? nowMs) > RING_FRESH_MS;
  }

  #drop(): void {
    const event = this.#events[this.#head];
    if (event === undefined) return;
    this.#bytes -= event.entry.bytes.length;
    this.#floor = event.revision;
    // The slot would keep the event's bytes alive until the array is cut.
    delete this.#events[this.#head];
    this.#head += 1;
  }
}
