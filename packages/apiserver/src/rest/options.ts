/** The query parameters of the API's verbs. */
import {
  badRequest,
  type ExactInteger,
  exactInteger,
  type FieldValidation,
  fieldErrors,
  goQuote,
  invalid,
} from '@kubets/api';
import type { DeleteOptions } from '../registry/delete-options.ts';
import type { ListOptions } from '../registry/list-options.ts';

const MAX_FIELD_MANAGER_BYTES = 128;
const PROPAGATION = ['Foreground', 'Background', 'Orphan'];
const GROUP = 'meta.k8s.io';

/** Parses an integer parameter; undefined when it is absent. */
function intParam(query: URLSearchParams, name: string): ExactInteger | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`);
  }
  const value = BigInt(text.replace('+', ''));
  if (BigInt.asIntN(64, value) !== value) {
    throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: value out of range`);
  }
  return exactInteger(value);
}

/** An integer that is only counted with. */
function numberParam(query: URLSearchParams, name: string): number | undefined {
  const value = intParam(query, name);
  return value === undefined ? undefined : Number(value);
}

/** As the stock server reads booleans: anything but 0 and false. */
function boolParam(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  return text !== '0' && text.toLowerCase() !== 'false';
}

/** Refuses what clients of long ago ask for: passed over, it would give them more than they reckon with. @throws ApiError 400 */
export function refuseExport(query: URLSearchParams): void {
  if (boolParam(query, 'export') !== true) return;
  throw badRequest('the export parameter, deprecated since v1.14, is no longer supported');
}

export function listOptionsOf(query: URLSearchParams): ListOptions {
  return {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    limit: Number(intParam(query, 'limit') ?? 0),
    continueToken: query.get('continue') ?? '',
    allowWatchBookmarks: boolParam(query, 'allowWatchBookmarks') ?? false,
    sendInitialEvents: boolParam(query, 'sendInitialEvents'),
    timeoutSeconds: numberParam(query, 'timeoutSeconds'),
  };
}

/** What creates, updates and patches share. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly validation: FieldValidation;
  /** Only an apply may carry it. */
  readonly force: boolean;
  /** As they were sent, for admission. */
  readonly sent: Readonly<Record<string, unknown>>;
}

export type WriteOptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

/** @throws ApiError Invalid */
export function writeOptionsOf(
  query: URLSearchParams,
  kind: WriteOptionsKind,
  isApply = false,
): WriteOptions {
  const dryRun = query.getAll('dryRun').filter((each) => each !== '');
  const fieldManager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const force = boolParam(query, 'force');
  const errors = [
    ...(kind === 'PatchOptions' ? applyErrors(isApply, fieldManager, force) : []),
    ...fieldManagerErrors(fieldManager),
    ...dryRunErrors(dryRun),
    ...validationErrors(validation),
  ];
  if (errors.length > 0) throw invalid({ group: GROUP, kind }, '', errors);
  const mode = validation === 'Strict' || validation === 'Ignore' ? validation : 'Warn';
  const isForced = isApply && force === true;
  const sent = {
    ...(dryRun.length > 0 && { dryRun }),
    ...(fieldManager && { fieldManager }),
    ...(validation && { fieldValidation: validation }),
  };
  return { dryRun: dryRun.length > 0, fieldManager, validation: mode, force: isForced, sent };
}

function applyErrors(
  isApply: boolean,
  fieldManager: string,
  force: boolean | undefined,
): fieldErrors.FieldError[] {
  if (!isApply) {
    const why = 'may not be specified for non-apply patch';
    return force === undefined ? [] : [fieldErrors.forbidden('force', why)];
  }
  if (fieldManager !== '') return [];
  return [fieldErrors.required('fieldManager', 'is required for apply patch')];
}

function dryRunErrors(dryRun: readonly string[]): fieldErrors.FieldError[] {
  if (dryRun.every((each) => each === 'All')) return [];
  const shown = `[]string{${dryRun.map(goQuote).join(', ')}}`;
  const error = fieldErrors.notSupported('dryRun', shown, ['All']);
  return [verbatim(error, shown)];
}

/** The stock server prints this list as a Go literal, not as a quoted string. */
function verbatim(error: fieldErrors.FieldError, shown: string): fieldErrors.FieldError {
  const body = `Unsupported value: ${shown}: ${error.detail}`;
  return Object.assign(Object.create(fieldErrors.FieldError.prototype), error, {
    body: () => body,
    toString: () => `${error.field}: ${body}`,
  }) as fieldErrors.FieldError;
}

function fieldManagerErrors(manager: string): fieldErrors.FieldError[] {
  if (Buffer.byteLength(manager) > MAX_FIELD_MANAGER_BYTES) {
    return [fieldErrors.tooLong('fieldManager', manager, MAX_FIELD_MANAGER_BYTES)];
  }
  const at = [...manager].findIndex((char) => !/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char));
  if (at < 0) return [];
  const code = [...manager][at]?.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase().padStart(4, '0');
  const why = `invalid character U+${hex} (at position ${at})`;
  return [fieldErrors.invalid('fieldManager', manager, why)];
}

function validationErrors(value: string): fieldErrors.FieldError[] {
  const known = ['', 'Ignore', 'Strict', 'Warn'];
  if (known.includes(value)) return [];
  return [fieldErrors.notSupported('fieldValidation', value, known)];
}

/** The options of a delete: the body's, or else the query's. */
export function deleteOptionsOf(
  query: URLSearchParams,
  body: DeleteOptions | undefined,
): { options: DeleteOptions; dryRun: boolean } {
  const sent = body ?? {};
  const inBody = body !== undefined && Object.keys(body).length > 0;
  const options = inBody ? sent : queryDeleteOptions(query);
  const dryRun = inBody
    ? (sent.dryRun ?? query.getAll('dryRun'))
    : query.getAll('dryRun').filter((each) => each !== '');
  const errors = [...propagationErrors(options), ...dryRunErrors(dryRun)];
  if (errors.length > 0) throw invalid({ group: GROUP, kind: 'DeleteOptions' }, '', errors);
  return { options, dryRun: dryRun.length > 0 };
}

function queryDeleteOptions(query: URLSearchParams): DeleteOptions {
  const orphan = boolParam(query, 'orphanDependents');
  const policy = query.get('propagationPolicy');
  const uid = query.get('preconditions.uid') ?? undefined;
  const resourceVersion = query.get('preconditions.resourceVersion') ?? undefined;
  return {
    // As exact as in a body.
    gracePeriodSeconds: intParam(query, 'gracePeriodSeconds') as number | undefined,
    ...(policy ? { propagationPolicy: policy } : {}),
    ...(orphan !== undefined && { orphanDependents: orphan }),
    ...((uid || resourceVersion) && { preconditions: { uid, resourceVersion } }),
  };
}

function propagationErrors(o: DeleteOptions): fieldErrors.FieldError[] {
  const policy = o.propagationPolicy;
  if (policy === undefined || policy === null) return [];
  const field = 'propagationPolicy';
  if (o.orphanDependents !== undefined && o.orphanDependents !== null) {
    const why = 'orphanDependents and deletionPropagation cannot be both set';
    return [fieldErrors.invalid(field, policy, why)];
  }
  if (PROPAGATION.includes(policy)) return [];
  return [fieldErrors.notSupported(field, policy, [...PROPAGATION, 'nil'])];
}
