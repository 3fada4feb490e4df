/**
 * What is counted of admission, under the stock names. A plugin that knows its answer at once counts as one that took no time:
 * asking the clock around each of them would cost more than most of them do.
 */
import { type FamilyRegistry, HistogramTable, type Spread } from '@kubets/platform';

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const MS_PER_S = 1_000;

/** The times of what was let through, and of what was refused. */
interface Outcomes {
  readonly passed: Spread;
  readonly rejected: Spread;
}

/** One stage of admission. */
export type StageType = 'admit' | 'validate';

/** Cells by operation, of one plugin or of all of them. */
export type Timed = Map<string, Outcomes>;

export class AdmissionFigures {
  readonly monotonicMs: () => number;
  readonly #plugins;
  readonly #steps;

  constructor(registry: FamilyRegistry, monotonicMs: () => number) {
    this.monotonicMs = monotonicMs;
    const labels = ['operation', 'rejected', 'type'] as const;
    this.#plugins = new HistogramTable({
      ...{ registry, bounds: SECONDS, labels: ['name', ...labels] as const },
      name: 'apiserver_admission_controller_admission_duration_seconds',
      help: 'Time an admission plugin takes.',
    });
    this.#steps = new HistogramTable({
      ...{ registry, bounds: SECONDS, labels },
      name: 'apiserver_admission_step_admission_duration_seconds',
      help: 'Time all admission plugins of a stage take.',
    });
  }

  /** @param cells those of the stage, kept by it */
  step(cells: Timed, type: StageType, operation: string): Outcomes {
    const known = cells.get(operation);
    if (known !== undefined) return known;
    const made = {
      passed: this.#steps.at(operation, 'false', type),
      rejected: this.#steps.at(operation, 'true', type),
    };
    cells.set(operation, made);
    return made;
  }

  /** @param cells those of the plugin, kept by whoever asks it */
  plugin(cells: Timed, name: string, type: StageType, operation: string): Outcomes {
    const known = cells.get(operation);
    if (known !== undefined) return known;
    const made = {
      passed: this.#plugins.at(name, operation, 'false', type),
      rejected: this.#plugins.at(name, operation, 'true', type),
    };
    cells.set(operation, made);
    return made;
  }

  /**
   * Does work and notes how long it takes.
   * @param isTimed whether work that is done at once is timed too, or counts as none
   */
  note<T>(
    { passed, rejected }: Outcomes,
    isTimed: boolean,
    work: () => Promise<T> | T,
  ): Promise<T> | T {
    const now = this.monotonicMs;
    const startMs = isTimed ? now() : 0;
    let pending: Promise<T> | T;
    try {
      pending = work();
    } catch (error) {
      rejected.observe(isTimed ? (now() - startMs) / MS_PER_S : 0);
      throw error;
    }
    if (!(pending instanceof Promise)) {
      passed.observe(isTimed ? (now() - startMs) / MS_PER_S : 0);
      return pending;
    }
    const sinceMs = isTimed ? startMs : now();
    return pending.then(
      (value) => {
        passed.observe((now() - sinceMs) / MS_PER_S);
        return value;
      },
      (error: unknown) => {
        rejected.observe((now() - sinceMs) / MS_PER_S);
        throw error;
      },
    );
  }
}
