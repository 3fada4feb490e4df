/** Asks the store for its revision; readers that arrive while a question is under way share the next one. */
import type { Store } from '../storage/store.ts';

export class RevisionOracle {
  readonly #store: Store;
  #running: Promise<bigint> | undefined;
  #next: Promise<bigint> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * A revision at least as new as every write acknowledged before the call. An answer already under way may be older than
   * that, so the call joins the question after it.
   */
  current(): Promise<bigint> {
    if (this.#running === undefined) return this.#ask();
    this.#next ??= this.#running.then(
      () => this.#ask(),
      () => this.#ask(),
    );
    return this.#next;
  }

  #ask(): Promise<bigint> {
    this.#next = undefined;
    const asked = this.#store.currentRevision();
    this.#running = asked;
    const done = (): void => {
      if (this.#running === asked) this.#running = undefined;
    };
    asked.then(done, done);
    return asked;
  }
}
