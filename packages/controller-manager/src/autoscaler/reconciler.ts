/** Sizes workloads by what their pods use. */
import {
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerCondition,
  type HorizontalPodAutoscalerStatus,
  matchesLabels,
  type ParsedLabelSelector,
  type Pod,
  parseLabelSelector,
  type Scale,
} from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import {
  AUTOSCALER_CONCURRENCY,
  AUTOSCALER_DOWNSCALE_WINDOW_MS,
  AUTOSCALER_PERIOD_MS,
} from '../limits.ts';
import { sameJson } from '../objects/json.ts';
import { formatTime, keyOf, labelsOf, namespaceOf } from '../objects/meta.ts';
import { resourceOfKind } from '../objects/scales.ts';
import {
  ambiguous,
  decideScaling,
  NO_SELECTOR,
  type Obstacle,
  type ScalingPlan,
  type ScalingView,
} from './decide.ts';
import { Reading } from './measure.ts';
import { type Memory, type Noted, recent, type Said } from './recommend.ts';
import { USAGE_RULES, type UsageRules } from './usage.ts';

/** How all autoscalers of the cluster work. */
export interface AutoscalerOptions {
  /** How often each looks at its target. */
  readonly periodMs: number;
  /** Without a window of its own an autoscaler goes down to the highest count that was wanted in this time. */
  readonly downscaleWindowMs: number;
  readonly rules: UsageRules;
}

export function autoscalerController(
  deps: ControllerDeps,
  options: AutoscalerOptions = AUTOSCALING,
): Controller {
  const { autoscalers } = deps.informers;
  const loop = new Autoscaling(deps, options);
  return queueController({
    name: 'horizontal-pod-autoscaler-controller',
    queueName: 'horizontalpodautoscaler',
    deps,
    concurrency:
      deps.concurrency?.['horizontal-pod-autoscaler-controller'] ?? AUTOSCALER_CONCURRENCY,
    needs: [autoscalers],
    subscribe: (queue) => [
      autoscalers.on({
        add: (one) => queue.add(keyOf(one)),
        update: (old, one) => {
          if (!sameJson(old.spec, one.spec)) queue.add(keyOf(one));
        },
        delete: (one) => loop.forget(keyOf(one)),
      }),
    ],
    async reconcile(key, queue) {
      const autoscaler = autoscalers.get(key);
      if (autoscaler === undefined) return;
      queue.addAfter(key, options.periodMs);
      await loop.look(autoscaler);
    },
  });
}

/** As the stock process does it. */
export const AUTOSCALING: AutoscalerOptions = {
  periodMs: AUTOSCALER_PERIOD_MS,
  downscaleWindowMs: AUTOSCALER_DOWNSCALE_WINDOW_MS,
  rules: USAGE_RULES,
};

interface Target {
  readonly gv: string;
  readonly resource: string;
  readonly scale: Scale;
}

const NOTHING: Memory = { wanted: [], ups: [], downs: [] };

class Autoscaling {
  readonly #deps: ControllerDeps;
  readonly #api;
  readonly #pods;
  readonly #events;
  readonly #options: AutoscalerOptions;
  readonly #memory = new Map<string, Memory>();
  /** Which pods the targets of autoscalers have. */
  readonly #selectors = new Map<string, ParsedLabelSelector>();

  constructor(deps: ControllerDeps, options: AutoscalerOptions) {
    this.#deps = deps;
    this.#options = options;
    const gv = 'autoscaling/v2';
    this.#api = deps.api.resource<HorizontalPodAutoscaler>(gv, 'horizontalpodautoscalers');
    this.#pods = deps.api.resource<Pod>('v1', 'pods');
    this.#events = deps.recorder('horizontal-pod-autoscaler');
  }

  forget(key: string): void {
    this.#memory.delete(key);
    this.#selectors.delete(key);
  }

  async look(autoscaler: HorizontalPodAutoscaler): Promise<void> {
    const target = await this.#target(autoscaler);
    if (typeof target === 'string') {
      const message = `the HPA controller was unable to get the target's current scale: ${target}`;
      this.#tell(autoscaler, 'Warning', 'FailedGetScale', target);
      const said = [able('False', 'FailedGetScale', message)];
      return this.#write(autoscaler, { ...autoscaler.status }, said);
    }
    const found = able(
      'True',
      'SucceededGetScale',
      "the HPA controller was able to get the target's current scale",
    );
    await this.#follow(autoscaler, target, found);
  }

  async #follow(autoscaler: HorizontalPodAutoscaler, target: Target, found: Said): Promise<void> {
    const { spec } = autoscaler;
    if (spec === undefined) return;
    const { scale } = target;
    const current = scale.spec?.replicas ?? 0;
    const nowMs = this.#deps.clock.now();
    const key = keyOf(autoscaler);
    const memory = this.#remembered(key, spec, { current, nowMs });
    const selector = scale.status?.selector ?? '';
    const seen = await this.#measure(autoscaler, selector);
    const { rules, downscaleWindowMs } = this.#options;
    const statusReplicas = scale.status?.replicas ?? 0;
    const plan = decideScaling({
      ...{ spec, current, statusReplicas, memory, nowMs, rules, downscaleWindowMs },
      ...seen,
    });
    if (plan.wanted !== undefined) {
      const wanted = [...memory.wanted, { replicas: plan.wanted, atMs: nowMs }];
      this.#memory.set(key, { ...memory, wanted });
    }
    for (const { reason, message } of plan.complaints) {
      this.#tell(autoscaler, 'Warning', reason, message);
    }
    if (plan.failure !== undefined) {
      this.#tell(autoscaler, 'Warning', 'FailedComputeMetricsReplicas', plan.failure);
    }
    const resized = await this.#resize(autoscaler, target, plan);
    const { desiredReplicas = 0, lastScaleTime } = autoscaler.status ?? {};
    const status = {
      currentReplicas: current,
      desiredReplicas: plan.failure === undefined ? resized.replicas : desiredReplicas,
      currentMetrics: plan.metrics.map((one) => one ?? { type: '' }),
      lastScaleTime: resized.isNew ? formatTime(nowMs) : lastScaleTime,
    };
    await this.#write(autoscaler, status, [found, ...plan.conditions, ...resized.said]);
  }

  /** What is worth remembering; the count an autoscaler found counts as wanted. */
  #remembered(
    key: string,
    spec: NonNullable<HorizontalPodAutoscaler['spec']>,
    { current, nowMs }: { current: number; nowMs: number },
  ): Memory {
    const known = this.#memory.get(key) ?? NOTHING;
    const keep = (notes: readonly Noted[]): readonly Noted[] =>
      recent(notes, nowMs, { spec, downscaleWindowMs: this.#options.downscaleWindowMs });
    const first = this.#memory.has(key) ? [] : [{ replicas: current, atMs: nowMs }];
    const memory = {
      wanted: [...first, ...keep(known.wanted)],
      ups: keep(known.ups),
      downs: keep(known.downs),
    };
    this.#memory.set(key, memory);
    return memory;
  }

  async #resize(autoscaler: HorizontalPodAutoscaler, target: Target, plan: ScalingPlan) {
    const current = target.scale.spec?.replicas ?? 0;
    const replicas = plan.desired ?? current;
    if (replicas === current) return { replicas, isNew: false, said: [] };
    const { gv, resource, scale } = target;
    const api = this.#deps.api.resource(gv, resource);
    const body = { ...scale, spec: { ...scale.spec, replicas } };
    try {
      await api.updateSubresource(
        namespaceOf(autoscaler),
        autoscaler.spec?.scaleTargetRef.name ?? '',
        'scale',
        body,
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const text = `New size: ${replicas}; reason: ${plan.reason}; error: ${why}`;
      this.#tell(autoscaler, 'Warning', 'FailedRescale', text);
      const message = `the HPA controller was unable to update the target scale: ${why}`;
      return {
        ...{ replicas: current, isNew: false },
        said: [able('False', 'FailedUpdateScale', message)],
      };
    }
    this.#noteChange(keyOf(autoscaler), replicas - current);
    const text = `New size: ${replicas}; reason: ${plan.reason}`;
    this.#tell(autoscaler, 'Normal', 'SuccessfulRescale', text);
    const message = `the HPA controller was able to update the target scale to ${replicas}`;
    return { replicas, isNew: true, said: [able('True', 'SucceededRescale', message)] };
  }

  #noteChange(key: string, change: number): void {
    const memory = this.#memory.get(key) ?? NOTHING;
    const note = { replicas: Math.abs(change), atMs: this.#deps.clock.now() };
    const next =
      change > 0
        ? { ...memory, ups: [...memory.ups, note] }
        : { ...memory, downs: [...memory.downs, note] };
    this.#memory.set(key, next);
  }

  /** @returns the target, or why there is none */
  async #target({ metadata, spec }: HorizontalPodAutoscaler): Promise<Target | string> {
    const { apiVersion = '', kind = '', name = '' } = spec?.scaleTargetRef ?? {};
    try {
      const resource = await resourceOfKind(this.#deps.api, apiVersion, kind);
      if (resource === undefined) return `no matches for kind "${kind}" in version "${apiVersion}"`;
      const api = this.#deps.api.resource(apiVersion, resource);
      const scale = (await api.getSubresource(metadata.namespace ?? '', name, 'scale')) as Scale;
      return { gv: apiVersion, resource, scale };
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #measure(
    autoscaler: HorizontalPodAutoscaler,
    labelSelector: string,
  ): Promise<Pick<ScalingView, 'pods' | 'measurements' | 'obstacle'>> {
    const nothing = { pods: [], measurements: [] };
    const selector = readSelector(labelSelector);
    if ('complaint' in selector) return { ...nothing, obstacle: selector };
    const namespace = namespaceOf(autoscaler);
    const key = keyOf(autoscaler);
    if (this.#deps.informers.autoscalers.get(key)) this.#selectors.set(key, selector);
    // Pods are kept here without what their containers ask for.
    const { items: pods } = await this.#pods.list(namespace, { labelSelector });
    const rivals = this.#rivals(namespace, pods);
    if (rivals.length > 1) return { ...nothing, obstacle: ambiguous(labelSelector, rivals) };
    const reading = new Reading(this.#deps.api, { namespace, labelSelector });
    const metrics = autoscaler.spec?.metrics ?? [];
    const measurements = await Promise.all(metrics.map((metric) => reading.measure(metric)));
    return { pods, measurements, obstacle: undefined };
  }

  /** The autoscalers that go by any of the pods. */
  #rivals(namespace: string, pods: readonly Pod[]): string[] {
    return [...this.#selectors]
      .filter(([key]) => key.startsWith(`${namespace}/`))
      .filter(([, selector]) => pods.some((pod) => matchesLabels(selector, labelsOf(pod))))
      .map(([key]) => key);
  }

  async #write(
    autoscaler: HorizontalPodAutoscaler,
    status: Partial<HorizontalPodAutoscalerStatus>,
    said: readonly Said[],
  ): Promise<void> {
    const now = formatTime(this.#deps.clock.now());
    let conditions = autoscaler.status?.conditions ?? [];
    for (const one of said) conditions = withSaid(conditions, one, now);
    const next = { desiredReplicas: 0, ...status, conditions };
    if (sameJson(next, autoscaler.status)) return;
    await this.#api.updateStatus({ ...autoscaler, status: next });
  }

  #tell(
    object: HorizontalPodAutoscaler,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    const kind = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' };
    this.#events.event({ ...object, ...kind }, type, reason, message);
  }
}

const able = (status: Said['status'], reason: string, message: string): Said => ({
  type: 'AbleToScale',
  ...{ status, reason, message },
});

/** In its place, with the time of the last turn. */
function withSaid(
  conditions: HorizontalPodAutoscalerCondition[],
  said: Said,
  now: string,
): HorizontalPodAutoscalerCondition[] {
  const old = conditions.find(({ type }) => type === said.type);
  const isTurn = old?.status !== said.status;
  const next = { ...said, lastTransitionTime: isTurn ? now : (old?.lastTransitionTime ?? now) };
  return old === undefined
    ? [...conditions, next]
    : conditions.map((one) => (one === old ? next : one));
}

/** Which pods are a target's, by the text in its scale. */
function readSelector(text: string): ParsedLabelSelector | Obstacle {
  if (text === '') return NO_SELECTOR;
  try {
    return parseLabelSelector(text);
  } catch (error) {
    const what = "couldn't convert selector into a corresponding internal selector object";
    return { complaint: { reason: 'InvalidSelector', message: `${what}: ${errorMessage(error)}` } };
  }
}
