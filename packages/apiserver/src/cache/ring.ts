/** The recent events of a resource, so that a watch can resume where it was. Bounded in number and bytes. */
import { RING_BYTES, RING_EVENTS } from '../limits.ts';
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
    this.#head = 0;
    this.#bytes = 0;
    this.#floor = floor;
  }

  push(event: CacheEvent): void {
    this.#events.push(event);
    this.#bytes += event.entry.bytes.length;
    while (this.#events.length - this.#head > RING_EVENTS || this.#tooHeavy()) this.#drop();
    if (this.#head > RING_EVENTS) {
      this.#events = this.#events.slice(this.#head);
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

  #tooHeavy(): boolean {
    return this.#bytes > RING_BYTES && this.#events.length - this.#head > 1;
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
