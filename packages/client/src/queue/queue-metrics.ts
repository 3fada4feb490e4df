/** The figures of work queues, under the names that stock components have for them. */
import {
  CounterTable,
  exponentialBounds,
  type FamilyRegistry,
  HistogramTable,
  type Reading,
  readFamily,
  type Spread,
  type Tally,
} from '@kubets/platform';

/** What one queue counts, all the queues of its name together. */
export interface QueueFigures {
  /** Keys that came to wait for a worker. */
  readonly adds: Tally;
  /** Keys put off to a later time. */
  readonly retries: Tally;
  /** Seconds keys waited for a worker. */
  readonly waited: Spread;
  /** Seconds workers took. */
  readonly worked: Spread;
}

/** What is read of a queue when somebody asks. */
export interface QueueState {
  readonly depth: number;
  /** Since when each key that is worked on is, on the queue's monotonic clock. */
  readonly startsMs: Iterable<number>;
  readonly nowMs: number;
}

interface ByName {
  readonly figures: QueueFigures;
  readonly queues: Set<() => QueueState>;
}

const MS_PER_S = 1_000;
const LABELS = ['name'] as const;
const SECONDS = exponentialBounds(1e-6, 10, 10);

/** The queues of a process. */
export class QueueMetrics {
  readonly #byName = new Map<string, ByName>();
  readonly #make: (name: string) => QueueFigures;

  constructor(registry: FamilyRegistry) {
    const table = (what: string, help: string) => ({
      ...{ registry, help, labels: LABELS },
      name: `workqueue_${what}`,
    });
    const adds = new CounterTable(table('adds_total', 'Keys added to the queue'));
    const retries = new CounterTable(table('retries_total', 'Keys put off to a later time'));
    const waited = new HistogramTable({
      ...table('queue_duration_seconds', 'Time keys wait for a worker'),
      bounds: SECONDS,
    });
    const worked = new HistogramTable({
      ...table('work_duration_seconds', 'Time the work on a key takes'),
      bounds: SECONDS,
    });
    this.#make = (name) => ({
      ...{ adds: adds.at(name), retries: retries.at(name) },
      ...{ waited: waited.at(name), worked: worked.at(name) },
    });
    const gauge = (what: string, help: string, value: (states: QueueState[]) => number): void =>
      readFamily({ ...table(what, help), read: () => this.#read(value) });
    gauge('depth', 'Keys that wait for a worker', (states) => sum(states.map((one) => one.depth)));
    gauge('unfinished_work_seconds', 'Time spent so far on work that goes on', (states) =>
      sum(states.flatMap(agesOf)),
    );
    gauge('longest_running_processor_seconds', 'Time the longest running work takes', (states) =>
      Math.max(0, ...states.flatMap(agesOf)),
    );
  }

  /**
   * Makes a queue known.
   * @returns what it counts with, and how it is forgotten; its counts stay
   */
  register(name: string, state: () => QueueState): { figures: QueueFigures; forget(): void } {
    const known = this.#byName.get(name) ?? { figures: this.#make(name), queues: new Set() };
    this.#byName.set(name, known);
    known.queues.add(state);
    return { figures: known.figures, forget: () => known.queues.delete(state) };
  }

  *#read(value: (states: QueueState[]) => number): Iterable<Reading<typeof LABELS>> {
    for (const [name, { queues }] of this.#byName) {
      yield { labels: [name], value: value(Array.from(queues, (state) => state())) };
    }
  }
}

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);

const agesOf = ({ startsMs, nowMs }: QueueState): number[] =>
  Array.from(startsMs, (startMs) => (nowMs - startMs) / MS_PER_S);
