/**
 * What the server does to an object before it is validated: parts a client may not write are put back, the
 * generation counts changes of the desired state, derived fields are computed.
 */
import { semanticEqual } from '../equal.ts';
import type {
  CustomResourceDefinition,
  DaemonSet,
  EndpointSlice,
  Namespace,
  PersistentVolumeClaim,
  Pod,
  ServiceAccount,
} from '../generated/types.ts';
import type { JsonObject, KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';
import { emptyField } from '../schema/decode.ts';
import { dropGatedFields } from './gated-fields.ts';
import { generateJobSelector } from './job.ts';
import { preparePodForCreate, preparePodForStatusUpdate } from './pod.ts';
import { prepareServiceForCreate, prepareServiceForUpdate } from './service.ts';
import { prepareSubresource } from './subresources.ts';

/** Kinds whose status a creator may set. */
const STATUS_KEPT_ON_CREATE: ReadonlySet<string> = new Set(['/Node']);

function fields(object: KubeObject): JsonObject {
  return object as unknown as JsonObject;
}

function prepareNamespace(ns: Namespace): void {
  ns.status = { phase: 'Active' };
  ns.spec ??= {};
  const finalizers = ns.spec.finalizers ?? [];
  ns.spec.finalizers = finalizers.includes('kubernetes')
    ? finalizers
    : [...finalizers, 'kubernetes'];
}

function prepareCustomResource(crd: CustomResourceDefinition): void {
  const stored = (crd.spec.versions ?? []).filter((v) => v.storage).map((v) => v.name);
  crd.status = {
    conditions: null as never,
    acceptedNames: { plural: '', kind: '' },
    storedVersions: stored,
  };
}

/** Counts changes of a DaemonSet's template, where old clients look for it. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

function setTemplateGeneration(ds: DaemonSet, generation: number): void {
  ds.metadata.annotations = {
    ...ds.metadata.annotations,
    [TEMPLATE_GENERATION]: String(generation),
  };
}

function keepTemplateGeneration(ds: DaemonSet, old: DaemonSet): void {
  const was = Number(old.metadata.annotations?.[TEMPLATE_GENERATION] ?? 1);
  const same = semanticEqual(ds.spec?.template, old.spec?.template);
  setTemplateGeneration(ds, same ? was : was + 1);
}

/** What the older of a claim's two fields for the source of its data takes; anything else was never heeded. */
function isClassicSource(source: { kind: string; apiGroup?: string | undefined }): boolean {
  const group = source.apiGroup ?? '';
  if (source.kind === 'PersistentVolumeClaim') return group === '';
  return source.kind === 'VolumeSnapshot' && group === 'snapshot.storage.k8s.io';
}

/** A claim's two ways of naming where its data comes from are kept in step. */
function normalizeDataSources(claim: PersistentVolumeClaim, old?: PersistentVolumeClaim): void {
  const spec = claim.spec;
  if (!spec) return;
  const had = old?.spec?.dataSource ?? old?.spec?.dataSourceRef;
  const isLost = !had && !spec.dataSourceRef && spec.dataSource;
  if (isLost && !isClassicSource(isLost)) delete spec.dataSource;
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
  else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
    const { kind, name, apiGroup } = spec.dataSourceRef;
    spec.dataSource = { ...(apiGroup === undefined ? {} : { apiGroup }), kind, name };
  }
}

/** Of the Secrets an account may use only the names count. */
function cleanSecrets(account: ServiceAccount): void {
  if (!account.secrets) return;
  account.secrets = account.secrets.map(({ name }) => (name ? { name } : {}));
}

/** Where an endpoint is was told in another way once. */
function dropTopology(slice: EndpointSlice, old?: EndpointSlice): void {
  if (old && semanticEqual(slice.endpoints, old.endpoints)) return;
  for (const endpoint of slice.endpoints ?? []) delete endpoint.deprecatedTopology;
}

/** An object may name each owner only once. */
function dropRepeatedOwners(object: KubeObject): void {
  const owners = object.metadata.ownerReferences;
  if (!owners || owners.length < 2) return;
  const kept = owners.filter((o, i) => owners.findIndex((p) => semanticEqual(o, p)) === i);
  object.metadata.ownerReferences = kept;
}

/** Steps of creation beyond the common ones, by `group/Kind`. */
const CREATE_STEPS: Readonly<Record<string, (object: never) => void>> = {
  '/Pod': preparePodForCreate,
  '/Service': prepareServiceForCreate,
  '/Namespace': prepareNamespace,
  '/PersistentVolumeClaim': (claim: PersistentVolumeClaim) => {
    claim.status = { phase: 'Pending' };
    normalizeDataSources(claim);
  },
  '/PersistentVolume': (o: KubeObject) => {
    o.status = { phase: 'Pending', lastPhaseTransitionTime: o.metadata.creationTimestamp };
  },
  'batch/Job': generateJobSelector,
  '/ServiceAccount': cleanSecrets,
  'apps/DaemonSet': (ds: DaemonSet) => setTemplateGeneration(ds, 1),
  'discovery.k8s.io/EndpointSlice': (slice: EndpointSlice) => dropTopology(slice),
  'apiextensions.k8s.io/CustomResourceDefinition': prepareCustomResource,
};

/**
 * Prepares a new object, in place. `metadata` must already carry name, namespace, uid and creationTimestamp
 * (the server's own additions), and defaults must be filled in.
 */
export function prepareForCreate(def: KindDef, object: KubeObject): void {
  const key = `${def.group}/${def.kind}`;
  delete object.metadata.deletionTimestamp;
  delete object.metadata.deletionGracePeriodSeconds;
  delete object.metadata.selfLink;
  dropRepeatedOwners(object);
  if (def.hasGeneration) object.metadata.generation = 1;
  if (def.subresources.status && !STATUS_KEPT_ON_CREATE.has(key)) {
    object.status = emptyField(def.typeName, 'status');
  }
  dropGatedFields(def, object);
  CREATE_STEPS[key]?.(object as never);
}

/** Metadata that an update can not take away or change silently. */
function keepSystemMetadata(object: KubeObject, old: KubeObject): void {
  const now = object.metadata;
  const was = old.metadata;
  now.uid ||= was.uid;
  now.creationTimestamp = was.creationTimestamp;
  delete now.selfLink;
  if (was.generation === undefined) delete now.generation;
  else now.generation = was.generation;
  if (was.deletionTimestamp) {
    now.deletionTimestamp ??= was.deletionTimestamp;
    now.deletionGracePeriodSeconds ??= was.deletionGracePeriodSeconds;
  }
}

/** What counts as the desired state of a kind, beyond its spec. */
function generationBasis(def: KindDef, object: KubeObject): unknown {
  const {
    metadata: _metadata,
    status: _status,
    apiVersion: _v,
    kind: _k,
    ...rest
  } = fields(object);
  const key = `${def.group}/${def.kind}`;
  if (key === 'apps/Deployment') return { ...rest, annotations: object.metadata.annotations };
  if (key === 'discovery.k8s.io/EndpointSlice') return { ...rest, labels: object.metadata.labels };
  return rest;
}

function bumpGeneration(def: KindDef, object: KubeObject, old: KubeObject): void {
  if (!def.hasGeneration) return;
  if (semanticEqual(generationBasis(def, object), generationBasis(def, old))) return;
  object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

function prepareMainUpdate(def: KindDef, object: KubeObject, old: KubeObject): void {
  const key = `${def.group}/${def.kind}`;
  dropGatedFields(def, object, old);
  if (def.subresources.status) {
    if (old.status === undefined) delete object.status;
    else object.status = structuredClone(old.status);
  }
  UPDATE_STEPS[key]?.(object as never, old as never);
  bumpGeneration(def, object, old);
}

/** Steps of an update beyond the common ones, by `group/Kind`. */
const UPDATE_STEPS: Readonly<Record<string, (object: never, old: never) => void>> = {
  '/Service': prepareServiceForUpdate,
  'apps/DaemonSet': keepTemplateGeneration,
  '/Namespace': keepSpec,
  '/PersistentVolumeClaim': normalizeDataSources,
  '/ServiceAccount': cleanSecrets,
  'certificates.k8s.io/CertificateSigningRequest': keepSpec,
  'discovery.k8s.io/EndpointSlice': dropTopology,
  'storage.k8s.io/CSIDriver': countSpecChanges,
};

/** A CSIDriver is not counted from its creation: its generation tells how often its spec changed since. */
function countSpecChanges(object: KubeObject, old: KubeObject): void {
  if (semanticEqual(object.spec, old.spec)) return;
  object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

function keepSpec(object: KubeObject, old: KubeObject): void {
  object.spec = structuredClone(old.spec);
}

function prepareStatusUpdate(def: KindDef, object: KubeObject, old: KubeObject): void {
  const key = `${def.group}/${def.kind}`;
  if (key === '/Pod') {
    preparePodForStatusUpdate(object as Pod, old as Pod);
    return;
  }
  for (const name of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (['metadata', 'status', 'apiVersion', 'kind'].includes(name)) continue;
    const before = fields(old)[name];
    if (before === undefined) delete fields(object)[name];
    else fields(object)[name] = structuredClone(before);
  }
  if (LABELS_KEPT_BY_STATUS.has(key)) object.metadata.labels = old.metadata.labels;
  if (METADATA_KEPT_BY_STATUS.has(key)) keepMetadata(object, old);
}

/** What says what an object is stays; which version of it the writer saw, and who wrote what, is not of that. */
function keepMetadata(object: KubeObject, old: KubeObject): void {
  for (const field of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const) {
    const before = structuredClone(old.metadata[field]);
    if (before === undefined) delete object.metadata[field];
    else (object.metadata as unknown as JsonObject)[field] = before as never;
  }
}

const LABELS_KEPT_BY_STATUS: ReadonlySet<string> = new Set(['apps/Deployment']);
const METADATA_KEPT_BY_STATUS: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'apiregistration.k8s.io/APIService',
  'storage.k8s.io/VolumeAttachment',
]);

/**
 * Prepares an update, in place: `old` is what is stored. With `subresource: 'status'` only the status may change, with
 * another one the part it is about; a subresource not known here leaves the object as its own code made it.
 */
export function prepareForUpdate(
  def: KindDef,
  object: KubeObject,
  old: KubeObject,
  subresource?: string,
): void {
  keepSystemMetadata(object, old);
  dropRepeatedOwners(object);
  if (subresource === 'status') prepareStatusUpdate(def, object, old);
  else if (subresource === undefined || subresource === 'scale') {
    prepareMainUpdate(def, object, old);
  } else prepareSubresource(`${def.resource}/${subresource}`, object, old);
}
