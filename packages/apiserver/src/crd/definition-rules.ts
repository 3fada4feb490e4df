/** What a definition must be, in the order and words of the stock server. */
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import {
  type CustomResourceDefinition,
  type CustomResourceDefinitionVersion,
  fieldErrors,
  type KindRules,
  type SelectableField,
} from '@kubets/api';
import { approvalOf, isEstablished, isProtectedGroup } from './conditions.ts';
import { conversionErrors } from './conversion-rules.ts';
import {
  groupErrors,
  missingNames,
  nameErrors,
  versionNameErrors,
  versionSetErrors,
  warningProblems,
} from './definition-names.ts';

type Definition = CustomResourceDefinition;
type Version = CustomResourceDefinitionVersion;
type FieldError = fieldErrors.FieldError;
const { duplicate, invalid, notSupported, required, tooMany } = fieldErrors;

const load = createRequire(import.meta.url);

/** The rules of the kind CustomResourceDefinition itself. */
export const DEFINITION_RULES: KindRules = {
  prepareForUpdate(object, _old, subresource) {
    if (subresource === '') keepStoredVersion(object as Definition);
  },
  validateCreate: (object) => definitionErrors(object as Definition),
  validateUpdate(object, old, subresource) {
    const crd = object as Definition;
    if (subresource !== '') return acceptedNameErrors(crd);
    return definitionErrors(crd, old as Definition);
  },
};

/** A version that becomes the stored one is remembered until its objects have been rewritten. */
function keepStoredVersion(crd: Definition): void {
  const stored = crd.spec.versions.find((version) => version.storage)?.name;
  const known = crd.status?.storedVersions ?? [];
  if (stored === undefined || known.includes(stored)) return;
  crd.status = { ...crd.status, storedVersions: [...known, stored] };
}

function definitionErrors(crd: Definition, old?: Definition): FieldError[] {
  const errors: FieldError[] = [];
  const { spec } = crd;
  const wanted = `${spec.names?.plural}.${spec.group}`;
  if (old === undefined && crd.metadata.name !== wanted) {
    const why = 'must be spec.names.plural+"."+spec.group';
    errors.push(invalid('metadata.name', crd.metadata.name ?? '', why));
  }
  specErrors(errors, crd, old);
  if (old !== undefined) changeErrors(errors, crd, old);
  errors.push(...acceptedNameErrors(crd));
  storedVersionErrors(errors, crd);
  approvalErrors(errors, crd, old);
  if (spec.preserveUnknownFields && !old?.spec.preserveUnknownFields) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalid('spec.preserveUnknownFields', true, why));
  }
  return errors;
}

const SCOPES = ['Cluster', 'Namespaced'];

function specErrors(errors: FieldError[], crd: Definition, old: Definition | undefined): void {
  const { spec } = crd;
  const versions = spec.versions ?? [];
  groupErrors(errors, spec.group);
  if (!spec.scope) errors.push(required('spec.scope'));
  else if (!SCOPES.includes(spec.scope)) {
    errors.push(notSupported('spec.scope', spec.scope, SCOPES));
  }
  versions.forEach((version, i) => {
    if (version.schema?.openAPIV3Schema) return;
    const at = `spec.versions[${i}].schema.openAPIV3Schema`;
    errors.push(required(at, 'schemas are required'));
  });
  const parts = partsOf(versions);
  const looks = { parts, old, hasStatus: versions.some((one) => one.subresources?.status) };
  versions.forEach((version, i) => {
    versionNameErrors(errors, `spec.versions[${i}].name`, version.name);
    for (const problem of warningProblems(version)) {
      const at = `spec.versions[${i}].deprecationWarning`;
      errors.push(invalid(at, version.deprecationWarning, problem));
    }
    const hasStatus = version.subresources?.status !== undefined;
    versionErrors(errors, version, { ...looks, hasStatus, place: i });
  });
  versionSetErrors(errors, versions);
  missingNames(errors, 'spec.names', spec.names ?? {});
  nameErrors(errors, 'spec.names', spec.names ?? {});
  const [first] = versions;
  if (first !== undefined) versionErrors(errors, first, { ...looks, place: 'shared' });
  const isOpen = spec.preserveUnknownFields === true;
  if (isOpen && spec.conversion && spec.conversion.strategy !== 'None') {
    const why = 'must be None if spec.preserveUnknownFields is true';
    errors.push(invalid('spec.conversion.strategy', spec.conversion.strategy, why));
  }
  conversionErrors(errors, spec.conversion, old);
}

const PARTS = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const;
type Part = (typeof PARTS)[number];

/** What all versions share stands at the top, where older clients had it. */
function partsOf(versions: readonly Version[]): ReadonlySet<Part> {
  const isShared = (part: Part): boolean =>
    versions.every((one) => isDeepStrictEqual(one[part], versions[0]?.[part]));
  return new Set(PARTS.filter(isShared));
}

interface Look {
  /** Parts all versions share. */
  readonly parts: ReadonlySet<Part>;
  readonly old: Definition | undefined;
  readonly hasStatus: boolean;
  /** Which version it is, or what all share. */
  readonly place: number | 'shared';
}

function versionErrors(errors: FieldError[], version: Version, look: Look): void {
  const { place } = look;
  const isHere = (part: Part): boolean => look.parts.has(part) === (place === 'shared');
  const at = place === 'shared' ? 'spec' : `spec.versions[${place}]`;
  const schema = version.schema?.openAPIV3Schema;
  const schemaAt = place === 'shared' ? 'spec.validation' : `${at}.schema`;
  if (isHere('schema') && schema !== undefined) {
    const before = look.old?.spec.versions.find(({ name }) => name === version.name);
    const isUnchanged = isDeepStrictEqual(before?.schema, version.schema);
    const { schemaErrors } = load('./schema-rules.ts') as typeof import('./schema-rules.ts');
    const context = { hasStatus: look.hasStatus, isUnchanged };
    errors.push(...schemaErrors(schema, `${schemaAt}.openAPIV3Schema`, context));
  }
  if (isHere('subresources')) subresourceErrors(errors, version, `${at}.subresources`);
  if (isHere('additionalPrinterColumns')) {
    columnErrors(errors, version, `${at}.additionalPrinterColumns`);
  }
  const selectable = version.selectableFields ?? [];
  if (!isHere('selectableFields') || selectable.length === 0) return;
  if (schema !== undefined) {
    selectableErrors(errors, selectable, { schema, path: `${at}.selectableFields` });
  } else {
    const why =
      'selectableFields may only be set when version.schema.openAPIV3Schema is not included';
    errors.push(invalid(`${at}.selectableFields`, '', why));
  }
}

const SELECTABLE = ['string', 'boolean', 'integer'];
const MAX_SELECTABLE = 8;

function selectableErrors(
  errors: FieldError[],
  fields: readonly SelectableField[],
  o: { schema: object; path: string },
): void {
  const { fieldPath } = load('./field-path.ts') as typeof import('./field-path.ts');
  const seen = new Set<string>();
  fields.forEach(({ jsonPath = '' }, i) => {
    const at = `${o.path}[${i}].jsonPath`;
    if (jsonPath === '') {
      errors.push(required(at));
      return;
    }
    const found = fieldPath(jsonPath, o.schema, false);
    if (typeof found === 'string') {
      errors.push(invalid(at, jsonPath, `is an invalid path: ${found}`));
      return;
    }
    if (found.path.split('.')[0] === 'metadata') {
      errors.push(invalid(at, jsonPath, 'must not point to fields in metadata'));
    }
    if (!SELECTABLE.includes(found.schema?.type ?? '')) {
      const why =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      errors.push(invalid(at, jsonPath, why));
    }
    if (seen.has(found.path)) errors.push(duplicate(at, jsonPath));
    seen.add(found.path);
  });
  if (seen.size > MAX_SELECTABLE) errors.push(tooMany(o.path, seen.size, MAX_SELECTABLE));
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = [
  ...['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'],
];
const SIMPLE_PATH = 'must be a simple json path starting with .';

function columnErrors(errors: FieldError[], version: Version, path: string): void {
  (version.additionalPrinterColumns ?? []).forEach((column, i) => {
    const at = `${path}[${i}]`;
    if (!column.name) errors.push(required(`${at}.name`));
    if (!column.type) {
      errors.push(required(`${at}.type`, `must be one of ${COLUMN_TYPES.join(',')}`));
    } else if (!COLUMN_TYPES.includes(column.type)) {
      errors.push(invalid(`${at}.type`, column.type, `must be one of ${COLUMN_TYPES.join(',')}`));
    }
    if (column.format && !COLUMN_FORMATS.includes(column.format)) {
      const why = `must be one of ${COLUMN_FORMATS.join(',')}`;
      errors.push(invalid(`${at}.format`, column.format, why));
    }
    if (!column.jsonPath) errors.push(required(`${at}.JSONPath`));
    else if (!column.jsonPath.startsWith('.')) {
      errors.push(invalid(`${at}.JSONPath`, column.jsonPath, SIMPLE_PATH));
    }
  });
}

function subresourceErrors(errors: FieldError[], version: Version, path: string): void {
  const scale = version.subresources?.scale;
  if (scale === undefined) return;
  const under = (name: keyof typeof scale, roots: readonly string[], where: string): void => {
    const value = scale[name];
    const at = `${path}.scale.${name}`;
    if (!value) {
      if (name !== 'labelSelectorPath') errors.push(required(at));
    } else if (!value.startsWith('.')) errors.push(invalid(at, value, SIMPLE_PATH));
    else if (!roots.some((root) => value.startsWith(`.${root}.`))) {
      errors.push(invalid(at, value, `should be a json path under ${where}`));
    }
  };
  under('specReplicasPath', ['spec'], '.spec');
  under('statusReplicasPath', ['status'], '.status');
  under('labelSelectorPath', ['spec', 'status'], 'either .spec or .status');
}

const IMMUTABLE = 'field is immutable';

function changeErrors(errors: FieldError[], { spec }: Definition, old: Definition): void {
  const keep = (path: string, now: string, was: string): void => {
    if (now !== was) errors.push(invalid(path, now, IMMUTABLE));
  };
  if (isEstablished(old)) {
    keep('spec.scope', spec.scope, old.spec.scope);
    keep('spec.names.kind', spec.names.kind, old.spec.names.kind);
  }
  keep('spec.group', spec.group, old.spec.group);
  keep('spec.names.plural', spec.names.plural, old.spec.names.plural);
}

function acceptedNameErrors({ status }: Definition): FieldError[] {
  const errors: FieldError[] = [];
  nameErrors(errors, 'status.acceptedNames', status?.acceptedNames ?? {});
  return errors;
}

function storedVersionErrors(errors: FieldError[], { spec, status }: Definition): void {
  const path = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) {
    const nothing = new fieldErrors.GoText('[]string(nil)');
    errors.push(invalid(path, nothing, 'must have at least one stored version'));
  }
  const versions = new Set((spec.versions ?? []).map((version) => version.name));
  stored.forEach((name, i) => {
    if (versions.has(name)) return;
    errors.push(invalid(`${path}[${i}]`, name, 'must appear in spec.versions'));
  });
}

/** Groups of the project itself take only what was approved, or is marked as not. */
function approvalErrors(errors: FieldError[], crd: Definition, old: Definition | undefined): void {
  if (!isProtectedGroup(crd.spec.group ?? '')) return;
  const now = approvalOf(crd);
  if (old !== undefined && approvalOf(old).state === now.state) return;
  const at = 'metadata.annotations[api-approved.kubernetes.io]';
  if (now.state === 'missing') errors.push(required(at, now.reason));
  else if (now.state === 'invalid') errors.push(invalid(at, now.value, now.reason));
}
