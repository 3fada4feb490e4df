/** What one metric asks for, and how users are told of it (podautoscaler/horizontal.go). Pure. */
import {
  type MetricSpec,
  type MetricStatus,
  type MetricTarget,
  type Pod,
  Quantity,
} from '@kubets/api';
import { type FigureProposal, type FigureTarget, figureProposal, selectorText } from './figures.ts';
import {
  type PodMetrics,
  type Proposal,
  proposalFor,
  type Target,
  UsageError,
  type UsageRules,
} from './usage.ts';

/** What was measured for one metric: figures of pods, one figure, or why nothing was. */
export type Measurement = { readonly pods: PodMetrics } | { readonly milli: number } | UsageError;

/** What a metric is judged by. */
export interface JudgeView {
  /** What the target wants to have, and what it has. */
  readonly current: number;
  readonly statusReplicas: number;
  readonly pods: readonly Pod[];
  readonly nowMs: number;
  readonly rules: UsageRules;
}

export interface Complaint {
  readonly reason: string;
  readonly message: string;
}

/** What a metric says, or what it complains of. */
export type Judged =
  | { readonly replicas: number; readonly name: string; readonly status: MetricStatus }
  | {
      readonly complaint: Complaint /** As the sum of all failures cites it. */;
      readonly cited: string;
    };

export function judge(metric: MetricSpec, measured: Measurement, view: JudgeView): Judged {
  if (measured instanceof UsageError) return failing(metric, measured.message);
  try {
    if ('pods' in measured) return byPods(metric, measured.pods, view);
    return byFigure(metric, measured.milli, view);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return failing(metric, error.message);
  }
}

const milliOf = (amount: string | undefined): number => Quantity.parse(amount ?? '0').toMilli();
const textOf = (milli: number): string => Quantity.ofMilli(milli).toString();

function usageTarget({ averageValue, averageUtilization }: MetricTarget): Target {
  return averageValue !== undefined
    ? { kind: 'average', milli: milliOf(averageValue) }
    : { kind: 'utilization', percent: averageUtilization ?? 0 };
}

function byPods(metric: MetricSpec, metrics: PodMetrics, view: JudgeView): Judged {
  const source = metric.resource ?? metric.containerResource ?? metric.pods;
  const target = usageTarget(source?.target ?? { type: '' });
  const proposal = proposalFor({
    ...{ pods: view.pods, metrics, nowMs: view.nowMs, currentReplicas: view.current },
    resource: (metric.resource ?? metric.containerResource)?.name ?? '',
    container: metric.containerResource?.container,
    ...{ target, rules: view.rules },
  });
  const { replicas } = proposal;
  return { replicas, name: podsName(metric, target), status: podsStatus(metric, proposal) };
}

/** What is read of pods, as messages call it. */
function podsName({ resource, containerResource, pods }: MetricSpec, target: Target): string {
  if (pods !== undefined) return `pods metric ${pods.metric.name}`;
  const what = containerResource
    ? `${containerResource.name} container resource`
    : `${resource?.name ?? ''} resource`;
  return target.kind === 'utilization' ? `${what} utilization (percentage of request)` : what;
}

function podsStatus(metric: MetricSpec, { utilization, averageMilli }: Proposal): MetricStatus {
  const current = {
    ...(utilization !== undefined && { averageUtilization: utilization }),
    averageValue: textOf(averageMilli),
  };
  const { type, containerResource, pods } = metric;
  if (containerResource) {
    const { name, container } = containerResource;
    return { type, containerResource: { name, container, current } };
  }
  if (pods) return { type, pods: { metric: pods.metric, current } };
  return { type, resource: { name: metric.resource?.name ?? '', current } };
}

/** The average counts first where both are set, outside the cluster; for objects their type decides. */
function figureTarget({ object, external }: MetricSpec): FigureTarget {
  const { type, value, averageValue } = (object ?? external)?.target ?? { type: '' };
  const isValue = object ? type === 'Value' : averageValue === undefined;
  return isValue
    ? { kind: 'value', milli: milliOf(value) }
    : { kind: 'average', milli: milliOf(averageValue) };
}

function byFigure(metric: MetricSpec, milli: number, view: JudgeView): Judged {
  const target = figureTarget(metric);
  const { pods, current: replicas, statusReplicas, rules } = view;
  const proposal = figureProposal({ milli, target, pods, replicas, statusReplicas, rules });
  const { metric: what = { name: '' }, describedObject } = {
    ...metric.external,
    ...metric.object,
  };
  const isOfObject = describedObject !== undefined && target.kind === 'value';
  const name = isOfObject
    ? `${describedObject.kind} metric ${what.name}`
    : `external metric ${what.name}(${selectorText(what.selector)})`;
  return { replicas: proposal.replicas, name, status: figureStatus(metric, target, proposal) };
}

function figureStatus(
  { type, object, external }: MetricSpec,
  target: FigureTarget,
  { milli }: FigureProposal,
): MetricStatus {
  const amount = textOf(milli);
  const current = target.kind === 'value' ? { value: amount } : { averageValue: amount };
  if (object) {
    const { metric, describedObject } = object;
    return { type, object: { metric, describedObject, current } };
  }
  return { type, external: { metric: external?.metric ?? { name: '' }, current } };
}

const isShare = ({ averageValue }: MetricTarget): boolean => averageValue === undefined;

function failing(metric: MetricSpec, why: string): Judged {
  const { resource, containerResource, object, external } = metric;
  const reason = `FailedGet${metric.type}Metric`;
  const source = resource ?? containerResource;
  if (source !== undefined) {
    const what = isShare(source.target) ? 'utilization' : 'usage';
    const kind = containerResource ? 'container resource' : 'resource';
    const message = `failed to get ${source.name} ${what}: ${why}`;
    const cited = `failed to get ${source.name} ${kind} metric value: ${message}`;
    return { complaint: { reason, message }, cited };
  }
  const complaint = { reason, message: why };
  const average = figureTarget(metric).kind === 'average';
  if (object) {
    const what = average ? `failed to get ${object.metric.name} object metric: ${why}` : why;
    return { complaint, cited: `failed to get object metric value: ${what}` };
  }
  if (external) {
    const { name } = external.metric;
    const what = average ? `${name} external metric` : `external metric ${name}`;
    return {
      complaint,
      cited: `failed to get ${name} external metric value: failed to get ${what}: ${why}`,
    };
  }
  return { complaint, cited: `failed to get ${metric.type.toLowerCase()} metric value: ${why}` };
}
