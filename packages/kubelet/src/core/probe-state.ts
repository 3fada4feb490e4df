/** The memory of one probe: how many answers in a row it takes to change its verdict. Pure. */
import type { Probe } from '@kubets/api';

export type ProbeKind = 'liveness' | 'readiness' | 'startup';
export type Verdict = 'success' | 'failure' | 'unknown';

/** A probe's numbers with the API's defaults filled in; times in milliseconds. */
export interface ProbeTiming {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

const MS = 1_000;
const DEFAULT_PERIOD_SECONDS = 10;
const DEFAULT_FAILURES = 3;

export function probeTiming(probe: Probe): ProbeTiming {
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * MS,
    periodMs: (probe.periodSeconds || DEFAULT_PERIOD_SECONDS) * MS,
    timeoutMs: (probe.timeoutSeconds || 1) * MS,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || DEFAULT_FAILURES,
  };
}

/** Before the first answer, a container counts as alive, but neither as ready nor as started. */
export const initialVerdict = (kind: ProbeKind): Verdict =>
  kind === 'liveness' ? 'success' : kind === 'readiness' ? 'failure' : 'unknown';

/** Counts answers; a verdict changes when enough of them agree in a row. */
export class ProbeState {
  readonly #timing: ProbeTiming;
  #verdict: Verdict;
  #last: boolean | undefined;
  #run = 0;
  #answers = 0;

  constructor(kind: ProbeKind, timing: ProbeTiming) {
    this.#timing = timing;
    this.#verdict = initialVerdict(kind);
  }

  get verdict(): Verdict {
    return this.#verdict;
  }

  /** How often it was asked so far. */
  get answers(): number {
    return this.#answers;
  }

  /** Takes one answer. @returns whether the verdict changed */
  record(ok: boolean): boolean {
    this.#answers += 1;
    this.#run = this.#last === ok ? this.#run + 1 : 1;
    this.#last = ok;
    const { successThreshold, failureThreshold } = this.#timing;
    if (this.#run < (ok ? successThreshold : failureThreshold)) return false;
    const verdict: Verdict = ok ? 'success' : 'failure';
    const changed = verdict !== this.#verdict;
    this.#verdict = verdict;
    return changed;
  }
}
