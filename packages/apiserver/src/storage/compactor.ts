/**
 * Lets the store forget. Every interval one of the apiservers gives up the history that was there an interval ago; which
 * one is settled by a compare-and-swap on a key of its own, so that several do no harm.
 */
import { type Clock, errorMessage, type Logger, type Timer } from '@kubets/platform';
import { COMPACTION_INTERVAL_MS } from '../limits.ts';
import type { BackgroundTask } from '../ports.ts';
import type { Store } from './store.ts';

const KEY = '/registry/.compaction';

/** What was seen a round ago. */
interface Seen {
  /** Mod revision of the key; 0n while absent. */
  readonly key: bigint;
  /** The store's revision then. */
  readonly store: bigint;
}

export class Compactor implements BackgroundTask {
  readonly name = 'compactor';
  readonly #o: { store: Store; clock: Clock; log: Logger };
  #timer: Timer | undefined;
  #seen: Seen | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: { store: Store; clock: Clock; log: Logger }) {
    this.#o = options;
  }

  start(): void {
    this.#running = this.round();
    this.#timer = this.#o.clock.setInterval(() => {
      this.#running = this.round();
    }, COMPACTION_INTERVAL_MS);
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
