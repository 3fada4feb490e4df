/**
 * Linearizable reads of single keys, gathered: while so many questions are under way, those that come meanwhile wait and are
 * asked in one transaction, the same key once. A read joins only what has not been sent yet, so it is never older than its
 * call. Under light load every read is a call of its own, at once.
 */
import type { StoreRead } from './store.ts';

/** Reads the keys in one go; the answers in their order. */
export type ReadMany = (keys: readonly string[]) => Promise<readonly StoreRead[]>;

export interface ReadBatcherOptions {
  readonly readMany: ReadMany;
  /** Questions under way at once. */
  readonly concurrency: number;
  /** Keys in one question. */
  readonly maxKeys: number;
}

interface Waiting {
  readonly key: string;
  readonly answer: Promise<StoreRead>;
  readonly resolve: (read: StoreRead) => void;
  readonly reject: (error: unknown) => void;
}

export class ReadBatcher {
  readonly #o: ReadBatcherOptions;
  /** Bounded by the requests under way: each waits for one key. */
  readonly #waiting = new Map<string, Waiting>();
  #running = 0;

  constructor(options: ReadBatcherOptions) {
    this.#o = options;
  }

  get(key: string): Promise<StoreRead> {
    const known = this.#waiting.get(key);
    if (known !== undefined) return known.answer;
    const { promise, resolve, reject } = Promise.withResolvers<StoreRead>();
    this.#waiting.set(key, { key, answer: promise, resolve, reject });
    this.#send();
    return promise;
  }

  #send(): void {
    while (this.#running < this.#o.concurrency && this.#waiting.size > 0) {
      const batch: Waiting[] = [];
      for (const each of this.#waiting.values()) {
        if (batch.length === this.#o.maxKeys) break;
        batch.push(each);
        this.#waiting.delete(each.key);
      }
      this.#running += 1;
      void this.#ask(batch);
    }
  }

  async #ask(batch: readonly Waiting[]): Promise<void> {
    try {
      const reads = await this.#o.readMany(batch.map(({ key }) => key));
      for (const [i, each] of batch.entries()) {
        const read = reads[i];
        if (read === undefined) each.reject(new Error('the store left a read unanswered'));
        else each.resolve(read);
      }
    } catch (error) {
      for (const each of batch) each.reject(error);
    } finally {
      this.#running -= 1;
      this.#send();
    }
  }
}
