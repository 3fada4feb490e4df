/** The command line of `bench scheduler`. */
import { parseArgs } from 'node:util';
import { BenchError } from '../errors.ts';
import { CASES, type Case } from './cases.ts';

export interface SchedulerConfig {
  readonly cases: readonly Case[];
  readonly nodes: number;
  /** Node counts the core is measured with, for the law of growth; the last is `nodes`. */
  readonly growth: readonly number[];
  readonly pods: number;
  readonly core: boolean;
  readonly whole: boolean;
  /** Requests of the load under way at once. */
  readonly lanes: number;
  readonly dir: string;
  /** Where the cluster's processes leave CPU profiles; their top rows go into the report. */
  readonly profileDir: string | undefined;
}

export const SCHEDULER_USAGE = `usage: kubets bench scheduler [options]
  --cases LIST     ${CASES.join(',')} (all)
  --nodes N        (5000)
  --pods N         (10000; preemption: at most 1000)
  --growth LIST    node counts below --nodes for the core alone (500)
  --only core|whole
  --lanes N        requests of the load under way at once (64)
  --profile DIR    CPU profiles of the cluster's processes
  --dir DIR        the cluster's data and the report (.kubets-bench-scheduler)`;

const OPTIONS = {
  cases: { type: 'string', default: CASES.join(',') },
  nodes: { type: 'string', default: '5000' },
  pods: { type: 'string', default: '10000' },
  growth: { type: 'string', default: '500' },
  only: { type: 'string', default: '' },
  lanes: { type: 'string', default: '64' },
  dir: { type: 'string', default: '.kubets-bench-scheduler' },
  profile: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BenchError(`${why}\n${SCHEDULER_USAGE}`);
  }
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new BenchError(`--${name} must be a whole number above 0, not "${text}"`);
}

/** @throws BenchError for anything it does not understand */
export function parseSchedulerConfig(args: readonly string[]): SchedulerConfig {
  const values = valuesOf(args);
  if (values.help) throw new BenchError(SCHEDULER_USAGE);
  const wanted = new Set(values.cases.split(','));
  const unknown = [...wanted].filter((one) => !(CASES as readonly string[]).includes(one));
  if (unknown.length > 0) {
    throw new BenchError(`no case "${unknown.join(', ')}"; there are: ${CASES.join(', ')}`);
  }
  if (!['', 'core', 'whole'].includes(values.only)) {
    throw new BenchError(`--only must be core or whole, not "${values.only}"`);
  }
  const nodes = count('nodes', values.nodes);
  const growth = values.growth === '' ? [] : values.growth.split(',');
  const counts = growth.map((one) => count('growth', one));
  return {
    cases: CASES.filter((one) => wanted.has(one)),
    nodes,
    growth: [...counts.filter((one) => one < nodes), nodes],
    pods: count('pods', values.pods),
    core: values.only !== 'whole',
    whole: values.only !== 'core',
    lanes: count('lanes', values.lanes),
    dir: values.dir,
    profileDir: values.profile,
  };
}
