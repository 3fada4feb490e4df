/** What a schema's extensions promise beyond types: keys of lists occur once, embedded objects are objects. */
import { isDeepStrictEqual } from 'node:util';
import {
  fieldErrors,
  isJsonObject,
  type JsonObject,
  names,
  type ObjectMeta,
  validateMetadata,
} from '@kubets/api';
import { shown } from './go-values.ts';
import { join } from './schema-validation.ts';
import { itemSchema, memberSchema, type Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;

/** Entries that occur twice in lists of type set and map. */
export function repeatedItems(value: unknown, schema: Schema | undefined, path = ''): FieldError[] {
  if (schema === undefined) return [];
  if (Array.isArray(value)) {
    const own = repeatedHere(value, schema, path);
    const items = itemSchema(schema);
    return [...own, ...value.flatMap((item, i) => repeatedItems(item, items, `${path}[${i}]`))];
  }
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    repeatedItems(member, memberSchema(schema, name), join(path, name)),
  );
}

function repeatedHere(list: readonly unknown[], schema: Schema, path: string): FieldError[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const identities = list.map((item) => (type === 'set' ? item : keysOf(item, schema)));
  const seen: unknown[] = [];
  const errors: FieldError[] = [];
  identities.forEach((identity, i) => {
    if (seen.some((one) => isDeepStrictEqual(one, identity))) {
      errors.push(fieldErrors.duplicate(`${path}[${i}]`, shown(identity)));
    } else seen.push(identity);
  });
  return errors;
}

function keysOf(item: unknown, schema: Schema): JsonObject {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (!isJsonObject(item)) return {};
  const present = keys.filter((key) => item[key] !== undefined);
  return Object.fromEntries(present.map((key) => [key, item[key]]));
}

/** Embedded objects that lack what every object has. */
export function embeddedErrors(
  value: unknown,
  schema: Schema | undefined,
  path = '',
): FieldError[] {
  if (schema === undefined) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => embeddedErrors(item, itemSchema(schema), `${path}[${i}]`));
  }
  if (!isJsonObject(value)) return [];
  const own = schema['x-kubernetes-embedded-resource'] ? objectErrors(value, path) : [];
  const below = Object.entries(value).flatMap(([name, member]) =>
    embeddedErrors(member, memberSchema(schema, name), join(path, name)),
  );
  return [...own, ...below];
}

function objectErrors(value: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { apiVersion, kind } = value;
  const missing = 'must not be empty';
  if (!apiVersion) errors.push(fieldErrors.required(join(path, 'apiVersion'), missing));
  else if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) {
    const why = `unexpected GroupVersion string: ${apiVersion}`;
    errors.push(fieldErrors.invalid(join(path, 'apiVersion'), apiVersion, why));
  }
  if (!kind) errors.push(fieldErrors.required(join(path, 'kind'), missing));
  else if (typeof kind === 'string') {
    for (const why of names.dns1035Label(kind.toLowerCase())) {
      const text = `may have mixed case, but should otherwise match: ${why}`;
      errors.push(fieldErrors.invalid(join(path, 'kind'), kind, text));
    }
  }
  if (isJsonObject(value.metadata)) errors.push(...metadataErrors(value.metadata, path));
  return errors;
}

/** Metadata as of any object; only that there may be no name. */
function metadataErrors(metadata: ObjectMeta, path: string): FieldError[] {
  const named = { ...metadata, name: metadata.name || 'nameless' };
  const rules = { name: names.pathSegmentName, namespaced: Boolean(metadata.namespace) };
  return validateMetadata(named, rules).map(
    ({ type, field, badValue, detail }) =>
      new fieldErrors.FieldError(type, join(path, field), badValue, detail),
  );
}
