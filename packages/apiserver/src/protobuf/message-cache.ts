/** Messages of cached objects, kept while there is room: those asked for last. */
import type { CacheEntry } from '../cache/entry.ts';

export class MessageCache {
  readonly #messages = new Map<CacheEntry, Buffer>();
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param maxBytes of all messages together */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** How much is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The message of an entry, made by `encode` unless it is there. */
  get(entry: CacheEntry, encode: () => Buffer): Buffer {
    const known = this.#messages.get(entry);
    if (known !== undefined) return known;
    const made = encode();
    this.#messages.set(entry, made);
    this.#bytes += made.length;
    for (const [oldest, message] of this.#messages) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#messages.delete(oldest);
      this.#bytes -= message.length;
    }
    return made;
  }
}
