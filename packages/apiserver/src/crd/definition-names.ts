/** Names and versions of definitions. */
import {
  type CustomResourceDefinitionNames,
  type CustomResourceDefinitionVersion,
  fieldErrors,
  goQuote,
  names,
} from '@kubets/api';

type Errors = fieldErrors.FieldError[];
const { invalid, required } = fieldErrors;
const { dns1035Label, dns1123Subdomain } = names;

/** Several complaints about one name are told as one. */
function validateName(errors: Errors, path: string, name: string, before = ''): void {
  const messages = dns1035Label(before === '' ? name : name.toLowerCase());
  if (messages.length > 0) errors.push(invalid(path, name, before + messages.join(',')));
}

const MIXED_CASE = 'may have mixed case, but should otherwise match: ';

type Names = Partial<CustomResourceDefinitionNames>;

/** A definition has to ask for all of its names. */
export function missingNames(errors: Errors, path: string, given: Names): void {
  const { plural = '', singular = '', kind = '', listKind = '' } = given;
  for (const [field, value] of Object.entries({ plural, singular, kind, listKind })) {
    if (value === '') errors.push(required(`${path}.${field}`));
  }
}

/** What is wrong with names, those that are asked for or those that were given. */
export function nameErrors(errors: Errors, path: string, given: Names): void {
  const { plural = '', singular = '', kind = '', listKind = '' } = given;
  if (plural !== '') validateName(errors, `${path}.plural`, plural);
  if (singular !== '') validateName(errors, `${path}.singular`, singular);
  if (kind !== '') validateName(errors, `${path}.kind`, kind, MIXED_CASE);
  if (listKind !== '') validateName(errors, `${path}.listKind`, listKind, MIXED_CASE);
  (given.shortNames ?? []).forEach((name, i) => {
    validateName(errors, `${path}.shortNames[${i}]`, name);
  });
  if (kind !== '' && kind === listKind) {
    errors.push(invalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same'));
  }
  (given.categories ?? []).forEach((name, i) => {
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

/** A group is a domain. */
export function groupErrors(errors: Errors, group: string | undefined): void {
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

type Version = CustomResourceDefinitionVersion;

/** What is wrong with a version's warning; characters are counted in bytes. */
export function warningProblems({ deprecated, deprecationWarning }: Version): string[] {
  if (deprecationWarning === undefined) return [];
  if (!deprecated) return ['can only be set for deprecated versions'];
  const problems: string[] = [];
  if (Buffer.byteLength(deprecationWarning) > MAX_WARNING) {
    problems.push(`must be <= ${MAX_WARNING} characters long`);
  }
  if (deprecationWarning === '') problems.push('must not be an empty string');
  const at = /[^\P{C}]|[^\P{Z}]/u.exec(deprecationWarning.replaceAll(' ', '_'))?.index;
  if (at === undefined) return problems;
  const index = Buffer.byteLength(deprecationWarning.slice(0, at));
  const why = `must only contain printable UTF-8 characters; non-printable character found at index ${index}`;
  return [...problems, why];
}

/** What is wrong with the name of a version. */
export const versionNameErrors = (errors: Errors, path: string, name: string): void =>
  validateName(errors, path, name);

/** Versions differ, and one of them is stored. */
export function versionSetErrors(errors: Errors, versions: readonly Version[]): void {
  const path = 'spec.versions';
  const type = 'apiextensions.CustomResourceDefinitionVersion';
  const texts = versions.map((v) => versionText(type, v));
  const shown = new fieldErrors.GoText(`[]${type}{${texts.join(', ')}}`);
  if (new Set(versions.map((v) => v.name)).size < versions.length) {
    errors.push(invalid(path, shown, 'must contain unique version names'));
  }
  if (versions.filter((v) => v.storage).length !== 1) {
    const why = 'must have exactly one version marked as storage version';
    errors.push(invalid(path, shown, why));
  }
}
