/** One or two runs side by side: the same plan against each, in turns, so that both meet the same machine. */
import { type Random, seededRandom } from '@kubets/platform';
import { judge } from '../history/judge.ts';
import { planOf } from '../plan/plan.ts';
import type { Scenario } from '../plan/scenarios.ts';
import type { FaultRecord, Target } from '../ports.ts';
import type { ReportedRun } from '../report/report.ts';
import { Run } from './run.ts';

/** Faults of one turn. */
const TURN = 5;

export interface SessionOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly faults: number;
  readonly startedAt: string;
  readonly signal: AbortSignal;
  readonly onFault: (target: Target, record: FaultRecord) => void;
  readonly say: (line: string) => void;
}

/** Runs the plan against each target, and judges. The targets stay. */
export async function runSession(
  targets: readonly Target[],
  options: SessionOptions,
): Promise<ReportedRun[]> {
  const { scenario, seed, faults, startedAt, signal, say } = options;
  const runs: Run[] = [];
  for (const target of targets) {
    const abilities = target.abilities;
    const plan = planOf({ scenario, seed, faults, abilities });
    const random: Random = seededRandom(seed);
    const facts = { scenario: scenario.name, seed, faultsWanted: faults, startedAt };
    const onFault = (record: FaultRecord): void => options.onFault(target, record);
    const run = await Run.begin({ target, plan, facts, random, signal, onFault });
    if (targets.length > 1) run.pause();
    runs.push(run);
  }
  let going = runs;
  while (going.length > 0 && !signal.aborted) {
    const more: Run[] = [];
    for (const run of going) {
      if (runs.length > 1) run.resume();
      if (await run.step(runs.length > 1 ? TURN : 1)) more.push(run);
      if (runs.length > 1) run.pause();
    }
    going = more;
  }
  const reported: ReportedRun[] = [];
  for (const run of runs) {
    const history = await run.finish();
    say(`judging ${history.operations.length} operations of ${history.facts.target}`);
    reported.push({ history, verdict: judge(history) });
  }
  return reported;
}
