/** Conversion between the two versions of the kinds that are served as two: events and autoscalers. */
import { toNewAutoscaler, toOldAutoscaler } from './convert-autoscalers.ts';
import type { Event, EventEvents } from './generated/types.ts';
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
