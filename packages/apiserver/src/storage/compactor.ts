/**
 * Lets the store forget. Every interval one of the apiservers gives up the history that was there an interval ago; which
 * one is settled by a compare-and-swap on a key of its own, so that several do no harm.
 */
import { type Clock, errorMessage, type Logger, type Timer } from '@kubets/platform';
import type { BackgroundTask } from '../ports.ts';
import type { Store } from './store.ts';

const KEY = '/registry/.compaction';

interface CompactorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** The store keeps at least so much history, and at most twice as much; 0: all of it. */
  readonly intervalMs: number;
}

/** What was seen a round ago. */
interface Seen {
  /** Mod revision of the key; 0n while absent. */
  readonly key: bigint;
  /** The store's revision then. */
  readonly store: bigint;
}

export class Compactor implements BackgroundTask {
  readonly name = 'compactor';
  readonly #o: CompactorOptions;
  #timer: Timer | undefined;
  #seen: Seen | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: CompactorOptions) {
    this.#o = options;
  }

  start(): void {
    const { intervalMs } = this.#o;
    if (intervalMs === 0) return;
    this.#running = this.round();
    this.#timer = this.#o.clock.setInterval(() => {
      this.#running = this.round();
    }, intervalMs);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#running;
  }

  /** Compacts to the state of a round ago, unless another server has had this round. Never rejects. */
  async round(): Promise<void> {
    const { store, clock, log } = this.#o;
    try {
      const before = this.#seen;
      const mark = Buffer.from(String(clock.now()));
      const won = before !== undefined && (await store.swap(KEY, mark, before.key)).ok;
      if (won) {
        await store.compact(before.store);
        log.debug({ revision: String(before.store) }, 'history compacted');
      }
      const { value, revision } = await store.get(KEY);
      this.#seen = { key: value?.revision ?? 0n, store: revision };
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'cannot compact the store now');
    }
  }
}
