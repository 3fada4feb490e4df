/**
 * Order between what a store says about one write in two ways. The answer to a write and the event of it come together, and
 * the event may be first; but who wrote knows the object already, and what the cache is told by them it need not parse. So
 * events are handed on, in order, at the end of the turn of the event loop: after everything that has come with them, in however
 * many records, and after whatever the answers among it have set off.
 */
export class AfterAnswers {
  #tasks: (() => void)[] = [];
  #isOver = false;

  /** Runs a task at the end of this turn. */
  add(task: () => void): void {
    this.#tasks.push(task);
    if (this.#tasks.length === 1) setImmediate(this.#run);
  }

  /** Runs nothing more. */
  close(): void {
    this.#isOver = true;
    this.#tasks = [];
  }

  #run = (): void => {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) if (!this.#isOver) task();
  };
}
