/**
 * Between the version a request speaks and the version an object is stored as. Nearly all kinds have one version; events
 * and autoscalers have two, which differ in names and shapes of a few fields.
 */
import {
  apiVersionOf,
  type GroupVersion,
  isJsonObject,
  type JsonObject,
  type KindDef,
  type KubeObject,
} from '@kubets/api';

/** Whether the kind's objects are stored as themselves. */
export function storedAsItself(def: KindDef): boolean {
  return def.storageVersion.group === def.group && def.storageVersion.version === def.version;
}

/** The object as it is stored. */
export function toStorage(def: KindDef, object: KubeObject): KubeObject {
  return storedAsItself(def) ? object : converted(object, def.storageVersion);
}

/** The object as the request's version shows it. */
export function fromStorage(def: KindDef, object: KubeObject): KubeObject {
  const isSame = object.apiVersion === def.apiVersion && object.kind === def.kind;
  const shown = isSame ? object : converted(object, def);
  // Objects in caches are shared; a kind's own rules may change what they get.
  return def.rules?.fromStore?.(structuredClone(shown)) ?? shown;
}

type Convert = (from: JsonObject) => JsonObject;

const CONVERSIONS: Readonly<Record<string, Convert>> = {
  'v1 Event > events.k8s.io/v1': (event) => withoutEmptyReporter(renamed(event, CORE_TO_EVENTS)),
  'events.k8s.io/v1 Event > v1': (event) => ({
    reportingComponent: '',
    reportingInstance: '',
    ...renamed(event, EVENTS_TO_CORE),
  }),
  'autoscaling/v1 HorizontalPodAutoscaler > autoscaling/v2': autoscalerToV2,
  'autoscaling/v2 HorizontalPodAutoscaler > autoscaling/v1': autoscalerToV1,
  'resource.k8s.io/v1alpha3 ResourceSlice > resource.k8s.io/v1beta1': (slice) =>
    withCapacities(slice, (value) => ({ value })),
  'resource.k8s.io/v1beta1 ResourceSlice > resource.k8s.io/v1alpha3': (slice) =>
    withCapacities(slice, (value) => (isJsonObject(value) ? value.value : value)),
};

function converted(object: KubeObject, to: GroupVersion): KubeObject {
  const apiVersion = apiVersionOf(to);
  if (object.apiVersion === apiVersion) return object;
  const convert = CONVERSIONS[`${object.apiVersion} ${object.kind} > ${apiVersion}`];
  const plain = object as unknown as JsonObject;
  const result = convert === undefined ? plain : convert(plain);
  return { ...result, apiVersion } as unknown as KubeObject;
}

const CORE_TO_EVENTS: Readonly<Record<string, string>> = {
  involvedObject: 'regarding',
  message: 'note',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
  reportingComponent: 'reportingController',
};
const EVENTS_TO_CORE = Object.fromEntries(
  Object.entries(CORE_TO_EVENTS).map(([core, events]) => [events, core]),
);

function renamed(from: JsonObject, names: Readonly<Record<string, string>>): JsonObject {
  const entries = Object.entries(from);
  return Object.fromEntries(entries.map(([name, value]) => [names[name] ?? name, value]));
}

/** The core version always shows who reported, the newer one only when it is known. */
function withoutEmptyReporter(event: JsonObject): JsonObject {
  const { reportingController, reportingInstance, ...rest } = event;
  return {
    ...rest,
    ...(reportingController ? { reportingController } : {}),
    ...(reportingInstance ? { reportingInstance } : {}),
  };
}

/** Where the old version keeps the metrics it has no fields for. */
const METRICS_ANNOTATION = 'autoscaling.alpha.kubernetes.io/metrics';

interface Metric {
  type: string;
  resource?: { name?: string; target?: { type?: string; averageUtilization?: number } };
}

const isCpu = (metric: Metric): boolean =>
  metric.type === 'Resource' &&
  metric.resource?.name === 'cpu' &&
  metric.resource.target?.type === 'Utilization';

const part = (from: JsonObject, name: string): JsonObject => {
  const value = from[name];
  return isJsonObject(value) ? { ...value } : {};
};

function autoscalerToV2(from: JsonObject): JsonObject {
  const spec = part(from, 'spec');
  const metadata = part(from, 'metadata');
  const annotations = part(metadata, 'annotations');
  const averageUtilization = spec.targetCPUUtilizationPercentage;
  delete spec.targetCPUUtilizationPercentage;
  const metrics: unknown[] = parsedList(annotations[METRICS_ANNOTATION]);
  delete annotations[METRICS_ANNOTATION];
  if (averageUtilization !== undefined) {
    const target = { type: 'Utilization', averageUtilization };
    metrics.unshift({ type: 'Resource', resource: { name: 'cpu', target } });
  }
  if (metrics.length > 0) spec.metrics = metrics;
  const status = part(from, 'status');
  delete status.currentCPUUtilizationPercentage;
  return { ...from, metadata: withAnnotations(metadata, annotations), spec, status };
}

function autoscalerToV1(from: JsonObject): JsonObject {
  const spec = part(from, 'spec');
  const metadata = part(from, 'metadata');
  const annotations = part(metadata, 'annotations');
  const metrics = (spec.metrics ?? []) as Metric[];
  delete spec.metrics;
  delete spec.behavior;
  const cpu = metrics.find(isCpu)?.resource?.target?.averageUtilization;
  if (cpu !== undefined) spec.targetCPUUtilizationPercentage = cpu;
  const others = metrics.filter((metric) => !isCpu(metric));
  if (others.length > 0) annotations[METRICS_ANNOTATION] = JSON.stringify(others);
  const { currentMetrics: _metrics, conditions: _conditions, ...status } = part(from, 'status');
  return { ...from, metadata: withAnnotations(metadata, annotations), spec, status };
}

/** Devices say how much they have of something in either version, the newer one wraps the amount. */
function withCapacities(from: JsonObject, change: (value: unknown) => unknown): JsonObject {
  const spec = part(from, 'spec');
  if (!Array.isArray(spec.devices)) return from;
  const devices = spec.devices.filter(isJsonObject).map((device) => {
    const basic = part(device, 'basic');
    if (!isJsonObject(basic.capacity)) return device;
    const entries = Object.entries(basic.capacity).map(([name, value]) => [name, change(value)]);
    return { ...device, basic: { ...basic, capacity: Object.fromEntries(entries) } };
  });
  return { ...from, spec: { ...spec, devices } };
}

function parsedList(text: unknown): unknown[] {
  if (typeof text !== 'string') return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    // The annotation is the user's to write; what is no list says nothing.
    return [];
  }
}

function withAnnotations(metadata: JsonObject, annotations: JsonObject): JsonObject {
  const { annotations: _old, ...rest } = metadata;
  return Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest;
}
