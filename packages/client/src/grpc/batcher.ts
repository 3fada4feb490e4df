import { ApiError } from '@kubets/api';
import { TransportError } from '../errors.ts';
import {
  BATCH_BYTES,
  BATCH_ITEMS,
  BATCH_WAITING,
  BATCHES_IN_FLIGHT,
  CALL_DEADLINE_MS,
} from '../limits.ts';
import type { Caller, CallLimits } from './caller.ts';
import { failureOf, type WireWrite } from './wire.ts';

interface Waiting {
  readonly item: WireWrite;
  readonly done: (error?: Error) => void;
}

const WRITE: CallLimits = { deadlineMs: CALL_DEADLINE_MS, write: true };
const METHOD_NOT_ALLOWED = 405;

/**
 * Collects creations whose objects nobody wants back and sends those of one turn of the event loop together: a call costs
 * several times what a message in it does. While all calls allowed are under way, what comes waits, and goes with the next.
 */
export class Batcher {
  readonly #caller: Caller;
  readonly #waiting: Waiting[] = [];
  #due = false;
  #calls = 0;
  /** An apiserver answered that it knows no such call. */
  #oneByOne = false;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Resolves when the item has been carried out. @throws ApiError its own, or a TransportError that all of a call share */
  add(item: WireWrite): Promise<void> {
    if (this.#waiting.length >= BATCH_WAITING) return Promise.reject(tooMany());
    return new Promise((resolve, reject) => {
      const done = (error?: Error): void => (error === undefined ? resolve() : reject(error));
      this.#waiting.push({ item, done });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      while (this.#waiting.length > 0 && this.#calls < BATCHES_IN_FLIGHT) void this.#send();
    });
  }

  /** As many as one message should carry, at least one. */
  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      bytes += item.object.length;
      if (count > 0 && (bytes > BATCH_BYTES || count === BATCH_ITEMS)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(): Promise<void> {
    this.#calls += 1;
    const batch = this.#take();
    if (batch.length === 1 || this.#oneByOne) await this.#sendAlone(batch);
    else await this.#sendTogether(batch);
    this.#calls -= 1;
    if (this.#waiting.length > 0) this.#schedule();
  }

  async #sendAlone(batch: readonly Waiting[]): Promise<void> {
    const one = async ({ item, done }: Waiting): Promise<void> => {
      try {
        await this.#caller.unary('Create', item, WRITE);
        done();
      } catch (error) {
        done(asError(error));
      }
    };
    await Promise.all(batch.map(one));
  }

  async #sendTogether(batch: readonly Waiting[]): Promise<void> {
    try {
      const items = batch.map(({ item }) => item);
      const results = await this.#caller.createMany(items, WRITE);
      for (const [at, { done }] of batch.entries()) {
        const result = results[at];
        done(result === undefined ? NO_ANSWER : failureOf(result));
      }
    } catch (error) {
      if (error instanceof ApiError && error.code === METHOD_NOT_ALLOWED) {
        // An older apiserver: nothing was carried out.
        this.#oneByOne = true;
        await this.#sendAlone(batch);
        return;
      }
      for (const { done } of batch) done(asError(error));
    }
  }
}

const tooMany = (): TransportError =>
  new TransportError(`${BATCH_WAITING} creations wait already`, { ambiguous: false });

const NO_ANSWER = new TransportError('the answer is incomplete', { ambiguous: true });

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error));
