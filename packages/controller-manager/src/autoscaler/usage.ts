/** How many pods the use of a resource asks for: the stock autoscaler's arithmetic (podautoscaler/replica_calculator.go). Pure. */
import { type Container, type Pod, Quantity } from '@kubets/api';
import { findCondition } from '../objects/conditions.ts';
import { isDeleting, nameOf, parseTime } from '../objects/meta.ts';

/** How figures are read, for all autoscalers (flags `--horizontal-pod-autoscaler-…`). */
export interface UsageRules {
  /** Deviations up to this share of the target change nothing. */
  readonly tolerance: number;
  /** For so long after its start the processor time of a pod may be that of its start. */
  readonly cpuInitializationMs: number;
  /** A pod that was never ready has turned not ready within this time. */
  readonly initialReadinessMs: number;
}

export const USAGE_RULES: UsageRules = {
  ...{ tolerance: 0.1, cpuInitializationMs: 300_000, initialReadinessMs: 30_000 },
};

/** What a pod used, in thousandths, over a window that ended at a time. */
export interface PodMetric {
  readonly milli: number;
  readonly atMs: number;
  readonly windowMs: number;
}

export type PodMetrics = ReadonlyMap<string, PodMetric>;

/** What is wanted of each pod on average: a share of what it asks for, or an amount. */
export type Target =
  | { readonly kind: 'utilization'; readonly percent: number }
  | { readonly kind: 'average'; readonly milli: number };

export interface UsageView {
  readonly pods: readonly Pod[];
  readonly metrics: PodMetrics;
  /** Empty for figures of pods that are no resource. */
  readonly resource: string;
  /** Only this container of each pod. */
  readonly container?: string | undefined;
  readonly target: Target;
  readonly currentReplicas: number;
  readonly nowMs: number;
  readonly rules: UsageRules;
}

export interface Proposal {
  readonly replicas: number;
  /** Percent of what is asked for; absent for averages. */
  readonly utilization?: number;
  readonly averageMilli: number;
}

/** A metric that says nothing. The message is told to users. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Groups {
  readonly ready: number;
  readonly unready: readonly string[];
  readonly missing: readonly string[];
  readonly ignored: readonly string[];
}

/** @throws UsageError */
export function proposalFor(view: UsageView): Proposal {
  const { pods, target, currentReplicas, rules } = view;
  if (pods.length === 0) {
    throw new UsageError('no pods returned by selector while calculating replica count');
  }
  const groups = grouped(view);
  const used = new Map([...view.metrics].map(([name, { milli }]) => [name, milli]));
  for (const name of [...groups.ignored, ...groups.unready]) used.delete(name);
  if (used.size === 0) {
    throw new UsageError('did not receive metrics for targeted pods (pods might be unready)');
  }
  const asked = target.kind === 'utilization' ? requestsOf(view) : undefined;
  const measured = measure(used, target, asked);
  const isNear = nearTo(rules);
  const replicas = replicasFor({ groups, used, target, asked, measured, currentReplicas, isNear });
  const { utilization, averageMilli } = measured;
  return { replicas, averageMilli, ...(utilization !== undefined && { utilization }) };
}

interface Measured {
  /** Use by what is wanted. */
  readonly ratio: number;
  readonly utilization?: number;
  readonly averageMilli: number;
}

type Amounts = ReadonlyMap<string, number>;

function measure(used: Amounts, target: Target, asked: Amounts | undefined): Measured {
  if (target.kind === 'average') {
    const averageMilli = Math.trunc(sum(used.values()) / used.size);
    return { ratio: averageMilli / target.milli, averageMilli };
  }
  // Figures of pods that went meanwhile have nothing to be held against.
  const known = [...used].filter(([name]) => asked?.has(name));
  const total = sum(known.map(([, milli]) => milli));
  const requests = sum(known.map(([name]) => asked?.get(name) ?? 0));
  if (requests === 0) throw new UsageError('no metrics returned matched known pods');
  const averageMilli = Math.trunc(total / known.length);
  const utilization = Math.trunc((total * 100) / requests);
  return { ratio: utilization / target.percent, utilization, averageMilli };
}

const sum = (values: Iterable<number>): number => [...values].reduce((all, one) => all + one, 0);
/** Whether a use is so near to what is wanted that nothing changes. */
export const nearTo =
  ({ tolerance }: UsageRules) =>
  (ratio: number): boolean =>
    Math.abs(1 - ratio) <= tolerance;

function replicasFor(o: {
  groups: Groups;
  used: Map<string, number>;
  target: Target;
  asked: Amounts | undefined;
  measured: Measured;
  currentReplicas: number;
  isNear: (ratio: number) => boolean;
}): number {
  const { groups, used, target, asked, currentReplicas, isNear } = o;
  const { ratio } = o.measured;
  const countsUnready = groups.unready.length > 0 && ratio > 1;
  if (!countsUnready && groups.missing.length === 0) {
    return isNear(ratio) ? currentReplicas : Math.ceil(ratio * groups.ready);
  }
  // What is not known is taken to speak against the change.
  for (const name of groups.missing) {
    if (ratio < 1) used.set(name, fullUse(name, target, asked));
    // A use that is exactly as wanted moves averages, as it does in the stock calculator.
    else if (ratio > 1 || target.kind === 'average') used.set(name, 0);
  }
  if (countsUnready) for (const name of groups.unready) used.set(name, 0);
  const next = measure(used, target, asked).ratio;
  if (isNear(next) || (ratio < 1 && next > 1) || (ratio > 1 && next < 1)) return currentReplicas;
  const replicas = Math.ceil(next * used.size);
  const turns =
    (next < 1 && replicas > currentReplicas) || (next > 1 && replicas < currentReplicas);
  return turns ? currentReplicas : replicas;
}

/** What a pod would have to use for nobody to be able to do without it. */
function fullUse(name: string, target: Target, asked: Amounts | undefined): number {
  if (target.kind === 'average') return target.milli;
  return ((asked?.get(name) ?? 0) * Math.max(100, target.percent)) / 100;
}

function grouped(view: UsageView): Groups {
  const [unready, missing, ignored]: string[][] = [[], [], []];
  let ready = 0;
  for (const pod of view.pods) {
    const name = nameOf(pod);
    const metric = view.metrics.get(name);
    if (isDeleting(pod) || pod.status?.phase === 'Failed') ignored?.push(name);
    else if (pod.status?.phase === 'Pending') unready?.push(name);
    else if (metric === undefined) missing?.push(name);
    else if (view.resource === 'cpu' && isStarting(pod, metric, view)) unready?.push(name);
    else ready += 1;
  }
  return { ready, unready: unready ?? [], missing: missing ?? [], ignored: ignored ?? [] };
}

/** Whether what a pod uses says nothing yet of what it will. */
function isStarting(
  { status }: Pod,
  { atMs, windowMs }: PodMetric,
  { nowMs, rules }: UsageView,
): boolean {
  const condition = findCondition(status?.conditions, 'Ready');
  if (condition === undefined || status?.startTime === undefined) return true;
  const startMs = parseTime(status.startTime);
  const turnedMs = parseTime(condition.lastTransitionTime);
  const isReady = condition.status === 'True';
  if (startMs + rules.cpuInitializationMs > nowMs) return !isReady || atMs < turnedMs + windowMs;
  return !isReady && startMs + rules.initialReadinessMs > turnedMs;
}

/** What each pod asks for. @throws UsageError when one asks for nothing */
function requestsOf({ pods, container, resource }: UsageView): Map<string, number> {
  const found = new Map<string, number>();
  for (const pod of pods) {
    const { containers = [], initContainers = [] } = pod.spec ?? {};
    const all = [...containers, ...initContainers.filter((one) => one.restartPolicy === 'Always')];
    const counted = all.filter(({ name }) => container === undefined || name === container);
    found.set(nameOf(pod), sum(counted.map((one) => requestOf(one, pod, resource))));
  }
  return found;
}

function requestOf({ name, resources }: Container, pod: Pod, resource: string): number {
  const amount = resources?.requests?.[resource];
  if (amount !== undefined) return Quantity.parse(amount).toMilli();
  throw new UsageError(
    `missing request for ${resource} in container ${name} of Pod ${nameOf(pod)}`,
  );
}
