/** The options of lists and watches: checked, and compiled into a selection. */
import {
  fieldErrors,
  fieldSelectorFor,
  goQuote,
  invalid,
  type KindDef,
  matchesFields,
  matchesLabels,
  parseLabelSelector,
  requiredValue,
  selectableFields,
  unclassified,
} from '@kubets/api';
import { type CacheEntry, objectOf } from '../cache/entry.ts';
import type { Selection } from '../cache/selection.ts';
import { fromStorage, storedAsItself } from './convert.ts';
import { asksWebhook } from './presented.ts';

/** As in the API's ListOptions; numbers parsed by the edge, strings as sent. */
export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  readonly limit?: number;
  readonly continueToken?: string;
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean | undefined;
  readonly timeoutSeconds?: number | undefined;
}

const GROUP_KIND = { group: 'meta.k8s.io', kind: 'ListOptions' };
const MATCHES = ['Exact', 'NotOlderThan', ''];

/** Parses a resourceVersion; the stock server's text when it is no number. */
export function parseRevision(text: string): bigint {
  try {
    return parseVersion(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw unclassified(`resourceVersion: Invalid value: ${goQuote(text)}: ${why}`);
  }
}

/** The version an object or a query names; 0 for none. @throws ApiError 500 without a reason */
export function parseVersion(text: string): bigint {
  if (text === '') return 0n;
  const number = /^\d+$/.test(text) ? parseDigits(text) : undefined;
  if (number !== undefined && number <= MAX_UINT64) return number;
  const problem = number === undefined ? 'invalid syntax' : 'value out of range';
  throw unclassified(`strconv.ParseUint: parsing ${goQuote(text)}: ${problem}`);
}

const MAX_UINT64 = 2n ** 64n - 1n;

/** Of a text of any length in time that grows with its first digits only. */
function parseDigits(text: string): bigint {
  const digits = text.replace(/^0+(?=\d)/, '');
  return digits.length > 20 ? MAX_UINT64 + 1n : BigInt(digits);
}

/** @throws ApiError Invalid for combinations that make no sense */
export function checkListOptions(o: ListOptions, isWatch: boolean): void {
  const errors = isWatch ? watchErrors(o) : listErrors(o);
  if (errors.length > 0) throw invalid(GROUP_KIND, '', errors);
}

function listErrors(o: ListOptions): fieldErrors.FieldError[] {
  const { forbidden } = fieldErrors;
  const match = o.resourceVersionMatch ?? '';
  const version = o.resourceVersion ?? '';
  const field = 'resourceVersionMatch';
  const errors: fieldErrors.FieldError[] = [];
  if (o.sendInitialEvents !== undefined) {
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  if (match === '') return errors;
  if (version === '') {
    errors.push(forbidden(field, `${field} is forbidden unless resourceVersion is provided`));
  }
  if (o.continueToken) {
    errors.push(forbidden(field, `${field} is forbidden when continue is provided`));
  }
  if (!MATCHES.includes(match)) {
    errors.push(fieldErrors.notSupported(field, match, MATCHES));
  }
  if (match === 'Exact' && version === '0') {
    errors.push(
      forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    );
  }
  return errors;
}

function watchErrors(o: ListOptions): fieldErrors.FieldError[] {
  const { forbidden, notSupported } = fieldErrors;
  const field = 'resourceVersionMatch';
  const match = o.resourceVersionMatch ?? '';
  const errors: fieldErrors.FieldError[] = [];
  if (o.sendInitialEvents === undefined) {
    if (match !== '') {
      const why = `${field} is forbidden for watch unless sendInitialEvents is provided`;
      errors.push(forbidden(field, why));
    }
    return errors;
  }
  if (match !== 'NotOlderThan') {
    const why = `sendInitialEvents requires setting ${field} to NotOlderThan`;
    errors.push(forbidden(field, why));
    if (match !== '') errors.push(notSupported(field, match, ['NotOlderThan']));
  }
  if (o.sendInitialEvents && o.allowWatchBookmarks !== true) {
    // Bookmarks are how the end of the initial events is told.
    errors.push(forbidden('allowWatchBookmarks', 'sendInitialEvents requires bookmarks'));
  }
  return errors;
}

/** Compiles the selectors of a request. */
export function selectionOf(def: KindDef, namespace: string, o: ListOptions): Selection {
  const labels = parseLabelSelector(o.labelSelector ?? '');
  const fields = fieldSelectorFor(def, o.fieldSelector ?? '');
  const name = requiredValue(fields, 'metadata.name');
  const inNamespace = requiredValue(fields, 'metadata.namespace');
  const scope = namespace === '' && inNamespace !== undefined ? inNamespace : namespace;
  const nodeName = requiredValue(fields, 'spec.nodeName');
  const indexed =
    def.group === '' && def.resource === 'pods' && nodeName !== undefined
      ? { field: 'spec.nodeName', value: nodeName }
      : undefined;
  const anyLabels = labels.requirements.length === 0 && labels.nothing !== true;
  const selective = !anyLabels || fields.length > 0;
  const inScope = (entry: CacheEntry): boolean => namespace === '' || entry.namespace === namespace;
  const selected = (entry: CacheEntry): boolean =>
    (anyLabels || matchesLabels(labels, entry.labels)) &&
    (fields.length === 0 || matchesFields(fields, fieldsOf(def, entry)));
  const place = { namespace: scope, name, indexed, selective };
  if (selective && asksWebhook(def)) return { ...place, matches: inScope, shown: selected };
  return { ...place, matches: (entry) => inScope(entry) && selected(entry) };
}

/**
 * An entry's selectable fields as the request's version has them: a definition's versions have defaults of their own, and
 * the two groups of events name their fields differently.
 */
function fieldsOf(def: KindDef, entry: CacheEntry): Readonly<Record<string, string>> {
  if (storedAsItself(def) || asksWebhook(def)) return entry.fields;
  return selectableFields(def, fromStorage(def, objectOf(entry)));
}
