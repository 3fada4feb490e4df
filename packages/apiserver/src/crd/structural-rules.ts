/** Whether a schema is structural: types stand outside of combinations, which only restrict values. */
import { isDeepStrictEqual } from 'node:util';
import { fieldErrors, isJsonObject } from '@kubets/api';
import { patternProblem } from '../regexp/pattern.ts';
import type { Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;
const { forbidden, invalid, required } = fieldErrors;

/** Where in a schema something stands. */
type Level = 'root' | 'item' | 'field';

const UNSUPPORTED = [
  'id',
  '$schema',
  '$ref',
  'patternProperties',
  'dependencies',
  'additionalItems',
  'definitions',
] as const;

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === '' || (isJsonObject(value) && Object.keys(value).length === 0);

/** Everything right below a schema. */
function inner(schema: Schema): Schema[] {
  const { items, properties = {}, additionalProperties: extra, not } = schema;
  return [
    ...(isJsonObject(items) ? [items as Schema] : []),
    ...Object.values(properties),
    ...(isJsonObject(extra) ? [extra as Schema] : []),
    ...(not ? [not] : []),
    ...[schema.allOf, schema.anyOf, schema.oneOf].flatMap((all) => all ?? []),
  ];
}

/** Why a schema cannot be looked at as a structural one at all. */
export function unstructured(schema: Schema): string | undefined {
  const found = UNSUPPORTED.find((name) => !isEmpty((schema as Record<string, unknown>)[name]));
  if (found !== undefined) return `OpenAPIV3Schema '${found.replace('$s', 's')}' is not supported`;
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
  }
  if (Array.isArray(schema.items)) {
    return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  }
  for (const one of inner(schema)) {
    const why = unstructured(one);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Everything that is not structural about a schema, sorted by the texts. */
export function structuralErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  invariants(errors, schema, { path, level: 'root' });
  complete(errors, schema, { of: schema, path, at: path });
  const text = new Map(errors.map((error) => [error, String(error)]));
  const of = (error: FieldError): string => text.get(error) ?? '';
  return errors.sort((a, b) => (of(a) < of(b) ? -1 : Number(of(a) > of(b))));
}

interface At {
  readonly path: string;
  readonly level: Level;
}

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function invariants(errors: FieldError[], schema: Schema, at: At): void {
  const { path, level } = at;
  const { items, properties = {}, additionalProperties: extra } = schema;
  if (schema.type === 'array' && items === undefined) {
    errors.push(required(`${path}.items`, 'must be specified'));
  }
  if (isJsonObject(items)) {
    invariants(errors, items as Schema, { path: `${path}.items`, level: 'item' });
  }
  for (const [name, property] of Object.entries(properties)) {
    invariants(errors, property, { path: `${path}.properties[${name}]`, level: 'field' });
  }
  const below = `${path}.additionalProperties`;
  if (extra !== undefined && level === 'root') {
    errors.push(forbidden(below, 'must not be used at the root'));
  }
  if (isJsonObject(extra)) invariants(errors, extra as Schema, { path: below, level: 'field' });
  eitherErrors(errors, schema, path);
  valueErrors(errors, schema, { path, level }, isEither(schema.anyOf) ? ['anyOf'] : []);
  typeErrors(errors, schema, at);
  if (schema['x-kubernetes-embedded-resource'] && extra !== undefined) {
    errors.push(forbidden(below, 'must not be used if x-kubernetes-embedded-resource is set'));
  }
  metaErrors(errors, schema, at);
}

function eitherErrors(errors: FieldError[], schema: Schema, path: string): void {
  if (!schema['x-kubernetes-int-or-string']) return;
  const why = 'must be false if x-kubernetes-int-or-string is true';
  const names = ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const;
  for (const name of names) {
    if (schema[name]) errors.push(invalid(`${path}.${name}`, true, why));
  }
}

function typeErrors(errors: FieldError[], schema: Schema, { path, level }: At): void {
  const at = `${path}.type`;
  const { type = '' } = schema;
  const isOpen =
    schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields'];
  if (schema['x-kubernetes-embedded-resource'] && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type === '' ? required(at, why) : invalid(at, type, why));
  } else if (type === '' && !isOpen) errors.push(required(at, EMPTY_TYPE[level]));
  if (level === 'root' && type !== '' && type !== 'object') {
    errors.push(invalid(at, type, 'must be object at the root'));
  }
}

const METADATA_TEXT =
  'must not specify anything other than name and generateName, but metadata is implicitly specified';
const NO_PROPERTIES =
  'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';

/** What is known of every object may be said again, but not otherwise. */
function metaErrors(errors: FieldError[], schema: Schema, { path, level }: At): void {
  const { properties = {} } = schema;
  const isObject = level === 'root' || schema['x-kubernetes-embedded-resource'] === true;
  for (const name of ['kind', 'apiVersion']) {
    const property = properties[name];
    if (!isObject || property === undefined || property.type === 'string') continue;
    const at = `${path}.properties[${name}].type`;
    errors.push(invalid(at, property.type ?? '', 'must be string'));
  }
  const { metadata } = properties;
  const at = `${path}.properties[metadata]`;
  if (metadata !== undefined && isObject && metadata.type !== 'object') {
    errors.push(invalid(`${at}.type`, metadata.type ?? '', 'must be object'));
  }
  if (metadata !== undefined && level === 'root' && saysMore(metadata)) {
    errors.push(forbidden(at, METADATA_TEXT));
  }
  const isBare = Object.keys(properties).length === 0;
  const keeps = schema['x-kubernetes-preserve-unknown-fields'];
  if (schema['x-kubernetes-embedded-resource'] && !keeps && isBare) {
    errors.push(required(`${path}.properties`, NO_PROPERTIES));
  }
}

function saysMore(metadata: Schema): boolean {
  const { type: _type, default: _default, properties = {}, ...rest } = metadata;
  const names = Object.keys(properties);
  const isKnown = names.every((name) => name === 'name' || name === 'generateName');
  return !isKnown || Object.values(rest).some((value) => value !== undefined);
}

const EITHER: readonly Schema[] = [{ type: 'integer' }, { type: 'string' }];
const isEither = (schemas: readonly Schema[] | undefined): boolean =>
  isDeepStrictEqual(schemas, EITHER);

/** What a schema says of values. @param skipped combinations that may name types: those of `int-or-string` */
function valueErrors(
  errors: FieldError[],
  schema: Schema,
  at: At,
  skipped: readonly string[],
): void {
  const { path } = at;
  for (const name of ['anyOf', 'allOf', 'oneOf'] as const) {
    if (skipped.includes(name)) continue;
    (schema[name] ?? []).forEach((one, i) => {
      const inside = name === 'allOf' && i === 0 && isEither(one.anyOf) ? ['anyOf'] : [];
      nested(errors, one, { ...at, path: `${path}.${name}[${i}]` }, inside);
    });
  }
  if (schema.not) nested(errors, schema.not, { ...at, path: `${path}.not` }, []);
  const problem = schema.pattern ? patternProblem(schema.pattern) : undefined;
  if (problem !== undefined) {
    const why = `must be a valid regular expression, but isn't: ${problem}`;
    errors.push(invalid(`${path}.pattern`, schema.pattern, why));
  }
}

/** What gives structure, and how it must be where values are restricted. */
const STRUCTURE = [
  ['type', 'empty'],
  ['additionalProperties', 'undefined'],
  ['default', 'undefined'],
  ['title', 'empty'],
  ['description', 'empty'],
  ['nullable', 'false'],
  ['externalDocs', 'undefined'],
  ['x-kubernetes-preserve-unknown-fields', 'false'],
  ['x-kubernetes-embedded-resource', 'false'],
  ['x-kubernetes-int-or-string', 'false'],
  ['x-kubernetes-list-map-keys', 'empty'],
  ['x-kubernetes-list-type', 'undefined'],
  ['x-kubernetes-map-type', 'undefined'],
  ['x-kubernetes-validations', 'empty'],
] as const;

const isUnset = (value: unknown): boolean =>
  value === undefined || value === false || value === '' || (Array.isArray(value) && !value.length);

/** A schema in a combination. */
function nested(errors: FieldError[], schema: Schema, at: At, skipped: readonly string[]): void {
  const { path } = at;
  valueErrors(errors, schema, at, skipped);
  if (isJsonObject(schema.items)) {
    nested(errors, schema.items as Schema, { ...at, path: `${path}.items` }, []);
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    nested(errors, property, { path: `${path}.properties[${name}]`, level: 'field' }, []);
  }
  for (const [name, how] of STRUCTURE) {
    const value = schema[name];
    if (how === 'undefined' ? value === undefined : isUnset(value)) continue;
    errors.push(forbidden(`${path}.${name}`, `must be ${how} to be structural`));
  }
  if (schema.properties?.metadata !== undefined) {
    const why = 'must not be specified in a nested context';
    errors.push(forbidden(`${path}.properties[metadata]`, why));
  }
}

interface Pair {
  /** What has the structure, and where. */
  readonly of: Schema | undefined;
  readonly path: string;
  /** Where the restriction stands. */
  readonly at: string;
}

/** What is restricted has to be there. */
function complete(errors: FieldError[], schema: Schema, o: Pair): void {
  if (schema.not) covered(errors, schema.not, { ...o, at: `${o.at}.not` });
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
    (schema[name] ?? []).forEach((one, i) => {
      covered(errors, one, { ...o, at: `${o.at}.${name}[${i}]` });
    });
  }
}

function covered(errors: FieldError[], schema: Schema, o: Pair): void {
  const { of, path, at } = o;
  if (of === undefined) {
    errors.push(required(path, `because it is defined in ${at}`));
    return;
  }
  complete(errors, schema, o);
  if (isJsonObject(schema.items)) {
    const items = isJsonObject(of.items) ? (of.items as Schema) : undefined;
    const below = { of: items, path: `${path}.items`, at: `${at}.items` };
    covered(errors, schema.items as Schema, below);
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const key = `properties[${name}]`;
    covered(errors, property, {
      of: of.properties?.[name],
      path: `${path}.${key}`,
      at: `${at}.${key}`,
    });
  }
}
