/** Definitions of custom resources, without their schemas: names, versions, scope. */
import { GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import type { Errors } from './common.ts';
import { dns1035Label, dns1123Subdomain } from './names.ts';

/** Several complaints about one name are told as one. */
function validateName(errors: Errors, path: string, name: string, before = ''): void {
  const messages = dns1035Label(before === '' ? name : name.toLowerCase());
  if (messages.length > 0) errors.push(invalid(path, name, before + messages.join(',')));
}

const MIXED_CASE = 'may have mixed case, but should otherwise match: ';

function validateNames(errors: Errors, names: Partial<CustomResourceDefinitionNames>): void {
  const path = 'spec.names';
  const { plural = '', singular = '', kind = '', listKind = '' } = names;
  for (const [field, value] of Object.entries({ plural, singular, kind, listKind })) {
    if (value === '') errors.push(required(`${path}.${field}`));
  }
  if (plural !== '') validateName(errors, `${path}.plural`, plural);
  if (singular !== '') validateName(errors, `${path}.singular`, singular);
  if (kind !== '') validateName(errors, `${path}.kind`, kind, MIXED_CASE);
  if (listKind !== '') validateName(errors, `${path}.listKind`, listKind, MIXED_CASE);
  (names.shortNames ?? []).forEach((name, i) => {
    validateName(errors, `${path}.shortNames[${i}]`, name);
  });
  if (kind !== '' && kind === listKind) {
    errors.push(invalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same'));
  }
  (names.categories ?? []).forEach((name, i) => {
    validateName(errors, `${path}.categories[${i}]`, name);
  });
}

/** A version as Go prints its structure, after what all versions share has moved out of it. */
function versionText(type: string, v: CustomResourceDefinitionVersion): string {
  const flags = `Served:${v.served}, Storage:${v.storage}, Deprecated:${v.deprecated ?? false}`;
  const parts = [
    'DeprecationWarning:(*string)(nil)',
    'Schema:(*apiextensions.CustomResourceValidation)(nil)',
    'Subresources:(*apiextensions.CustomResourceSubresources)(nil)',
    'AdditionalPrinterColumns:[]apiextensions.CustomResourceColumnDefinition(nil)',
    'SelectableFields:[]apiextensions.SelectableField(nil)',
  ];
  return `${type}{Name:${goQuote(v.name)}, ${flags}, ${parts.join(', ')}}`;
}

function validateGroup(errors: Errors, group: string | undefined): void {
  const path = 'spec.group';
  if (!group) {
    errors.push(required(path));
    return;
  }
  const messages = dns1123Subdomain(group);
  if (messages.length > 0) errors.push(invalid(path, group, messages.join(',')));
  else if (!group.includes('.')) {
    errors.push(invalid(path, group, 'should be a domain with at least one dot'));
  }
}

const MAX_WARNING = 256;

/** What is wrong with a warning; characters are counted in bytes. */
function warningProblem({ deprecated, deprecationWarning }: Version): string | undefined {
  if (deprecationWarning === undefined) return undefined;
  if (!deprecated) return 'can only be set for deprecated versions';
  if (Buffer.byteLength(deprecationWarning) > MAX_WARNING) {
    return `must be <= ${MAX_WARNING} characters long`;
  }
  if (deprecationWarning === '') return 'must not be an empty string';
  const at = /[^\P{C}]|[^\P{Z}]/u.exec(deprecationWarning.replaceAll(' ', '_'))?.index;
  if (at === undefined) return undefined;
  const index = Buffer.byteLength(deprecationWarning.slice(0, at));
  return `must only contain printable UTF-8 characters; non-printable character found at index ${index}`;
}

type Version = CustomResourceDefinitionVersion;

function validateVersions(errors: Errors, versions: readonly Version[]): void {
  const path = 'spec.versions';
  versions.forEach((v, i) => {
    if (v.schema?.openAPIV3Schema) return;
    errors.push(required(`${path}[${i}].schema.openAPIV3Schema`, 'schemas are required'));
  });
  versions.forEach((v, i) => {
    validateName(errors, `${path}[${i}].name`, v.name);
    const problem = warningProblem(v);
    if (problem === undefined) return;
    errors.push(invalid(`${path}[${i}].deprecationWarning`, v.deprecationWarning, problem));
  });
  const type = 'apiextensions.CustomResourceDefinitionVersion';
  const shown = new GoText(`[]${type}{${versions.map((v) => versionText(type, v)).join(', ')}}`);
  if (new Set(versions.map((v) => v.name)).size < versions.length) {
    errors.push(invalid(path, shown, 'must contain unique version names'));
  }
  if (versions.filter((v) => v.storage).length !== 1) {
    const why = 'must have exactly one version marked as storage version';
    errors.push(invalid(path, shown, why));
  }
}

export function validateCustomResource(errors: Errors, crd: CustomResourceDefinition): void {
  const spec = crd.spec;
  const wanted = `${spec.names?.plural}.${spec.group}`;
  if (crd.metadata.name !== wanted) {
    const why = 'must be spec.names.plural+"."+spec.group';
    errors.push(invalid('metadata.name', crd.metadata.name ?? '', why));
  }
  validateGroup(errors, spec.group);
  const scopes = ['Cluster', 'Namespaced'];
  if (!spec.scope) errors.push(required('spec.scope'));
  else if (!scopes.includes(spec.scope)) {
    errors.push(notSupported('spec.scope', spec.scope, scopes));
  }
  validateVersions(errors, spec.versions ?? []);
  validateNames(errors, spec.names ?? {});
  if (spec.preserveUnknownFields) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalid('spec.preserveUnknownFields', true, why));
  }
  if (/(^|\.)(k8s\.io|kubernetes\.io)$/.test(spec.group ?? '')) {
    const key = 'api-approved.kubernetes.io';
    if (!crd.metadata.annotations?.[key]) {
      const link = 'https://github.com/kubernetes/enhancements/pull/1111';
      const why = `protected groups must have approval annotation "${key}", see ${link}`;
      errors.push(required(`metadata.annotations[${key}]`, why));
    }
  }
}
