/** What an autoscaler makes of its metrics. Pure. */
import type { HorizontalPodAutoscalerSpec, MetricSpec, MetricStatus, Pod } from '@kubets/api';
import { Quantity } from '@kubets/api';
import { limited, type Memory, type Said } from './recommend.ts';
import { type PodMetrics, type Proposal, proposalFor, type Target, UsageError } from './usage.ts';

/** What was measured for one metric, or why nothing was. */
export type Measurement = PodMetrics | UsageError;

export interface ScalingView {
  readonly spec: HorizontalPodAutoscalerSpec;
  /** What the target wants to have, as it is now. */
  readonly current: number;
  /** Which pods are the target's; '' when it does not say. */
  readonly selector: string;
  /** By metrics, in the order of the spec. */
  readonly measurements: readonly Measurement[];
  readonly pods: readonly Pod[];
  readonly memory: Memory;
  readonly nowMs: number;
}

export interface ScalingPlan {
  /** How many pods there are to be; undefined when it is not known. */
  readonly desired?: number;
  /** What the metrics alone ask for: to be remembered. */
  readonly wanted?: number;
  /** Why, for the event. */
  readonly reason: string;
  readonly metrics: readonly (MetricStatus | undefined)[];
  readonly conditions: readonly Said[];
  /** Metrics that say nothing, as events tell of them. */
  readonly complaints: readonly { readonly reason: string; readonly message: string }[];
  /** Why there is no count. */
  readonly failure?: string;
}

const DISABLED: Said = {
  type: 'ScalingActive',
  status: 'False',
  reason: 'ScalingDisabled',
  message: 'scaling is disabled since the replica count of the target is zero',
};

export function decideScaling(view: ScalingView): ScalingPlan {
  const { spec, current } = view;
  const min = spec.minReplicas ?? 1;
  const nothing = { metrics: [], complaints: [] };
  if (current === 0 && min !== 0) {
    return { ...nothing, desired: 0, reason: '', conditions: [DISABLED] };
  }
  if (current > spec.maxReplicas) {
    const reason = 'Current number of replicas above Spec.MaxReplicas';
    return { ...nothing, desired: spec.maxReplicas, reason, conditions: [] };
  }
  if (current < min) {
    const reason = 'Current number of replicas below Spec.MinReplicas';
    return { ...nothing, desired: min, reason, conditions: [] };
  }
  return byMetrics(view);
}

interface Judged {
  readonly proposal?: Proposal;
  readonly name: string;
  readonly status?: MetricStatus;
  readonly complaint?: { readonly reason: string; readonly message: string };
  /** The complaint as the sum of all failures cites it. */
  readonly cited?: string;
}

const NO_SELECTOR: ScalingPlan = {
  ...{ reason: '', metrics: [] },
  conditions: [
    {
      ...{ type: 'ScalingActive', status: 'False', reason: 'InvalidSelector' },
      message: "the HPA target's scale is missing a selector",
    },
  ],
  complaints: [{ reason: 'SelectorRequired', message: 'selector is required' }],
  failure: 'selector is required',
};

function byMetrics(view: ScalingView): ScalingPlan {
  const { spec, current } = view;
  if (view.selector === '') return NO_SELECTOR;
  const judged = (spec.metrics ?? []).map((metric, i) => judge(metric, view, i));
  const valid = judged.filter(({ proposal }) => proposal !== undefined);
  const failed = judged.filter(({ complaint }) => complaint !== undefined);
  const metrics = judged.map(({ status }) => status);
  const complaints = failed.flatMap(({ complaint }) => complaint ?? []);
  const [best] = [...valid].sort(
    (a, b) => (b.proposal?.replicas ?? 0) - (a.proposal?.replicas ?? 0),
  );
  const wanted = best?.proposal?.replicas ?? 0;
  const [first] = failed;
  // A metric that is not known might have kept what the others would give up.
  if (best === undefined || (first !== undefined && wanted < current)) {
    const why = first?.complaint;
    const message = `the HPA was unable to compute the replica count: ${why?.message ?? ''}`;
    const reason = why?.reason ?? '';
    return {
      ...{ reason: '', metrics, complaints },
      conditions: [{ type: 'ScalingActive', status: 'False', reason, message }],
      failure: `invalid metrics (${failed.length} invalid out of ${judged.length}), first error is: ${first?.cited ?? ''}`,
    };
  }
  const active: Said = {
    ...{ type: 'ScalingActive', status: 'True', reason: 'ValidMetricFound' },
    message: `the HPA was able to successfully calculate a replica count from ${best.name}`,
  };
  const reason = wanted > current ? `${best.name} above target` : 'All metrics below target';
  const { replicas, conditions } = limited({ ...view, desired: wanted });
  return {
    ...{ desired: replicas, wanted, reason, metrics, complaints },
    conditions: [active, ...conditions],
  };
}

/** The resource a metric is about, if it is one of those that are read here. */
export function resourceOf(
  metric: MetricSpec,
): { name: string; container?: string; target: Target } | undefined {
  const source = metric.resource ?? metric.containerResource;
  if (source === undefined) return undefined;
  const { averageUtilization: percent, averageValue } = source.target;
  const target: Target =
    averageValue !== undefined
      ? { kind: 'average', milli: Quantity.parse(averageValue).toMilli() }
      : { kind: 'utilization', percent: percent ?? 0 };
  const container = metric.containerResource?.container;
  return { name: source.name, target, ...(container !== undefined && { container }) };
}

function judge(metric: MetricSpec, view: ScalingView, index: number): Judged {
  const resource = resourceOf(metric);
  const measured = view.measurements[index];
  if (resource === undefined || measured === undefined || measured instanceof UsageError) {
    return failing(metric, measured instanceof UsageError ? measured.message : 'not measured');
  }
  try {
    const proposal = proposalFor({
      ...{ pods: view.pods, metrics: measured, nowMs: view.nowMs, currentReplicas: view.current },
      ...{ resource: resource.name, container: resource.container, target: resource.target },
    });
    return { proposal, name: nameOf(metric), status: statusOf(metric, proposal) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return failing(metric, error.message);
  }
}

/** What is read of a metric, as messages call it. */
function nameOf(metric: MetricSpec): string {
  const { name = '', target } = resourceOf(metric) ?? {};
  const shares = target?.kind === 'utilization';
  const { container } = metric.containerResource ?? {};
  if (container === undefined) {
    return shares ? `${name} resource utilization (percentage of request)` : `${name} resource`;
  }
  return shares
    ? `${name} container resource utilization (percentage of request)`
    : `${name} container resource`;
}

function failing(metric: MetricSpec, why: string): Judged {
  const resource = resourceOf(metric);
  if (resource === undefined) {
    const message = `unable to get metric: ${why}`;
    const complaint = { reason: `FailedGet${metric.type}Metric`, message };
    return {
      name: '',
      complaint,
      cited: `failed to get ${metric.type.toLowerCase()} metric value: ${message}`,
    };
  }
  const kind = metric.containerResource ? 'container resource' : 'resource';
  const what = resource.target.kind === 'utilization' ? 'utilization' : 'usage';
  const message = `failed to get ${resource.name} ${what}: ${why}`;
  const reason = metric.containerResource
    ? 'FailedGetContainerResourceMetric'
    : 'FailedGetResourceMetric';
  const cited = `failed to get ${resource.name} ${kind} metric value: ${message}`;
  return { name: '', complaint: { reason, message }, cited };
}

function statusOf(metric: MetricSpec, { utilization, averageMilli }: Proposal): MetricStatus {
  const current = {
    ...(utilization !== undefined && { averageUtilization: utilization }),
    averageValue: Quantity.ofMilli(averageMilli).toString(),
  };
  const { type } = metric;
  if (metric.containerResource) {
    const { name, container } = metric.containerResource;
    return { type, containerResource: { name, container, current } };
  }
  return { type, resource: { name: metric.resource?.name ?? '', current } };
}
