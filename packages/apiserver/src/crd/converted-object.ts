/** What a conversion webhook may make of an object (apiextensions-apiserver's webhook converter). */
import {
  aggregateText,
  type FieldError,
  isJsonObject,
  type JsonObject,
  type KubeObject,
  parseApiVersion,
  validateAnnotations,
  validateLabels,
} from '@kubets/api';
import { goType } from './go-values.ts';

/** The webhook answered, but not as it should have. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

export interface Expected {
  readonly apiVersion: string;
  /** Where the object is in the answer, counted from 0. */
  readonly index: number;
  /** Faults are told in other words when a list was asked for. */
  readonly isList: boolean;
}

const goVersion = (apiVersion = ''): string => {
  const { group, version } = parseApiVersion(apiVersion);
  return group === '' ? version : `${group}/${version}`;
};

/**
 * What came back for an object: of the right kind, and the same object. Of its metadata only labels and annotations count.
 * @throws RefusedError
 */
export function convertedObject(
  from: KubeObject,
  made: unknown,
  { apiVersion, index, isList }: Expected,
): KubeObject {
  // In a list the stock server has counted on by the time it looks inside.
  const at = isList ? `converted object at index ${index + 1}` : 'object at index 0';
  if (!isJsonObject(made)) {
    throw new RefusedError(`returned invalid converted object at index ${index}: no object`);
  }
  const to = made as unknown as KubeObject;
  if (to.apiVersion !== apiVersion) {
    const versions = `expected ${goVersion(apiVersion)}, received ${goVersion(to.apiVersion)}`;
    throw new RefusedError(`returned invalid ${at}: invalid groupVersion (${versions})`);
  }
  if (to.kind !== from.kind) {
    const kinds = `expected ${from.kind}, received ${to.kind}`;
    throw new RefusedError(`returned invalid ${at}: invalid kind (${kinds})`);
  }
  const identity = identityFault(from, made);
  if (identity !== undefined) {
    throw new RefusedError(`returned invalid ${isList ? at : 'object'}: ${identity}`);
  }
  const metadata = restored(from, made);
  if (typeof metadata === 'string') {
    const where = isList ? `metadata in object at index ${index + 1}` : 'metadata';
    throw new RefusedError(`returned invalid ${where}: ${metadata}`);
  }
  return { ...to, metadata };
}

function identityFault(from: KubeObject, made: JsonObject): string | undefined {
  const metadata = isJsonObject(made.metadata) ? made.metadata : {};
  for (const field of ['name', 'namespace', 'uid'] as const) {
    const [a, b] = [from.metadata[field] ?? '', metadata[field] ?? ''];
    const shown = field === 'uid' ? 'UID' : field;
    if (a !== b) return `must have the same ${shown}: ${a} != ${String(b)}`;
  }
  return undefined;
}

/** The metadata an object had, with the labels and annotations it came back with; or what is wrong with those. */
function restored(from: KubeObject, made: JsonObject): KubeObject['metadata'] | string {
  const { metadata } = made;
  if (metadata === undefined) return 'missing metadata in converted object';
  if (!isJsonObject(metadata))
    return `invalid metadata of type ${goType(metadata)} in converted object`;
  const { labels: _labels, annotations: _annotations, ...kept } = from.metadata;
  const out: KubeObject['metadata'] = { ...kept };
  for (const field of ['labels', 'annotations'] as const) {
    const value = metadata[field];
    if (value === undefined || value === null) continue;
    const fault = mapFault(field, value, from.metadata[field] ?? {});
    if (fault !== undefined) return fault;
    out[field] = value as Record<string, string>;
  }
  return out;
}

type MapField = 'labels' | 'annotations';

/** Only what the webhook changed must be valid: what was stored may be older than the rule. */
function mapFault(
  field: MapField,
  value: unknown,
  before: Record<string, string>,
): string | undefined {
  if (!isJsonObject(value)) {
    return `invalid metadata.${field} of type ${goType(value)} in converted object`;
  }
  for (const [key, one] of Object.entries(value)) {
    if (typeof one === 'string') continue;
    return `metadata.${field}[${key}] must be a string, but is ${goType(one)} in converted object`;
  }
  const after = value as Record<string, string>;
  const keys = Object.keys(after);
  const isSame =
    keys.length === Object.keys(before).length && keys.every((key) => before[key] === after[key]);
  if (isSame) return undefined;
  const errors: FieldError[] = [];
  if (field === 'labels') validateLabels(errors, 'metadata.labels', after);
  else validateAnnotations(errors, 'metadata.annotation', after);
  return errors.length === 0 ? undefined : aggregateText(errors);
}
