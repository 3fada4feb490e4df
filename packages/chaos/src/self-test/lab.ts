/** Runs a broken build under the faults that should give it away. */
import { seededRandom } from '@kubets/platform';
import { Run } from '../engine/run.ts';
import { judge } from '../history/judge.ts';
import type { PlannedFault } from '../ports.ts';
import { BrokenBuild } from '../runtime/broken-build.ts';
import { ProcessTarget } from '../runtime/processes.ts';
import type { Planted } from './planted.ts';

export interface Finding {
  readonly planted: Planted;
  /** Faults after which it was noticed; undefined when it was not. */
  readonly after: number | undefined;
  readonly what: string;
}

export interface LabOptions {
  readonly seed: number;
  readonly signal: AbortSignal;
}

const SETTLE_MS = 300;

/** Judged after each of these many faults: a bug that shows at once need not be looked for any longer. */
const STAGES = [1, 3, 10, 20];

export async function examine(planted: Planted, options: LabOptions): Promise<Finding> {
  using build = new BrokenBuild(planted);
  let made = 0;
  for (const stage of STAGES) {
    const faults = Math.min(stage, planted.within);
    if (faults <= made || options.signal.aborted) continue;
    made = faults;
    const violation = await attempt(build, planted, faults, options);
    if (violation !== undefined) return { planted, after: faults, what: violation };
  }
  return { planted, after: undefined, what: '' };
}

/** A run with so many faults. @returns what was wrong with it */
async function attempt(
  build: BrokenBuild,
  planted: Planted,
  faults: number,
  { seed, signal }: LabOptions,
): Promise<string | undefined> {
  const { kind, victim, holdMs } = planted;
  const needsDisks = kind === 'blackout' || kind === 'power-loss';
  await using target = await ProcessTarget.start({
    ...{ kind: 'kubets', main: build.main, disks: needsDisks },
  });
  const random = seededRandom(seed + faults);
  const plan = Array.from(
    { length: faults },
    (): PlannedFault => ({ kind, victim, holdMs, settleMs: SETTLE_MS, dice: random.next() }),
  );
  const facts = { scenario: planted.name, seed, faultsWanted: faults, startedAt: '' };
  const onFault = (): void => undefined;
  const run = await Run.begin({ target, plan, facts, random, signal, onFault });
  while (await run.step(1));
  return judge(await run.finish()).violations[0];
}
