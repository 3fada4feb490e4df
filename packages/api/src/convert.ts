/** Conversion between the two versions of the kinds that are served as two: events and autoscalers. */
import type {
  Event,
  EventEvents,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  MetricSpec,
} from './generated/types.ts';
import type { KubeObject } from './meta.ts';
import type { KindDef } from './registry.ts';
import { decodeType } from './schema/decode.ts';

function toNewEvent(e: Event): EventEvents {
  return {
    metadata: e.metadata,
    eventTime: e.eventTime as string,
    series: e.series as EventEvents['series'],
    reportingController: e.reportingComponent,
    reportingInstance: e.reportingInstance,
    action: e.action,
    reason: e.reason,
    regarding: e.involvedObject,
    related: e.related,
    note: e.message,
    type: e.type,
    deprecatedSource: e.source,
    deprecatedFirstTimestamp: e.firstTimestamp,
    deprecatedLastTimestamp: e.lastTimestamp,
    deprecatedCount: e.count,
  };
}

function toCoreEvent(e: EventEvents): Event {
  return {
    metadata: e.metadata,
    involvedObject: e.regarding ?? {},
    reason: e.reason,
    message: e.note,
    source: e.deprecatedSource,
    firstTimestamp: e.deprecatedFirstTimestamp,
    lastTimestamp: e.deprecatedLastTimestamp,
    count: e.deprecatedCount,
    type: e.type,
    eventTime: e.eventTime,
    series: e.series,
    action: e.action,
    related: e.related,
    reportingComponent: e.reportingController as string,
    reportingInstance: e.reportingInstance as string,
  };
}

/** Annotations in which an autoscaling/v1 object carries what its fields can not. */
const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';

function isCpuTarget(m: MetricSpec): boolean {
  return m.resource?.name === 'cpu' && m.resource.target.averageUtilization !== undefined;
}

function toOldAutoscaler(hpa: HorizontalPodAutoscaler): HorizontalPodAutoscalerV1 {
  const metrics = hpa.spec?.metrics ?? [];
  const cpu = metrics.find(isCpuTarget);
  const others = metrics.filter((m) => m !== cpu);
  const annotations = { ...hpa.metadata.annotations };
  if (others.length > 0) annotations[METRICS] = JSON.stringify(others);
  if (hpa.spec?.behavior) annotations[BEHAVIOR] = JSON.stringify(hpa.spec.behavior);
  const current = hpa.status?.currentMetrics?.find((m) => m.resource?.name === 'cpu');
  return {
    metadata: { ...hpa.metadata, annotations },
    ...(hpa.spec
      ? {
          spec: {
            scaleTargetRef: hpa.spec.scaleTargetRef,
            minReplicas: hpa.spec.minReplicas,
            maxReplicas: hpa.spec.maxReplicas,
            targetCPUUtilizationPercentage: cpu?.resource?.target.averageUtilization,
          },
        }
      : {}),
    status: {
      observedGeneration: hpa.status?.observedGeneration,
      lastScaleTime: hpa.status?.lastScaleTime,
      currentReplicas: hpa.status?.currentReplicas ?? 0,
      desiredReplicas: hpa.status?.desiredReplicas ?? 0,
      currentCPUUtilizationPercentage: current?.resource?.current.averageUtilization,
    },
  };
}

function parsed<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    // An annotation a user broke says nothing.
    return undefined;
  }
}

function toNewAutoscaler(hpa: HorizontalPodAutoscalerV1): HorizontalPodAutoscaler {
  const {
    [METRICS]: metricsText,
    [BEHAVIOR]: behaviorText,
    ...annotations
  } = hpa.metadata.annotations ?? {};
  const averageUtilization = hpa.spec?.targetCPUUtilizationPercentage;
  const cpu: MetricSpec[] =
    averageUtilization === undefined
      ? []
      : [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
          },
        ];
  const spec = hpa.spec;
  return {
    metadata: { ...hpa.metadata, annotations },
    ...(spec
      ? {
          spec: {
            scaleTargetRef: spec.scaleTargetRef,
            minReplicas: spec.minReplicas,
            maxReplicas: spec.maxReplicas,
            metrics: [...cpu, ...(parsed<MetricSpec[]>(metricsText) ?? [])],
            behavior: parsed(behaviorText),
          },
        }
      : {}),
    status: {
      observedGeneration: hpa.status?.observedGeneration,
      lastScaleTime: hpa.status?.lastScaleTime,
      currentReplicas: hpa.status?.currentReplicas,
      desiredReplicas: hpa.status?.desiredReplicas ?? 0,
    },
  };
}

const CONVERTERS: Readonly<Record<string, (object: never) => object>> = {
  'v1/Event > events.k8s.io/v1/Event': toNewEvent,
  'events.k8s.io/v1/Event > v1/Event': toCoreEvent,
  'autoscaling/v2/HorizontalPodAutoscaler > autoscaling/v1/HorizontalPodAutoscaler':
    toOldAutoscaler,
  'autoscaling/v1/HorizontalPodAutoscaler > autoscaling/v2/HorizontalPodAutoscaler':
    toNewAutoscaler,
};

/**
 * The object as another version of its kind, with that version's apiVersion. Objects of kinds with one version, and
 * of the same version, come back as they are.
 */
export function convertObject(from: KindDef, to: KindDef, object: KubeObject): KubeObject {
  const key = `${from.apiVersion}/${from.kind} > ${to.apiVersion}/${to.kind}`;
  const convert = CONVERTERS[key];
  if (!convert) return object;
  const decoded = decodeType(to.typeName, convert(structuredClone(object) as never));
  return { ...decoded.object, kind: to.kind, apiVersion: to.apiVersion } as unknown as KubeObject;
}
