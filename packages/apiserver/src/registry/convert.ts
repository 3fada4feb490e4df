/**
 * Between the version a request speaks and the version an object is stored as. Nearly all kinds have one version; events
 * and autoscalers have two, which differ in names and shapes of a few fields.
 */
import {
  apiVersionOf,
  builtinKind,
  convertObject,
  defaultObject,
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

/**
 * What a write answers with: built-in kinds with another version in the store show the defaults that version gave them.
 * @param form the object as it was stored
 */
export function asStored(def: KindDef, object: KubeObject, form: KubeObject): KubeObject {
  if (storedAsItself(def) || def.rules?.conversion !== undefined) return object;
  const { resourceVersion } = object.metadata;
  return { ...form, metadata: { ...form.metadata, resourceVersion } };
}

type Convert = (from: JsonObject) => JsonObject;

const CONVERSIONS: Readonly<Record<string, Convert>> = {
  'v1 Event > events.k8s.io/v1': (event) => withoutEmptyReporter(renamed(event, CORE_TO_EVENTS)),
  'events.k8s.io/v1 Event > v1': (event) => ({
    reportingComponent: '',
    reportingInstance: '',
    ...renamed(event, EVENTS_TO_CORE),
  }),
  'resource.k8s.io/v1alpha3 ResourceSlice > resource.k8s.io/v1beta1': (slice) =>
    withCapacities(slice, (value) => ({ value })),
  'resource.k8s.io/v1beta1 ResourceSlice > resource.k8s.io/v1alpha3': (slice) =>
    withCapacities(slice, (value) => (isJsonObject(value) ? value.value : value)),
};

function converted(object: KubeObject, to: GroupVersion): KubeObject {
  const apiVersion = apiVersionOf(to);
  if (object.apiVersion === apiVersion) return object;
  if (to.group === 'autoscaling') return convertedAutoscaler(object, apiVersion);
  const convert = CONVERSIONS[`${object.apiVersion} ${object.kind} > ${apiVersion}`];
  const plain = object as unknown as JsonObject;
  const result = convert === undefined ? plain : convert(plain);
  return { ...result, apiVersion } as unknown as KubeObject;
}

/** The stored form has its own defaults: what the old version cannot say is filled in when it is stored. */
function convertedAutoscaler(object: KubeObject, apiVersion: string): KubeObject {
  const to = builtinKind(apiVersion, object.kind ?? '');
  const from = builtinKind(object.apiVersion ?? '', object.kind ?? '');
  const result = convertObject(from, to, object);
  defaultObject(to, result);
  return result;
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

const part = (from: JsonObject, name: string): JsonObject => {
  const value = from[name];
  return isJsonObject(value) ? { ...value } : {};
};

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
