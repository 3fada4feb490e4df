/** The fields of each kind a field selector may name, and their values. */
import { badRequest } from '../errors.ts';
import { isJsonObject, type KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';
import { type ParsedFieldSelector, parseFieldSelector } from '../selectors/fields.ts';

/** Dotted paths beyond `metadata.name` and `metadata.namespace`, by `group/Kind`. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '/Pod': [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.podIPs',
    'status.nominatedNodeName',
  ],
  '/Node': ['spec.unschedulable'],
  '/Namespace': ['status.phase', 'name'],
  '/Secret': ['type'],
  '/Service': ['spec.clusterIP', 'spec.type'],
  '/ReplicationController': ['status.replicas'],
  '/PersistentVolume': ['name'],
  '/PersistentVolumeClaim': ['name'],
  '/Event': [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  'events.k8s.io/Event': [
    'regarding.kind',
    'regarding.namespace',
    'regarding.name',
    'regarding.uid',
    'regarding.apiVersion',
    'regarding.resourceVersion',
    'regarding.fieldPath',
    'reason',
    'reportingController',
    'type',
  ],
  'apps/ReplicaSet': ['status.replicas'],
  'batch/Job': ['status.successful'],
  'certificates.k8s.io/CertificateSigningRequest': ['spec.signerName'],
};

function valueAt(object: unknown, path: string): string {
  let at: unknown = object;
  for (const step of path.split('.')) {
    if (!isJsonObject(at)) return '';
    at = at[step];
  }
  if (typeof at === 'string') return at;
  if (typeof at === 'number' || typeof at === 'boolean') return String(at);
  return '';
}

const BOOLEANS: ReadonlySet<string> = new Set(['spec.hostNetwork', 'spec.unschedulable']);
const NUMBERS: ReadonlySet<string> = new Set(['status.replicas', 'status.successful']);

function fieldValue(object: KubeObject, path: string): string {
  switch (path) {
    case 'name':
      return object.metadata.name ?? '';
    case 'source':
      return valueAt(object, 'source.component') || valueAt(object, 'reportingComponent');
    case 'status.successful':
      return valueAt(object, 'status.succeeded') || '0';
    case 'status.podIPs':
      return valueAt(object, 'status.podIP');
    default: {
      const value = valueAt(object, path);
      if (value === '' && BOOLEANS.has(path)) return 'false';
      return value === '' && NUMBERS.has(path) ? '0' : value;
    }
  }
}

/** The values a field selector sees. Missing values are empty strings. */
export function selectableFields(def: KindDef, object: KubeObject): Record<string, string> {
  const out: Record<string, string> = { 'metadata.name': object.metadata.name ?? '' };
  if (def.namespaced) out['metadata.namespace'] = object.metadata.namespace ?? '';
  const paths = def.rules?.selectable?.cached ?? FIELDS[`${def.group}/${def.kind}`] ?? [];
  for (const path of paths) out[path] = fieldValue(object, path);
  return out;
}

/** Parses a field selector for a kind. Throws ApiError (BadRequest) naming a field the kind has not. */
export function fieldSelectorFor(def: KindDef, text: string): ParsedFieldSelector {
  const selector = parseFieldSelector(text);
  const special = def.rules?.selectable?.paths ?? FIELDS[`${def.group}/${def.kind}`];
  for (const { field } of selector) {
    if (field === 'metadata.name' || field === 'metadata.namespace') continue;
    if (special?.includes(field)) continue;
    if (special) throw badRequest(`field label not supported: ${field}`);
    const only = 'only "metadata.name", "metadata.namespace"';
    throw badRequest(`"${field}" is not a known field selector: ${only}`);
  }
  return selector;
}
