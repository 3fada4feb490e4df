/**
 * Order between what a store says about one write in two ways. The answer to a write and the event of it come in one piece, and
 * the event may be first in it; but who wrote knows the object already, and what the cache is told by them it need not parse.
 * So events are handed on, in order, after everything that the answers beside them have set off.
 */
export class AfterAnswers {
  #tasks: (() => void)[] = [];
  #isOver = false;

  /** Runs a task in this turn of the event loop, after the promises that are about to go on. */
  add(task: () => void): void {
    this.#tasks.push(task);
    // Ticks asked for by a microtask run once no microtask is left (Node.js, "process.nextTick() versus queueMicrotask()").
    if (this.#tasks.length === 1) queueMicrotask(() => process.nextTick(this.#run));
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
