/** The command line of `bench nodes`. */
import { parseArgs } from 'node:util';
import { BenchError } from '../errors.ts';

export interface NodesConfig {
  readonly nodes: number;
  readonly podsPerNode: number;
  /** A running server instead of an own cluster. */
  readonly server: string | undefined;
  readonly kubeconfig: string | undefined;
  /** Of an own cluster. */
  readonly masters: number;
  /** Nodes the own cluster's memory and pod range are made for; the same for all sizes of a law. */
  readonly sizedFor: number;
  readonly events: boolean;
  readonly startMs: number;
  /** Pods that may be wanted but not running while the cluster is filled. */
  readonly window: number;
  readonly latencyPods: number;
  readonly latencyRate: number;
  /** With nothing but heartbeats: what these cost. */
  readonly restSeconds: number;
  readonly churnRate: number;
  readonly churnSeconds: number;
  readonly nodesAProcess: number;
  readonly phases: readonly PhaseName[];
  /** Everything of the run is kept here. */
  readonly dir: string;
  readonly keep: boolean;
  /** Where the own cluster's processes leave CPU profiles; their top rows go into the report. */
  readonly profileDir: string | undefined;
}

export const PHASES = [
  'register',
  'saturate',
  'rest',
  'latency',
  'churn',
  'rolling',
  'kill',
  'drain',
] as const;
export type PhaseName = (typeof PHASES)[number];

export const NODES_USAGE = `usage: kubets bench nodes [options]
  --nodes N             hollow nodes (100)
  --pods-per-node N     (30)
  --server URL          a running API server; with --kubeconfig FILE for the credentials. Without both: an own cluster
  --kubeconfig FILE     default: $KUBECONFIG when --server is given
  --masters N           of the own cluster (1)
  --sized-for N         nodes the own cluster is made for (as many as there are)
  --phases LIST         ${PHASES.join(',')} (all)
  --window N            pods wanted but not yet running while filling up (2000)
  --start-ms N          what a hollow node takes to start a pod (50)
  --no-events           hollow nodes write no Events
  --rest-seconds N      with nothing but heartbeats (30)
  --latency-pods N      (500, at most one a node) at --latency-rate N a second (10)
  --churn-rate N        pods replaced a second (20) for --churn-seconds N (60)
  --nodes-per-process N (2500)
  --dir DIR             state, logs and the report; the same again resumes (.kubets-bench)
  --profile DIR         CPU profiles of the own cluster's processes
  --keep                leave the own cluster's data there`;

const OPTIONS = {
  nodes: { type: 'string', default: '100' },
  'pods-per-node': { type: 'string', default: '30' },
  server: { type: 'string' },
  kubeconfig: { type: 'string' },
  'sized-for': { type: 'string' },
  masters: { type: 'string', default: '1' },
  phases: { type: 'string', default: PHASES.join(',') },
  window: { type: 'string', default: '2000' },
  'start-ms': { type: 'string', default: '50' },
  'no-events': { type: 'boolean', default: false },
  'rest-seconds': { type: 'string', default: '30' },
  'latency-pods': { type: 'string', default: '500' },
  'latency-rate': { type: 'string', default: '10' },
  'churn-rate': { type: 'string', default: '20' },
  'churn-seconds': { type: 'string', default: '60' },
  'nodes-per-process': { type: 'string', default: '2500' },
  dir: { type: 'string', default: '.kubets-bench' },
  keep: { type: 'boolean', default: false },
  profile: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new BenchError(
      `${error instanceof Error ? error.message : String(error)}\n${NODES_USAGE}`,
    );
  }
}

function phasesIn(text: string): PhaseName[] {
  const wanted = new Set(text.split(','));
  const unknown = [...wanted].filter((one) => !(PHASES as readonly string[]).includes(one));
  if (unknown.length > 0) {
    throw new BenchError(`no phase "${unknown.join(', ')}"; there are: ${PHASES.join(', ')}`);
  }
  return PHASES.filter((one) => wanted.has(one));
}

/** @throws BenchError for anything it does not understand */
export function parseNodesConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): NodesConfig {
  const values = valuesOf(args);
  if (values.help) throw new BenchError(NODES_USAGE);
  const number = (name: keyof typeof values, least = 1): number => {
    const value = Number(values[name]);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new BenchError(`--${name} must be a whole number from ${least}, not "${values[name]}"`);
  };
  const masters = number('masters');
  if (masters % 2 === 0) throw new BenchError(`--masters ${masters}: use an odd number`);
  const nodes = number('nodes');
  const isOwn = values.server === undefined && values.kubeconfig === undefined;
  const kubeconfig = values.kubeconfig ?? (isOwn ? undefined : env.KUBECONFIG);
  if (!isOwn && kubeconfig === undefined) {
    throw new BenchError('--server needs --kubeconfig FILE for the credentials');
  }
  return {
    nodes,
    podsPerNode: number('pods-per-node', 0),
    server: values.server,
    kubeconfig,
    masters,
    sizedFor: values['sized-for'] === undefined ? nodes : number('sized-for'),
    events: !values['no-events'],
    startMs: number('start-ms', 0),
    window: number('window'),
    restSeconds: number('rest-seconds'),
    latencyPods: Math.min(nodes, number('latency-pods', 0)),
    latencyRate: number('latency-rate'),
    churnRate: number('churn-rate'),
    churnSeconds: number('churn-seconds'),
    nodesAProcess: number('nodes-per-process'),
    phases: phasesIn(values.phases),
    dir: values.dir,
    keep: values.keep,
    profileDir: values.profile,
  };
}
