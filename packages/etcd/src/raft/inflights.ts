/** The append messages under way to one follower: a window limited by count and bytes, freed from the front. */
import type { Index } from './types.ts';

export class Inflights {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #lasts: Index[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#lasts.length - this.#head;
  }

  full(): boolean {
    return this.count >= this.#maxMessages || this.#bytes >= this.#maxBytes;
  }

  /** Notes a message whose last entry is `last`. */
  add(last: Index, bytes: number): void {
    this.#lasts.push(last);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** Frees every message whose last entry is at or before `index`. */
  freeTo(index: Index): void {
    while (this.count > 0 && (this.#lasts[this.#head] ?? 0) <= index) this.freeFirst();
  }

  /** Frees the oldest message: lets one more go to a follower whose answers were lost. */
  freeFirst(): void {
    if (this.count === 0) return;
    this.#bytes -= this.#sizes[this.#head] ?? 0;
    this.#head += 1;
    if (this.#head > 64 && this.#head * 2 > this.#lasts.length) {
      this.#lasts = this.#lasts.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
  }

  reset(): void {
    this.#lasts = [];
    this.#sizes = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
