/** What a definition must be, beyond what the object model checks of every definition: its schemas, columns, paths. */
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import {
  type CustomResourceDefinition,
  type CustomResourceDefinitionVersion,
  fieldErrors,
  goQuote,
  type KindRules,
  type KubeObject,
  names,
  validateWebhookClient,
} from '@kubets/api';
import { isEstablished } from './conditions.ts';

type Definition = CustomResourceDefinition;
type Version = CustomResourceDefinitionVersion;
type FieldError = fieldErrors.FieldError;
const { forbidden, invalid, notSupported, required } = fieldErrors;

const load = createRequire(import.meta.url);

/** The rules of the kind CustomResourceDefinition itself. */
export const DEFINITION_RULES: KindRules = {
  prepareForUpdate(object, _old, subresource) {
    if (subresource === '') keepStoredVersion(object as Definition);
  },
  validateCreate: (object) => definitionErrors(object as Definition),
  validateUpdate(object, old, subresource) {
    if (subresource !== '') return [];
    return [...definitionErrors(object as Definition), ...changeErrors(object, old)];
  },
};

/** A version that becomes the stored one is remembered until its objects have been rewritten. */
function keepStoredVersion(crd: Definition): void {
  const stored = crd.spec.versions.find((version) => version.storage)?.name;
  const known = crd.status?.storedVersions ?? [];
  if (stored === undefined || known.includes(stored)) return;
  crd.status = { ...crd.status, storedVersions: [...known, stored] };
}

function definitionErrors(crd: Definition): FieldError[] {
  const errors: FieldError[] = [];
  const versions = crd.spec.versions ?? [];
  const placeOf = placesOf(versions);
  versions.forEach((version, i) => {
    // What all versions share is checked once, where older clients had it.
    if (i === 0 || placeOf.schema(i) !== placeOf.schema(0)) {
      errors.push(...schemaErrorsOf(version, placeOf.schema(i)));
    }
    if (i === 0 || placeOf.other('subresources', i) !== placeOf.other('subresources', 0)) {
      subresourceErrors(errors, version, placeOf.other('subresources', i));
    }
    const columns = placeOf.other('additionalPrinterColumns', i);
    if (i === 0 || columns !== placeOf.other('additionalPrinterColumns', 0)) {
      columnErrors(errors, version, columns);
    }
  });
  conversionErrors(errors, crd);
  if ((crd.status?.storedVersions ?? []).length === 0) {
    const nothing = new fieldErrors.GoText('[]string(nil)');
    const why = 'must have at least one stored version';
    errors.push(invalid('status.storedVersions', nothing, why));
  }
  return errors;
}

/** Where messages say a part of a version stands: at the top when it is the same in all of them. */
function placesOf(versions: readonly Version[]) {
  const shared = (name: keyof Version): boolean =>
    versions.every((one) => isDeepStrictEqual(one[name], versions[0]?.[name]));
  const sharesSchema = shared('schema');
  const place = (name: keyof Version, i: number): string =>
    shared(name) ? `spec.${name}` : `spec.versions[${i}].${name}`;
  return {
    schema: (i: number): string =>
      sharesSchema
        ? 'spec.validation.openAPIV3Schema'
        : `spec.versions[${i}].schema.openAPIV3Schema`,
    other: place,
  };
}

function schemaErrorsOf(version: Version, path: string): FieldError[] {
  const schema = version.schema?.openAPIV3Schema;
  if (schema === undefined) return [];
  const { schemaErrors } = load('./schema-rules.ts') as typeof import('./schema-rules.ts');
  return schemaErrors(schema, path);
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
    } else if (!roots.some((root) => value.startsWith(`.${root}.`))) {
      errors.push(invalid(at, value, `should be a json path under ${where}`));
    }
  };
  under('specReplicasPath', ['spec'], '.spec');
  under('statusReplicasPath', ['status'], '.status');
  under('labelSelectorPath', ['spec', 'status'], 'either .status or .spec');
}

function conversionErrors(errors: FieldError[], crd: Definition): void {
  const { conversion } = crd.spec;
  if (conversion === undefined) return;
  const { strategy, webhook } = conversion;
  const at = 'spec.conversion';
  const versions = webhook?.conversionReviewVersions ?? [];
  if (strategy !== 'None' && strategy !== 'Webhook') {
    errors.push(notSupported(`${at}.strategy`, strategy, ['None', 'Webhook']));
  } else if (strategy === 'None') {
    const why = 'should not be set when strategy is not set to Webhook';
    if (webhook?.clientConfig) errors.push(forbidden(`${at}.webhookClientConfig`, why));
    if (versions.length > 0) errors.push(forbidden(`${at}.conversionReviewVersions`, why));
  } else {
    if (webhook?.clientConfig === undefined) {
      const why = 'required when strategy is set to Webhook';
      errors.push(required(`${at}.webhookClientConfig`, why));
    } else validateWebhookClient(errors, `${at}.webhookClientConfig`, webhook.clientConfig);
    reviewVersionErrors(errors, versions, `${at}.conversionReviewVersions`);
  }
}

const REVIEW_VERSIONS = ['v1', 'v1beta1'];

function reviewVersionErrors(errors: FieldError[], versions: readonly string[], at: string): void {
  if (versions.length === 0) errors.push(required(at));
  versions.forEach((version, i) => {
    if (versions.indexOf(version) < i) {
      errors.push(invalid(`${at}[${i}]`, version, 'duplicate version'));
      return;
    }
    const messages = names.dns1035Label(version);
    if (messages.length > 0) errors.push(invalid(`${at}[${i}]`, version, messages.join(',')));
  });
  if (versions.length > 0 && !versions.some((version) => REVIEW_VERSIONS.includes(version))) {
    const given = new fieldErrors.GoText(`[]string{${versions.map(goQuote).join(', ')}}`);
    const known = REVIEW_VERSIONS.join(', ');
    errors.push(invalid(at, given, `must include at least one of ${known}`));
  }
}

const IMMUTABLE = 'field is immutable';

function changeErrors(object: KubeObject, before: KubeObject): FieldError[] {
  const crd = object as Definition;
  const old = before as Definition;
  const errors: FieldError[] = [];
  const keep = (path: string, now: string, was: string): void => {
    if (now !== was) errors.push(invalid(path, now, IMMUTABLE));
  };
  if (isEstablished(old)) {
    keep('spec.scope', crd.spec.scope, old.spec.scope);
    keep('spec.names.kind', crd.spec.names.kind, old.spec.names.kind);
  }
  keep('spec.group', crd.spec.group, old.spec.group);
  keep('spec.names.plural', crd.spec.names.plural, old.spec.names.plural);
  const versions = new Set(crd.spec.versions.map((version) => version.name));
  (crd.status?.storedVersions ?? []).forEach((name, i) => {
    if (versions.has(name)) return;
    errors.push(invalid(`status.storedVersions[${i}]`, name, 'must appear in spec.versions'));
  });
  return errors;
}
