/** What an autoscaler makes of its metrics. Pure. */
import type { HorizontalPodAutoscalerSpec, MetricStatus } from '@kubets/api';
import { type Complaint, type JudgeView, judge, type Measurement } from './judge.ts';
import { limited, type Memory, type Said } from './recommend.ts';
import { UsageError } from './usage.ts';

export interface ScalingView extends JudgeView {
  readonly spec: HorizontalPodAutoscalerSpec;
  /** Why the target's pods cannot be told; undefined: they can. */
  readonly obstacle: Obstacle | undefined;
  /** By metrics, in the order of the spec. */
  readonly measurements: readonly Measurement[];
  readonly memory: Memory;
  /** Without a window of its own an autoscaler goes down to the highest count that was wanted in this time. */
  readonly downscaleWindowMs: number;
}

/** What is wrong with the way from an autoscaler to its pods. */
export interface Obstacle {
  readonly complaint: Complaint;
  /** The reason and the message of the condition, where they are other than the complaint's. */
  readonly reason?: string;
  readonly message?: string;
}

/** The target does not say which pods are its own. */
export const NO_SELECTOR: Obstacle = {
  complaint: { reason: 'SelectorRequired', message: 'selector is required' },
  ...{ reason: 'InvalidSelector', message: "the HPA target's scale is missing a selector" },
};

/** @param keys of all autoscalers, `NAMESPACE/NAME`, that go by the same pods */
export function ambiguous(selector: string, keys: readonly string[]): Obstacle {
  const shown = [...keys].sort().map((key) => key.split('/').reverse().join(' '));
  const all = shown.map((one) => `{${one}}`).join(' ');
  const message = `pods by selector ${selector} are controlled by multiple HPAs: [${all}]`;
  return { complaint: { reason: 'AmbiguousSelector', message } };
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
  readonly complaints: readonly Complaint[];
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

function blocked({ complaint, reason, message }: Obstacle): ScalingPlan {
  const why = { reason: reason ?? complaint.reason, message: message ?? complaint.message };
  return {
    ...{ reason: '', metrics: [], complaints: [complaint], failure: complaint.message },
    conditions: [{ type: 'ScalingActive', status: 'False', ...why }],
  };
}

function byMetrics(view: ScalingView): ScalingPlan {
  const { spec, current } = view;
  if (view.obstacle !== undefined) return blocked(view.obstacle);
  const judged = (spec.metrics ?? []).map((metric, i) =>
    judge(metric, view.measurements[i] ?? new UsageError('not measured'), view),
  );
  const valid = judged.flatMap((one) => ('replicas' in one ? one : []));
  const failed = judged.flatMap((one) => ('complaint' in one ? one : []));
  const metrics = judged.map((one) => ('status' in one ? one.status : undefined));
  const complaints = failed.map(({ complaint }) => complaint);
  const [best] = [...valid].sort((a, b) => b.replicas - a.replicas);
  const wanted = best?.replicas ?? 0;
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
