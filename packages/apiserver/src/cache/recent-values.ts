/**
 * The newest states this server has written of kinds that nobody watches: the next update of the same object begins there and
 * saves a read (a node's lease is renewed every ten seconds, and often watched by nobody). They may be old: others write, too.
 * Whoever uses one finds out by its compare-and-swap.
 */
import type { StoredValue } from '../storage/store.ts';

export class RecentValues {
  readonly #maxBytes: number;
  /** In the order they were written. */
  readonly #values = new Map<string, StoredValue>();
  #bytes = 0;

  /** @param maxBytes of values kept; the oldest are forgotten first */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): StoredValue | undefined {
    return this.#values.get(key);
  }

  /** Remembers a value in place of an older one. */
  put(value: StoredValue): void {
    this.forget(value.key);
    this.#values.set(value.key, value);
    this.#bytes += sizeOf(value);
    for (const oldest of this.#values.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.forget(oldest);
    }
  }

  forget(key: string): void {
    const known = this.#values.get(key);
    if (known === undefined) return;
    this.#values.delete(key);
    this.#bytes -= sizeOf(known);
  }
}

/** What a value holds in memory beside its bytes, about. */
const OVERHEAD_BYTES = 300;

const sizeOf = ({ key, value }: StoredValue): number => key.length + value.length + OVERHEAD_BYTES;
