/** Validation of `metadata`, for creation and for update. */
import { semanticEqual } from '../equal.ts';
import { type FieldError, forbidden, GoText, invalid, required, tooLong } from '../field-error.ts';
import type { ObjectMeta, OwnerReference } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { MAX_ANNOTATIONS_BYTES } from '../limits.ts';
import { parseApiVersion } from '../meta.ts';
import { addMessages, type Errors, IMMUTABLE, notNegative, validateLabels } from './common.ts';
import { goStrings } from './go-dump.ts';
import { dns1123Label, pathSegmentName, qualifiedName } from './names.ts';

export type NameRule = (name: string) => string[];

export interface MetadataRules {
  namespaced: boolean;
  name: NameRule;
}

/** A prefix may end in a dash, since something follows it. */
export function maskTrailingDash(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix;
}

export function validateAnnotations(
  errors: Errors,
  path: string,
  annotations: Record<string, string> | undefined,
): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    addMessages(errors, path, key, qualifiedName(key.toLowerCase()));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MAX_ANNOTATIONS_BYTES) errors.push(tooLong(path, '', MAX_ANNOTATIONS_BYTES));
}

function ownerText(o: OwnerReference): string {
  const flag = (b: boolean | undefined) => (b === undefined ? '(nil)' : '(0xc000000000)');
  const names = `APIVersion:${goQuote(o.apiVersion)}, Kind:${goQuote(o.kind)}, Name:${goQuote(o.name)}`;
  const flags = `Controller:(*bool)${flag(o.controller)}, BlockOwnerDeletion:(*bool)${flag(o.blockOwnerDeletion)}`;
  return `v1.OwnerReference{${names}, UID:${goQuote(o.uid)}, ${flags}}`;
}

function validateOwner(errors: Errors, path: string, o: OwnerReference): void {
  const { group, version } = parseApiVersion(o.apiVersion);
  if (version === '') {
    errors.push(invalid(`${path}.apiVersion`, o.apiVersion, 'version must not be empty'));
  }
  if (!o.kind) errors.push(invalid(`${path}.kind`, o.kind, 'kind must not be empty'));
  if (!o.name) errors.push(invalid(`${path}.name`, o.name, 'name must not be empty'));
  if (!o.uid) errors.push(invalid(`${path}.uid`, o.uid, 'uid must not be empty'));
  if (o.kind === 'Event' && (group === '' || group === 'events.k8s.io')) {
    const what = `${group}/${version}, Kind=${o.kind} is disallowed from being an owner`;
    errors.push(invalid(path, new GoText(ownerText(o)), what));
  }
}

function validateOwners(errors: Errors, owners: OwnerReference[] | undefined): void {
  const path = 'metadata.ownerReferences';
  let controller = '';
  for (const o of owners ?? []) {
    validateOwner(errors, path, o);
    if (!o.controller) continue;
    const name = `${o.kind}/${o.name}`;
    if (controller !== '') {
      const all = `[]v1.OwnerReference{${(owners ?? []).map(ownerText).join(', ')}}`;
      const found = `Found "true" in references for ${controller} and ${name}`;
      const why = `Only one reference can have Controller set to true. ${found}`;
      errors.push(invalid(path, new GoText(all), why));
    } else {
      controller = name;
    }
  }
}

const FINALIZERS = 'metadata.finalizers';
/** Finalizers without a domain. */
export const BARE_FINALIZERS: readonly string[] = ['orphan', 'foregroundDeletion', 'kubernetes'];

function validateFinalizers(errors: Errors, finalizers: string[] | undefined): void {
  for (const f of finalizers ?? []) addMessages(errors, FINALIZERS, f, qualifiedName(f));
  if (finalizers?.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const why = 'finalizer orphan and foregroundDeletion cannot be both set';
    errors.push(invalid(FINALIZERS, goStrings(finalizers), why));
  }
}

/**
 * Groups whose kinds take any name for a finalizer. Theirs are checked by apimachinery's rules alone; all other built-in
 * kinds by those of the core group, which wants a domain in front.
 */
const PLAIN_GROUPS: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'coordination.k8s.io',
  'internal.apiserver.k8s.io',
  'node.k8s.io',
  'policy',
]);

export const takesBareFinalizers = (group: string, isCustom: boolean): boolean =>
  isCustom || PLAIN_GROUPS.has(group);

export const isBareFinalizer = (name: string): boolean =>
  !name.includes('/') && !BARE_FINALIZERS.includes(name);

/** Finalizers need a domain, but for the well-known ones. */
export function validateBareFinalizers(meta: ObjectMeta): FieldError[] {
  const why = 'name is neither a standard finalizer name nor is it fully qualified';
  return (meta.finalizers ?? []).flatMap((name, i) =>
    isBareFinalizer(name) ? [invalid(`${FINALIZERS}[${i}]`, name, why)] : [],
  );
}

function validateNames(errors: Errors, meta: ObjectMeta, rules: MetadataRules): void {
  if (meta.generateName) {
    const messages = rules.name(maskTrailingDash(meta.generateName));
    addMessages(errors, 'metadata.generateName', meta.generateName, messages);
  }
  if (!meta.name) errors.push(required('metadata.name', 'name or generateName is required'));
  else addMessages(errors, 'metadata.name', meta.name, rules.name(meta.name));
  if (!rules.namespaced) {
    if (meta.namespace) {
      errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
    }
    return;
  }
  if (!meta.namespace) errors.push(required('metadata.namespace'));
  else addMessages(errors, 'metadata.namespace', meta.namespace, dns1123Label(meta.namespace));
}

function validateContent(errors: Errors, meta: ObjectMeta): void {
  notNegative(errors, 'metadata.generation', meta.generation);
  validateLabels(errors, 'metadata.labels', meta.labels);
  validateAnnotations(errors, 'metadata.annotations', meta.annotations);
  validateOwners(errors, meta.ownerReferences);
  validateFinalizers(errors, meta.finalizers);
}

/** Checks a whole `metadata`. */
export function validateMetadata(meta: ObjectMeta, rules: MetadataRules): FieldError[] {
  const errors: Errors = [];
  validateNames(errors, meta, rules);
  validateContent(errors, meta);
  return errors;
}

/** What the stock server checks of the metadata of every update besides what changed (rest.BeforeUpdate). */
export function validateMetadataContent(meta: ObjectMeta): FieldError[] {
  const errors: Errors = [];
  validateContent(errors, meta);
  return errors;
}

/** The check every kind gets besides its own: a name must be one segment of a path. */
export function validatePathName(name: string | undefined): FieldError[] {
  const errors: Errors = [];
  if (name) addMessages(errors, 'metadata.name', name, pathSegmentName(name));
  return errors;
}

function validateNoNewFinalizers(errors: Errors, meta: ObjectMeta, old: ObjectMeta): void {
  if (!old.deletionTimestamp) return;
  const added = (meta.finalizers ?? []).filter((f) => !old.finalizers?.includes(f));
  if (added.length === 0) return;
  const found = `found new finalizers ${goStrings(added).text}`;
  const why = `no new finalizers can be added if the object is being deleted, ${found}`;
  errors.push(forbidden(FINALIZERS, why));
}

/** Checks what an update does to `metadata`. */
export function validateMetadataUpdate(meta: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: Errors = [];
  validateNoNewFinalizers(errors, meta, old);
  if (meta.generation !== undefined && meta.generation < (old.generation ?? 0)) {
    errors.push(invalid('metadata.generation', meta.generation, 'must not be decremented'));
  }
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp'] as const) {
    if (!semanticEqual(meta[field] || undefined, old[field] || undefined)) {
      errors.push(invalid(`metadata.${field}`, meta[field] ?? '', IMMUTABLE));
    }
  }
  for (const field of ['deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (!semanticEqual(meta[field], old[field])) {
      const value = meta[field] ?? null;
      const shown = field === 'deletionTimestamp' ? new GoText(String(value)) : value;
      errors.push(invalid(`metadata.${field}`, shown, IMMUTABLE));
    }
  }
  validateLabels(errors, 'metadata.labels', meta.labels);
  validateAnnotations(errors, 'metadata.annotations', meta.annotations);
  validateOwners(errors, meta.ownerReferences);
  return errors;
}
