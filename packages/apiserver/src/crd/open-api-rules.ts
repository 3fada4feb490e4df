/** What schemas of definitions may say, part by part in the order the stock server looks at them. */
import { fieldErrors, isJsonObject } from '@kubets/api';
import { goSyntax, shown } from './go-values.ts';
import type { RuleCost } from './rule-costs.ts';
import type { Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;
const { forbidden, invalid, notSupported, required } = fieldErrors;

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const NOT_SUPPORTED = [
  'id',
  'additionalItems',
  'patternProperties',
  'definitions',
  'dependencies',
  '$ref',
] as const;

/** Where in a schema something stands. */
export interface Surroundings {
  readonly path: string;
  readonly isRoot: boolean;
  /** How many values of it an object can have; undefined: as many as a request holds. */
  readonly most: number | undefined;
  /** What encloses it whose parts cannot be followed through a change. */
  readonly uncorrelated?: string | undefined;
  /** Why there may be no defaults. */
  readonly noDefaults?: string | undefined;
  /** In the metadata of an object. */
  readonly inMeta?: boolean;
  /** In a combination, where there are no rules. */
  readonly inCombination?: boolean;
}

/** What is found out about a schema on the way. */
export interface Findings {
  /** Complaints about the schema itself, and about the rules in it. */
  readonly schema: FieldError[];
  readonly rules: FieldError[];
  readonly costs: RuleCost[];
}

/** Looks at the rules of a schema, once all that is in it was looked at and found fine. */
export type CheckRules = (schema: Schema, at: Surroundings, found: Findings) => void;

const META = new Set(['metadata', 'kind', 'apiVersion']);

export class SchemaWalk {
  readonly #checkRules: CheckRules;
  readonly costs: RuleCost[] = [];

  constructor(checkRules: CheckRules) {
    this.#checkRules = checkRules;
  }

  /** Complaints about a schema, and about the rules in it. */
  look(schema: Schema, at: Surroundings): Findings {
    const found: Findings = { schema: [], rules: [], costs: this.costs };
    ownErrors(found.schema, schema, at);
    for (const [one, below] of this.#members(found.schema, schema, at)) {
      const inside = this.look(one, { isRoot: false, ...below });
      found.schema.push(...inside.schema);
      found.rules.push(...inside.rules);
    }
    extensionErrors(found.schema, schema, at.path);
    this.#checkRules(schema, at, found);
    return found;
  }

  /** What is right below a schema, and where. */
  *#members(
    errors: FieldError[],
    schema: Schema,
    at: Surroundings,
  ): Generator<[Schema, Omit<Surroundings, 'isRoot'>]> {
    const { path } = at;
    const inside = insideOf(schema, at);
    const extra = schema.additionalProperties;
    if (extra !== undefined && Object.keys(schema.properties ?? {}).length > 0 && extra !== true) {
      const why = 'additionalProperties and properties are mutual exclusive';
      errors.push(forbidden(`${path}.additionalProperties`, why));
    }
    if (isJsonObject(extra)) {
      const noDefaults = at.inMeta
        ? 'inside additionalProperties applying to object metadata'
        : at.noDefaults;
      yield [extra as Schema, { ...inside, path: `${path}.additionalProperties`, noDefaults }];
    }
    for (const name of Object.keys(schema.properties ?? {}).sort()) {
      const property = schema.properties?.[name];
      if (property) yield [property, propertyAt(schema, name, { at, inside })];
    }
    yield* combinations(schema, at);
    const { items } = schema;
    if (isJsonObject(items)) yield [items as Schema, { ...inside, path: `${path}.items` }];
  }
}

function propertyAt(
  schema: Schema,
  name: string,
  { at, inside }: { at: Surroundings; inside: Surroundings },
): Surroundings {
  const path = `${at.path}.properties[${name}]`;
  const isObject = at.isRoot || schema['x-kubernetes-embedded-resource'] === true;
  if (!isObject || !META.has(name)) return { ...inside, path };
  const noDefaults = at.isRoot ? `in top-level ${name}` : at.noDefaults;
  return { ...inside, path, inMeta: true, noDefaults };
}

function* combinations(
  schema: Schema,
  { path, ...at }: Surroundings,
): Generator<[Schema, Surroundings]> {
  const inside = { ...at, inCombination: true };
  if (schema.not) yield [schema.not, { ...inside, path: `${path}.not` }];
  for (const name of ['allOf', 'oneOf', 'anyOf'] as const) {
    for (const [i, one] of (schema[name] ?? []).entries()) {
      yield [one, { ...inside, path: `${path}.${name}[${i}]` }];
    }
  }
}

/** What the members of a schema are in. */
function insideOf(schema: Schema, at: Surroundings): Surroundings {
  const { most, uncorrelated, path } = at;
  const isList = schema.type === 'array';
  const isMap = !isList && isJsonObject(schema.additionalProperties);
  const bound = isList ? schema.maxItems : schema.maxProperties;
  const factor = isList || isMap ? bound : 1;
  const isAtomic = isList
    ? schema['x-kubernetes-list-type'] !== 'map'
    : schema['x-kubernetes-map-type'] === 'atomic';
  return {
    ...at,
    isRoot: false,
    most: most === undefined || factor === undefined ? undefined : most * factor,
    uncorrelated: uncorrelated ?? (isAtomic ? path : undefined),
  };
}

function ownErrors(errors: FieldError[], schema: Schema, at: Surroundings): void {
  const { path } = at;
  if (schema.type && !TYPES.includes(schema.type)) {
    errors.push(notSupported(`${path}.type`, schema.type, TYPES));
  }
  if (schema.default !== undefined && at.noDefaults !== undefined) {
    errors.push(forbidden(`${path}.default`, `must not be set ${at.noDefaults}`));
  }
  for (const name of NOT_SUPPORTED) {
    if (schema[name] === undefined) continue;
    errors.push(forbidden(`${path}.${name}`, `${name} is not supported`));
  }
  if (schema.type === 'null') {
    const why = 'type cannot be set to null, use nullable as an alternative';
    errors.push(forbidden(`${path}.type`, why));
  }
  if (Array.isArray(schema.items)) {
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  }
  if (at.inMeta && schema['x-kubernetes-embedded-resource']) {
    const why = 'must not be used inside of resource meta';
    errors.push(forbidden(`${path}.x-kubernetes-embedded-resource`, why));
  }
  if (schema.uniqueItems) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbidden(`${path}.uniqueItems`, why));
  }
}

function extensionErrors(errors: FieldError[], schema: Schema, path: string): void {
  const keeps = 'x-kubernetes-preserve-unknown-fields';
  if (schema[keeps] === false) {
    errors.push(invalid(`${path}.${keeps}`, false, 'must be true or undefined'));
  }
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined && schema.type !== 'object') {
    const why = 'must be object if x-kubernetes-map-type is specified';
    errors.push(wrongType(schema, path, why));
  }
  if (mapType !== undefined && mapType !== 'granular' && mapType !== 'atomic') {
    const at = `${path}.x-kubernetes-map-type`;
    errors.push(notSupported(at, mapType, ['atomic', 'granular']));
  }
  listErrors(errors, schema, path);
  keyErrors(errors, schema, path);
}

const wrongType = ({ type = '' }: Schema, path: string, why: string): FieldError =>
  type === '' ? required(`${path}.type`, why) : invalid(`${path}.type`, type, why);

function listErrors(errors: FieldError[], schema: Schema, path: string): void {
  const listType = schema['x-kubernetes-list-type'];
  const at = `${path}.x-kubernetes-list-type`;
  const items = isJsonObject(schema.items) ? (schema.items as Schema) : undefined;
  if (listType !== undefined && schema.type !== 'array') {
    errors.push(wrongType(schema, path, 'must be array if x-kubernetes-list-type is specified'));
  } else if (listType === 'set' && items !== undefined) setErrors(errors, items, path);
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType)) {
    errors.push(notSupported(at, listType, ['atomic', 'set', 'map']));
  }
  if ((schema['x-kubernetes-list-map-keys'] ?? []).length === 0 || listType === 'map') return;
  const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
  errors.push(listType === undefined ? required(at, why) : invalid(at, listType, why));
}

/** Elements of sets are compared as a whole. */
function setErrors(errors: FieldError[], items: Schema, path: string): void {
  const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = items['x-kubernetes-list-type'];
  const seen = new fieldErrors.GoText(listType === undefined ? '"null"' : JSON.stringify(listType));
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic') {
    errors.push(invalid(`${path}.items.x-kubernetes-list-type`, seen, why));
  }
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    errors.push(invalid(`${path}.items.x-kubernetes-map-type`, seen, why));
  }
}

function keyErrors(errors: FieldError[], schema: Schema, path: string): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const items = isJsonObject(schema.items) ? (schema.items as Schema) : undefined;
  if (listType === 'map') mapErrors(errors, schema, { keys, items, path });
  if (items === undefined || (listType !== 'set' && listType !== 'map')) return;
  if (items.nullable) {
    const why = `cannot be nullable when x-kubernetes-list-type is ${listType}`;
    errors.push(forbidden(`${path}.items.nullable`, why));
  }
  if (listType === 'set') return;
  for (const key of keys) {
    const property = items.properties?.[key];
    if (property !== undefined) presenceErrors(errors, { items, property, key, path });
  }
}

/** The keys of an element have to be there. */
function presenceErrors(
  errors: FieldError[],
  o: { items: Schema; property: Schema; key: string; path: string },
): void {
  const where = `${o.path}.items.properties[${o.key}]`;
  const so = 'this property is in x-kubernetes-list-map-keys, so it';
  if (!(o.items.required ?? []).includes(o.key) && o.property.default === undefined) {
    errors.push(
      required(`${where}.default`, `${so} must have a default or be a required property`),
    );
  }
  if (o.property.nullable) errors.push(forbidden(`${where}.nullable`, `${so} cannot be nullable`));
}

function mapErrors(
  errors: FieldError[],
  schema: Schema,
  o: { keys: readonly string[]; items: Schema | undefined; path: string },
): void {
  const { keys, items, path } = o;
  const at = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) {
    errors.push(required(at, 'must not be empty if x-kubernetes-list-type is map'));
  }
  if (schema.items === undefined) {
    const why = 'must have a schema if x-kubernetes-list-type is map';
    errors.push(required(`${path}.items`, why));
  } else if (items === undefined) {
    const why = 'must only have a single schema if x-kubernetes-list-type is map';
    errors.push(invalid(`${path}.items`, shown(schema.items), why));
  } else if (items.type !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    errors.push(invalid(`${path}.items.type`, items.type ?? '', why));
  } else nameErrors(errors, { keys, items, path, at });
}

function nameErrors(
  errors: FieldError[],
  o: { keys: readonly string[]; items: Schema; path: string; at: string },
): void {
  const { keys, items, path, at } = o;
  const all = new fieldErrors.GoText(`[]string{${keys.map(goSyntax).join(', ')}}`);
  keys.forEach((key, i) => {
    const property = items.properties?.[key];
    if (property === undefined) {
      errors.push(invalid(at, all, 'entries must all be names of item properties'));
    } else if (property.type === 'array' || property.type === 'object') {
      const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      errors.push(invalid(`${path}.items.properties[${key}].type`, 'object', why));
    }
    if (keys.indexOf(key) < i) errors.push(invalid(at, all, 'must not contain duplicate entries'));
  });
}
