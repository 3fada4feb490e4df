/** Keys that have to be asked for before a value can be sealed or opened. */

/** Thrown where a value cannot be sealed or opened yet. */
export class Pending extends Error {
  override readonly name = 'Pending';
  /** Settles when it is worth trying again; rejects when it is not. */
  readonly ready: Promise<void>;

  constructor(ready: Promise<void>) {
    super('a key is being asked for');
    this.ready = ready;
    // Whoever throws this away need not handle it.
    ready.catch(() => undefined);
  }
}

/** One wait for the state of a service and one for the key of the value; a third would be one too many. */
const TRIES = 4;

/** Does work that may throw {@link Pending}, as often as it takes. */
export async function settled<T>(work: () => T): Promise<T> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Pending) || left === 0) throw error;
      await error.ready;
    }
  }
}

/** Steps that are to happen one after the other, though some have to wait for a key. */
export class InOrder {
  readonly #waiting: (() => void)[] = [];
  readonly #limit: number;
  #isBusy = false;
  #isOver = false;

  /** @param limit steps that wait at most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Nothing happens any more. */
  end(): void {
    this.#isOver = true;
    this.#waiting.length = 0;
  }

  /**
   * @param prepare may throw {@link Pending}
   * @param take is given what was prepared; what it throws is its own affair
   * @param failed told what `prepare` threw, or that there is no more room; it was the last step then
   */
  run<T>(prepare: () => T, take: (value: T) => void, failed: (error: unknown) => void): void {
    if (this.#isOver) return;
    if (this.#waiting.length >= this.#limit) {
      this.#fail(new Error('too much came while a key was asked for'), failed);
      return;
    }
    const step = (): void => this.#step(prepare, take, failed);
    if (this.#isBusy) this.#waiting.push(step);
    else step();
  }

  #step<T>(prepare: () => T, take: (value: T) => void, failed: (error: unknown) => void): void {
    let value: T;
    try {
      value = prepare();
    } catch (error) {
      if (error instanceof Pending) void this.#later(error, { prepare, take, failed });
      else this.#fail(error, failed);
      return;
    }
    take(value);
  }

  async #later<T>(
    pending: Pending,
    o: { prepare: () => T; take: (value: T) => void; failed: (error: unknown) => void },
  ): Promise<void> {
    this.#isBusy = true;
    let take = (): void => undefined;
    try {
      await pending.ready;
      const value = await settled(o.prepare);
      if (!this.#isOver) take = () => o.take(value);
    } catch (error) {
      this.#fail(error, o.failed);
    }
    take();
    this.#isBusy = false;
    while (!this.#isBusy) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next();
    }
  }

  #fail(error: unknown, failed: (error: unknown) => void): void {
    if (this.#isOver) return;
    this.end();
    failed(error);
  }
}
