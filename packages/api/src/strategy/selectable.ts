/** The fields of each kind a field selector may name, and their values. */
import { type ApiError, badRequest } from '../errors.ts';
import { isNumeric } from '../exact-json.ts';
import { goQuote } from '../go-text.ts';
import { isJsonObject, type KubeObject } from '../meta.ts';
import { getOwn, setOwn } from '../own.ts';
import type { KindDef } from '../registry.ts';
import { type ParsedFieldSelector, parseFieldSelector } from '../selectors/fields.ts';

const NAME = 'metadata.name';
const NAMESPACE = 'metadata.namespace';
const BOTH: readonly string[] = [NAME, NAMESPACE];

/** All a selector may name, by `group/Kind`; other kinds take the name and the namespace. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '/Pod': [
    ...BOTH,
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
  '/Node': [NAME, 'spec.unschedulable'],
  '/Namespace': [NAME, 'status.phase'],
  '/Secret': [...BOTH, 'type'],
  '/Service': [...BOTH, 'spec.clusterIP', 'spec.type'],
  '/ReplicationController': [...BOTH, 'status.replicas'],
  '/Event': [
    ...BOTH,
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
    ...BOTH,
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
  'batch/Job': [...BOTH, 'status.successful'],
  'certificates.k8s.io/CertificateSigningRequest': [NAME, 'spec.signerName'],
};

/** Older names that mean the same. */
const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '/Pod': { 'spec.host': 'spec.nodeName' },
};

/** May be named, but has no value. */
const WITHOUT_VALUE = 'status.podIPs';

function valueAt(object: unknown, path: string): string {
  let at: unknown = object;
  for (const step of path.split('.')) {
    if (!isJsonObject(at)) return '';
    at = getOwn(at, step);
  }
  if (typeof at === 'string') return at;
  if (isNumeric(at) || typeof at === 'boolean') return String(at);
  return '';
}

const BOOLEANS: ReadonlySet<string> = new Set(['spec.hostNetwork', 'spec.unschedulable']);
const NUMBERS: ReadonlySet<string> = new Set(['status.replicas', 'status.successful']);

function fieldValue(object: KubeObject, path: string): string {
  switch (path) {
    case 'source':
      return valueAt(object, 'source.component') || valueAt(object, 'reportingComponent');
    case 'status.successful':
      return valueAt(object, 'status.succeeded') || '0';
    default: {
      const value = valueAt(object, path);
      if (value === '' && BOOLEANS.has(path)) return 'false';
      return value === '' && NUMBERS.has(path) ? '0' : value;
    }
  }
}

/** The values a field selector sees. Missing values are empty strings. */
export function selectableFields(def: KindDef, object: KubeObject): Record<string, string> {
  const out: Record<string, string> = { [NAME]: object.metadata.name ?? '' };
  if (def.namespaced) out[NAMESPACE] = object.metadata.namespace ?? '';
  const paths = def.rules?.selectable?.cached ?? FIELDS[`${def.group}/${def.kind}`] ?? [];
  for (const path of paths) {
    if (BOTH.includes(path)) continue;
    setOwn(out, path, path === WITHOUT_VALUE ? '' : fieldValue(object, path));
  }
  return out;
}

function unknownField(def: KindDef, field: string, special: boolean): ApiError {
  if (`${def.group}/${def.kind}` === 'batch/Job') {
    return badRequest(`field label ${goQuote(field)} not supported for batchv1.Job`);
  }
  if (special) return badRequest(`field label not supported: ${field}`);
  const only = 'only "metadata.name", "metadata.namespace"';
  return badRequest(`${goQuote(field)} is not a known field selector: ${only}`);
}

function fieldsOf(def: KindDef): readonly string[] | undefined {
  const custom = def.rules?.selectable?.paths;
  if (custom) return [NAME, ...(def.namespaced ? [NAMESPACE] : []), ...custom];
  return FIELDS[`${def.group}/${def.kind}`];
}

/** Parses a field selector for a kind. Throws ApiError (BadRequest) naming a field the kind has not. */
export function fieldSelectorFor(def: KindDef, text: string): ParsedFieldSelector {
  const special = fieldsOf(def);
  const renamed = RENAMED[`${def.group}/${def.kind}`] ?? {};
  return parseFieldSelector(text).map((term) => {
    const field = getOwn(renamed, term.field) ?? term.field;
    if (!(special ?? BOTH).includes(field)) throw unknownField(def, field, special !== undefined);
    return { ...term, field };
  });
}
