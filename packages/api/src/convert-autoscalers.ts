/**
 * Autoscalers between their two versions. What `autoscaling/v1` has no fields for travels in annotations, in the forms
 * upstream gives them (pkg/apis/autoscaling/v1/conversion.go): metrics and conditions as the types of v1 that no
 * field uses, the behaviour with the names of Go fields.
 */
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  HPAScalingRules,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from './generated/types.ts';
import { isJsonObject, type JsonObject } from './meta.ts';

const PREFIX = 'autoscaling.alpha.kubernetes.io/';
/** The annotations of `autoscaling/v1` objects that are no annotations in v2. */
const KEPT_ASIDE = {
  metrics: `${PREFIX}metrics`,
  currentMetrics: `${PREFIX}current-metrics`,
  conditions: `${PREFIX}conditions`,
  behavior: `${PREFIX}behavior`,
} as const;

type Annotations = Record<string, string>;

function withoutKeptAside(annotations: Annotations | undefined): Annotations {
  const names: readonly string[] = Object.values(KEPT_ASIDE);
  const rest = Object.entries(annotations ?? {}).filter(([name]) => !names.includes(name));
  return Object.fromEntries(rest);
}

function withAnnotations<T extends { annotations?: Annotations | undefined }>(
  metadata: T,
  annotations: Annotations,
): T {
  const { annotations: _old, ...rest } = metadata;
  return (Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest) as T;
}

function isCpuTarget(m: MetricSpec): boolean {
  const { resource } = m;
  return (
    m.type === 'Resource' &&
    resource?.name === 'cpu' &&
    resource.target?.averageUtilization !== undefined
  );
}

type Reference = CrossVersionObjectReference | undefined;

/** In the order of Go's fields, for the text of the annotation. */
const reference = (r: Reference): JsonObject => ({
  kind: r?.kind ?? '',
  name: r?.name ?? '',
  ...(r?.apiVersion ? { apiVersion: r.apiVersion } : {}),
});

/** What v1 calls the numbers of a target (`targetValue` …) or of a state (`currentValue` …). */
function numbers(kind: 'target' | 'current', v: MetricTarget | MetricValueStatus): JsonObject {
  return {
    [`${kind}AverageUtilization`]: v.averageUtilization,
    [`${kind}AverageValue`]: v.averageValue,
  };
}

function oldMetric(kind: 'target' | 'current', metric: MetricSpec & MetricStatus): JsonObject {
  const { object, pods, resource, containerResource, external } = metric;
  const of = (m: { target?: MetricTarget; current?: MetricValueStatus }) =>
    (kind === 'target' ? m.target : m.current) ?? ({} as MetricTarget & MetricValueStatus);
  return {
    type: metric.type,
    object: object && {
      target: reference(object.describedObject),
      metricName: object.metric?.name ?? '',
      [`${kind}Value`]: of(object).value ?? '0',
      selector: object.metric?.selector,
      averageValue: of(object).averageValue,
    },
    pods: pods && {
      metricName: pods.metric?.name ?? '',
      [`${kind}AverageValue`]: of(pods).averageValue ?? '0',
      selector: pods.metric?.selector,
    },
    resource: resource && { name: resource.name, ...numbers(kind, of(resource)) },
    containerResource: containerResource && {
      name: containerResource.name,
      ...numbers(kind, of(containerResource)),
      container: containerResource.container,
    },
    external: external && {
      metricName: external.metric?.name ?? '',
      metricSelector: external.metric?.selector,
      [`${kind}Value`]: of(external).value ?? (kind === 'current' ? '0' : undefined),
      [`${kind}AverageValue`]: of(external).averageValue,
    },
  };
}

function goRules(rules: HPAScalingRules | undefined): unknown {
  if (rules === undefined) return null;
  const policies = rules.policies?.map((p) => ({
    Type: p.type,
    Value: p.value,
    PeriodSeconds: p.periodSeconds,
  }));
  return {
    StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
    SelectPolicy: rules.selectPolicy ?? null,
    Policies: policies ?? null,
  };
}

/** The annotations that carry what the old version has no fields for. */
function keptAside(hpa: HorizontalPodAutoscaler): Annotations {
  const out: Annotations = {};
  const keep = (name: string, list: readonly unknown[]): void => {
    if (list.length > 0) out[name] = JSON.stringify(list);
  };
  const others = (hpa.spec?.metrics ?? []).filter((m) => !isCpuTarget(m));
  keep(
    KEPT_ASIDE.metrics,
    others.map((m) => oldMetric('target', m as MetricSpec & MetricStatus)),
  );
  keep(
    KEPT_ASIDE.currentMetrics,
    (hpa.status?.currentMetrics ?? []).map((m) =>
      oldMetric('current', m as MetricSpec & MetricStatus),
    ),
  );
  keep(
    KEPT_ASIDE.conditions,
    (hpa.status?.conditions ?? []).map((c) => ({
      type: c.type,
      status: c.status,
      lastTransitionTime: c.lastTransitionTime ?? null,
      reason: c.reason,
      message: c.message,
    })),
  );
  const behavior = hpa.spec?.behavior;
  if (behavior) {
    const rules = { ScaleUp: goRules(behavior.scaleUp), ScaleDown: goRules(behavior.scaleDown) };
    out[KEPT_ASIDE.behavior] = JSON.stringify(rules);
  }
  return out;
}

/** An autoscaler as `autoscaling/v1` shows it. */
export function toOldAutoscaler(hpa: HorizontalPodAutoscaler): HorizontalPodAutoscalerV1 {
  const cpu = hpa.spec?.metrics?.find((m) => m.type === 'Resource' && m.resource?.name === 'cpu');
  const current = hpa.status?.currentMetrics?.find((m) => m.resource?.name === 'cpu');
  const annotations = { ...withoutKeptAside(hpa.metadata.annotations), ...keptAside(hpa) };
  const { spec, status } = hpa;
  return {
    metadata: withAnnotations(hpa.metadata, annotations),
    ...(spec
      ? {
          spec: {
            scaleTargetRef: spec.scaleTargetRef,
            minReplicas: spec.minReplicas,
            maxReplicas: spec.maxReplicas,
            targetCPUUtilizationPercentage: cpu?.resource?.target?.averageUtilization,
          },
        }
      : {}),
    status: {
      observedGeneration: status?.observedGeneration,
      lastScaleTime: status?.lastScaleTime,
      currentReplicas: status?.currentReplicas ?? 0,
      desiredReplicas: status?.desiredReplicas ?? 0,
      currentCPUUtilizationPercentage: current?.resource?.current?.averageUtilization,
    },
  };
}

/** An annotation's value; one that a user broke says nothing. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const objectsOf = (value: unknown): JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : [];

/** A target or a state of v2 out of the numbers of v1. */
function newValue(kind: 'target' | 'current', old: JsonObject): JsonObject {
  const averageUtilization = old[`${kind}AverageUtilization`];
  const averageValue = old[`${kind}AverageValue`] ?? old.averageValue;
  const given = old[`${kind}Value`];
  // Upstream's old form has no absent value for objects: a zero beside an average means none.
  const value = averageValue !== undefined && given === '0' ? undefined : given;
  const type =
    averageUtilization !== undefined
      ? 'Utilization'
      : averageValue !== undefined
        ? 'AverageValue'
        : 'Value';
  return { ...(kind === 'target' ? { type } : {}), value, averageValue, averageUtilization };
}

function newMetric(kind: 'target' | 'current', old: JsonObject): JsonObject {
  const { object, pods, resource, containerResource, external } = old;
  const metric = (m: JsonObject) => ({
    name: m.metricName,
    selector: m.metricSelector ?? m.selector,
  });
  return {
    type: old.type,
    ...(isJsonObject(object)
      ? {
          object: {
            describedObject: object.target,
            metric: metric(object),
            [kind]: newValue(kind, object),
          },
        }
      : {}),
    ...(isJsonObject(pods) ? { pods: { metric: metric(pods), [kind]: newValue(kind, pods) } } : {}),
    ...(isJsonObject(resource)
      ? { resource: { name: resource.name, [kind]: newValue(kind, resource) } }
      : {}),
    ...(isJsonObject(containerResource)
      ? {
          containerResource: {
            name: containerResource.name,
            container: containerResource.container,
            [kind]: newValue(kind, containerResource),
          },
        }
      : {}),
    ...(isJsonObject(external)
      ? { external: { metric: metric(external), [kind]: newValue(kind, external) } }
      : {}),
  };
}

function rulesOf(value: unknown): HPAScalingRules | undefined {
  if (!isJsonObject(value)) return undefined;
  const policies = Array.isArray(value.Policies)
    ? objectsOf(value.Policies).map((p) => ({
        type: p.Type,
        value: p.Value,
        periodSeconds: p.PeriodSeconds,
      }))
    : undefined;
  return {
    stabilizationWindowSeconds: value.StabilizationWindowSeconds ?? undefined,
    selectPolicy: value.SelectPolicy ?? undefined,
    policies,
  } as HPAScalingRules;
}

function behaviorOf(value: unknown) {
  if (!isJsonObject(value)) return undefined;
  const scaleUp = rulesOf(value.ScaleUp);
  const scaleDown = rulesOf(value.ScaleDown);
  return scaleUp || scaleDown ? { scaleUp, scaleDown } : undefined;
}

function cpuTarget(averageUtilization: number | undefined): MetricSpec[] {
  if (averageUtilization === undefined) return [];
  const target = { type: 'Utilization', averageUtilization };
  return [{ type: 'Resource', resource: { name: 'cpu', target } }];
}

function cpuState(averageUtilization: number | undefined): MetricStatus[] {
  if (averageUtilization === undefined) return [];
  return [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization } } }];
}

/** An `autoscaling/v1` object as v2 shows it: what was kept aside back in its fields, the CPU's target last. */
export function toNewAutoscaler(hpa: HorizontalPodAutoscalerV1): HorizontalPodAutoscaler {
  const { spec, status } = hpa;
  const aside = hpa.metadata.annotations ?? {};
  const others = objectsOf(parsed(aside[KEPT_ASIDE.metrics])).map((m) => newMetric('target', m));
  const metrics = [
    ...(others as unknown as MetricSpec[]),
    ...cpuTarget(spec?.targetCPUUtilizationPercentage),
  ];
  const states = parsed(aside[KEPT_ASIDE.currentMetrics]);
  const currentMetrics = Array.isArray(states)
    ? (objectsOf(states).map((m) => newMetric('current', m)) as unknown as MetricStatus[])
    : cpuState(status?.currentCPUUtilizationPercentage);
  const conditions = objectsOf(parsed(aside[KEPT_ASIDE.conditions]));
  return {
    metadata: withAnnotations(hpa.metadata, withoutKeptAside(aside)),
    ...(spec
      ? {
          spec: {
            scaleTargetRef: spec.scaleTargetRef,
            minReplicas: spec.minReplicas,
            maxReplicas: spec.maxReplicas,
            ...(metrics.length > 0 ? { metrics } : {}),
            behavior: behaviorOf(parsed(aside[KEPT_ASIDE.behavior])),
          },
        }
      : {}),
    status: {
      observedGeneration: status?.observedGeneration,
      lastScaleTime: status?.lastScaleTime,
      currentReplicas: status?.currentReplicas || undefined,
      desiredReplicas: status?.desiredReplicas ?? 0,
      ...(currentMetrics.length > 0 ? { currentMetrics } : {}),
      ...(conditions.length > 0 ? { conditions } : {}),
    } as unknown as HorizontalPodAutoscaler['status'],
  };
}
