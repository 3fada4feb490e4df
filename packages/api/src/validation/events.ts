/**
 * Events, in both of their groups. The older group takes almost anything, for clients of old; what the newer one takes has all
 * it should, and changes in its series alone. Messages name the fields as the older group does, as upstream's do.
 */
import { semanticEqual } from '../equal.ts';
import { GoText, invalid, required } from '../field-error.ts';
import type { Event, EventEvents, EventSource, ObjectReference } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { addMessages, type Errors, IMMUTABLE } from './common.ts';
import { dns1123Subdomain, qualifiedName } from './names.ts';

const MAX_TEXT = 128;
const MAX_NOTE = 1024;

/** An event of either group. */
interface Facts {
  readonly namespace: string;
  readonly involvedObject: ObjectReference | undefined;
  readonly eventTime: string | undefined;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  readonly reason: string;
  readonly message: string;
}

const text = (value: string | undefined | null): string => value ?? '';

export function validateCoreEvent(errors: Errors, e: Event): void {
  const facts = {
    namespace: text(e.metadata.namespace),
    involvedObject: e.involvedObject,
    eventTime: e.eventTime,
    reportingController: text(e.reportingComponent),
    ...{ reportingInstance: text(e.reportingInstance), action: text(e.action) },
    ...{ reason: text(e.reason), message: text(e.message) },
  };
  validateFacts(errors, facts, 'reportingComponent');
}

export function validateEvent(errors: Errors, e: EventEvents): void {
  const facts = {
    namespace: text(e.metadata.namespace),
    involvedObject: e.regarding,
    eventTime: e.eventTime,
    reportingController: text(e.reportingController),
    ...{ reportingInstance: text(e.reportingInstance), action: text(e.action) },
    ...{ reason: text(e.reason), message: text(e.note) },
  };
  validateFacts(errors, facts, 'reportingController');
}

function validateFacts(errors: Errors, e: Facts, controllerField: string): void {
  const about = text(e.involvedObject?.namespace);
  const isOld = !e.eventTime;
  const isHomeless =
    e.namespace === '' || e.namespace === 'default' || (!isOld && e.namespace === 'kube-system');
  const fits = about === '' ? isHomeless : !isOld || about === e.namespace;
  if (!fits) {
    errors.push(invalid('involvedObject.namespace', about, 'does not match event.namespace'));
  }
  if (!isOld) validateReport(errors, e, controllerField);
  addMessages(errors, 'namespace', e.namespace, dns1123Subdomain(e.namespace));
}

/** Who reported, and what: told of whatever has a time of its own. */
function validateReport(errors: Errors, e: Facts, controllerField: string): void {
  const controller = e.reportingController;
  if (controller === '') errors.push(required(controllerField));
  addMessages(errors, controllerField, controller, qualifiedName(controller));
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    const length = Buffer.byteLength(e[field]);
    if (length === 0) errors.push(required(field));
    if (length > MAX_TEXT) errors.push(tooManyCharacters(field, MAX_TEXT));
  }
  if (Buffer.byteLength(e.message) > MAX_NOTE) errors.push(tooManyCharacters('message', MAX_NOTE));
}

const tooManyCharacters = (field: string, most: number) =>
  invalid(field, '', `can have at most ${most} characters`);

export function validateNewEvent(errors: Errors, e: EventEvents): void {
  validateSeries(errors, e);
  if (!e.eventTime) errors.push(required('eventTime'));
  if (e.type !== 'Normal' && e.type !== 'Warning') {
    errors.push(invalid('type', '', `has invalid value: ${e.type ?? ''}`));
  }
  const { component, host } = e.deprecatedSource ?? {};
  const old: readonly [string, unknown][] = [
    ['firstTimestamp', e.deprecatedFirstTimestamp],
    ['lastTimestamp', e.deprecatedLastTimestamp],
    ['count', e.deprecatedCount],
    ['source', component || host],
  ];
  for (const [field, value] of old) {
    if (value) errors.push(invalid(field, '', 'needs to be unset'));
  }
}

function validateSeries(errors: Errors, { series }: EventEvents): void {
  if (!series) return;
  if ((series.count ?? 0) < 2) errors.push(invalid('series.count', '', 'should be at least 2'));
  if (!series.lastObservedTime) errors.push(required('series.lastObservedTime'));
}

/** What an event says never changes. The reason is looked at twice: upstream's answers repeat it. */
const FIXED: readonly [string, (e: EventEvents) => unknown, show: (value: never) => unknown][] = [
  ['involvedObject', (e) => e.regarding, goReference],
  ['reason', (e) => text(e.reason), same],
  ['message', (e) => text(e.note), same],
  ['source', (e) => e.deprecatedSource, goSource],
  ['firstTimestamp', (e) => e.deprecatedFirstTimestamp, goTime],
  ['lastTimestamp', (e) => e.deprecatedLastTimestamp, goTime],
  ['count', (e) => e.deprecatedCount ?? 0, same],
  ['reason', (e) => text(e.reason), same],
  ['type', (e) => text(e.type), same],
  ['eventTime', (e) => e.eventTime ?? undefined, goTime],
  ['action', (e) => text(e.action), same],
  ['related', (e) => e.related, goRelated],
  ['reportingController', (e) => text(e.reportingController), same],
  ['reportingInstance', (e) => text(e.reportingInstance), same],
];

export function validateEventUpdate(errors: Errors, e: EventEvents, old: EventEvents): void {
  if (!semanticEqual(e.series, old.series)) validateSeries(errors, e);
  for (const [field, read, show] of FIXED) {
    const now = read(e);
    if (semanticEqual(now, read(old))) continue;
    errors.push(invalid(field, show(now as never), IMMUTABLE));
  }
}

function same(value: string | number): string | number {
  return value;
}

function goReference(ref: ObjectReference | undefined): GoText {
  const { kind, namespace, name, uid, apiVersion, resourceVersion, fieldPath } = ref ?? {};
  const parts = Object.entries({
    ...{ Kind: kind, Namespace: namespace, Name: name, UID: uid, APIVersion: apiVersion },
    ...{ ResourceVersion: resourceVersion, FieldPath: fieldPath },
  }).map(([field, value]) => `${field}:${goQuote(value ?? '')}`);
  return new GoText(`core.ObjectReference{${parts.join(', ')}}`);
}

function goRelated(ref: ObjectReference | undefined): GoText {
  return ref ? goReference(ref) : new GoText('null');
}

function goSource(source: EventSource | undefined): GoText {
  const { component = '', host = '' } = source ?? {};
  return new GoText(`core.EventSource{Component:${goQuote(component)}, Host:${goQuote(host)}}`);
}

/** A time as Go prints it: `2024-01-02 03:04:05.6 +0000 UTC`. */
function goTime(time: string | undefined): GoText {
  if (!time) return new GoText('0001-01-01 00:00:00 +0000 UTC');
  const [, day = '', clock = '', fraction = ''] =
    /^([\d-]+)T([\d:]+)(?:\.(\d+?)0*)?Z$/.exec(time) ?? [];
  return new GoText(`${day} ${clock}${fraction === '' ? '' : `.${fraction}`} +0000 UTC`);
}
