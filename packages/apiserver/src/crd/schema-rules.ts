/** Whether the schema of a definition is structural; texts are the stock server's. */
import { fieldErrors, goQuote, isJsonObject, type ValidationRule } from '@kubets/api';
import { objectSchema } from '../cel/declared.ts';
import type { Expression } from '../cel/engine.ts';
import { CompileError } from '../cel/errors.ts';
import { estimatedCost } from '../cel/estimate.ts';
import { mostInRequest } from '../cel/sizes.ts';
import { patternProblem } from '../regexp/pattern.ts';
import { compileMessage, compileRule, declaredSelf } from './compiled-rules.ts';
import { costFault, type RuleCost, totalFaults } from './rule-costs.ts';
import { validateValue } from './schema-validation.ts';
import type { Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;
const { forbidden, invalid, notSupported, required } = fieldErrors;

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const NOT_SUPPORTED = [
  '$ref',
  'additionalItems',
  'definitions',
  'dependencies',
  'id',
  'patternProperties',
] as const;

interface Walk {
  readonly errors: FieldError[];
  /** Rules are compiled only for schemas that are fine otherwise. */
  readonly rules: Ruled[];
}

/** Where in a schema something stands. */
interface Surroundings {
  /** How many values of it an object can have; undefined: as many as a request holds. */
  readonly most: number | undefined;
  /** What encloses it whose parts cannot be followed through a change. */
  readonly uncorrelated?: string | undefined;
}

/** A schema that has rules. */
interface Ruled extends Surroundings {
  readonly schema: Schema;
  readonly path: string;
}

const ROOT: Surroundings = { most: 1 };

/** Everything wrong with the schema of a version. */
export function schemaErrors(schema: Schema, path: string): FieldError[] {
  const walk: Walk = { errors: [], rules: [] };
  if (!schema.type) walk.errors.push(required(`${path}.type`, 'must not be empty at the root'));
  else if (schema.type !== 'object') {
    walk.errors.push(invalid(`${path}.type`, schema.type, 'must be object at the root'));
  }
  rootFields(walk, schema, path);
  schemaHere(walk, schema, path, ROOT);
  if (walk.errors.length === 0) {
    const costs: RuleCost[] = [];
    for (const one of walk.rules) {
      walk.errors.push(...ruleErrors(one, one.schema === schema, costs));
    }
    walk.errors.push(...totalFaults(path, costs));
  }
  return walk.errors;
}

const METADATA_TEXT =
  'must not specify anything other than name and generateName, but metadata is implicitly specified';

function rootFields(walk: Walk, schema: Schema, path: string): void {
  const { apiVersion, kind, metadata } = schema.properties ?? {};
  for (const [name, property] of Object.entries({ apiVersion, kind })) {
    if (property === undefined || property.type === 'string') continue;
    const at = `${path}.properties[${name}].type`;
    walk.errors.push(invalid(at, property.type ?? '', 'must be string'));
  }
  if (metadata === undefined) return;
  const { type, properties, description: _text, ...rest } = metadata;
  const others = Object.keys(properties ?? {}).filter(
    (name) => name !== 'name' && name !== 'generateName',
  );
  if (type !== undefined && type !== 'object') {
    walk.errors.push(invalid(`${path}.properties[metadata].type`, type, 'must be object'));
  }
  if (others.length > 0 || Object.keys(rest).length > 0) {
    walk.errors.push(forbidden(`${path}.properties[metadata]`, METADATA_TEXT));
  }
}

function schemaHere(walk: Walk, schema: Schema, path: string, around: Surroundings): void {
  const { errors } = walk;
  if (schema.type && !TYPES.includes(schema.type)) {
    errors.push(notSupported(`${path}.type`, schema.type, TYPES));
  }
  for (const name of NOT_SUPPORTED) {
    if (schema[name] !== undefined) {
      errors.push(forbidden(`${path}.${name}`, `${name} is not supported`));
    }
  }
  if (schema.uniqueItems) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbidden(`${path}.uniqueItems`, why));
  }
  const refused = schema.pattern === undefined ? undefined : patternProblem(schema.pattern);
  if (refused !== undefined) {
    const why = `must be a valid regular expression, but isn't: ${refused}`;
    errors.push(invalid(`${path}.pattern`, schema.pattern, why));
  }
  extensionErrors(errors, schema, path);
  members(walk, schema, path, around);
  junctors(errors, schema, { path, of: schema });
  if (schema.default !== undefined) errors.push(...defaultErrors(schema, path));
  if (schema['x-kubernetes-validations']?.length) walk.rules.push({ schema, path, ...around });
}

function members(walk: Walk, schema: Schema, path: string, around: Surroundings): void {
  const { errors } = walk;
  const inside = insideOf(schema, path, around);
  for (const name of Object.keys(schema.properties ?? {}).sort()) {
    const property = schema.properties?.[name];
    if (property) {
      below(
        walk,
        { schema: property, path: `${path}.properties[${name}]`, ...inside },
        'object fields',
      );
    }
  }
  const { items, additionalProperties: extra } = schema;
  if (Array.isArray(items)) {
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  } else if (isJsonObject(items)) {
    below(walk, { schema: items as Schema, path: `${path}.items`, ...inside }, 'array items');
  } else if (schema.type === 'array') {
    errors.push(required(`${path}.items`, 'must be specified'));
  }
  const at = `${path}.additionalProperties`;
  if (extra === false) errors.push(forbidden(at, 'additionalProperties cannot be set to false'));
  if (extra !== undefined && extra !== false && schema.properties) {
    errors.push(forbidden(at, 'additionalProperties and properties are mutual exclusive'));
  }
  if (isJsonObject(extra)) {
    below(walk, { schema: extra as Schema, path: at, ...inside }, 'object fields');
  }
}

/** What the members of a schema are in. */
function insideOf(
  schema: Schema,
  path: string,
  { most, uncorrelated }: Surroundings,
): Surroundings {
  const isList = schema.type === 'array';
  const isMap = !isList && isJsonObject(schema.additionalProperties);
  const bound = isList ? schema.maxItems : schema.maxProperties;
  const factor = isList || isMap ? bound : 1;
  const isAtomic = isList
    ? schema['x-kubernetes-list-type'] !== 'map'
    : schema['x-kubernetes-map-type'] === 'atomic';
  return {
    most: most === undefined || factor === undefined ? undefined : most * factor,
    uncorrelated: uncorrelated ?? (isAtomic ? path : undefined),
  };
}

function below(walk: Walk, one: Ruled, what: string): void {
  const { schema, path, ...around } = one;
  const isOpen =
    schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields'];
  if (!schema.type && !isOpen) {
    walk.errors.push(required(`${path}.type`, `must not be empty for specified ${what}`));
  }
  schemaHere(walk, schema, path, around);
}

const STRUCTURE = [
  'additionalProperties',
  'default',
  'description',
  'nullable',
  'title',
  'type',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-preserve-unknown-fields',
] as const;

/** What stands in a combination may only restrict values, not give them structure. */
function junctors(errors: FieldError[], schema: Schema, o: { path: string; of: Schema }): void {
  const { path, of } = o;
  const inner: [Schema, string][] = [];
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
    (schema[name] ?? []).forEach((one, i) => {
      inner.push([one, `${path}.${name}[${i}]`]);
    });
  }
  if (schema.not) inner.push([schema.not, `${path}.not`]);
  for (const [one, at] of inner) restrictionErrors(errors, one, { path: at, of });
}

function restrictionErrors(
  errors: FieldError[],
  schema: Schema,
  o: { path: string; of: Schema },
): void {
  const { path } = o;
  const isEither = o.of['x-kubernetes-int-or-string'] === true;
  for (const name of STRUCTURE) {
    if (schema[name] === undefined || (name === 'type' && isEither)) continue;
    errors.push(forbidden(`${path}.${name}`, 'must be empty to be structural'));
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const known = o.of.properties?.[name];
    const at = `${path}.properties[${name}]`;
    if (known === undefined) {
      const outer = path.replace(/\.(allOf|anyOf|oneOf|not)(\[\d+\])?$/, '');
      errors.push(required(`${outer}.properties[${name}]`, `because it is defined in ${at}`));
    } else restrictionErrors(errors, property, { path: at, of: known });
  }
  junctors(errors, schema, o);
}

function extensionErrors(errors: FieldError[], schema: Schema, path: string): void {
  const { type } = schema;
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    const at = `${path}.x-kubernetes-preserve-unknown-fields`;
    errors.push(invalid(at, false, 'must be true or undefined'));
  }
  if (schema['x-kubernetes-int-or-string'] && type) {
    const why = 'must be empty if x-kubernetes-int-or-string is true';
    errors.push(invalid(`${path}.type`, type, why));
  }
  if (schema['x-kubernetes-embedded-resource']) {
    if (type !== 'object') {
      const why = 'must be object if x-kubernetes-embedded-resource is true';
      errors.push(invalid(`${path}.type`, type ?? '', why));
    }
    if (!schema['x-kubernetes-preserve-unknown-fields'] && !schema.properties) {
      const why =
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
      errors.push(required(`${path}.properties`, why));
    }
  }
  listErrors(errors, schema, path);
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined && mapType !== 'granular' && mapType !== 'atomic') {
    const at = `${path}.x-kubernetes-map-type`;
    errors.push(notSupported(at, mapType, ['atomic', 'granular']));
  }
  if (mapType !== undefined && type !== 'object') {
    const why = 'must be object if x-kubernetes-map-type is specified';
    errors.push(invalid(`${path}.type`, type ?? '', why));
  }
}

function listErrors(errors: FieldError[], schema: Schema, path: string): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const at = `${path}.x-kubernetes-list-map-keys`;
  if (listType === undefined) {
    if (keys.length === 0) return;
    errors.push(
      required(
        `${path}.x-kubernetes-list-type`,
        'must be map if x-kubernetes-list-map-keys is non-empty',
      ),
    );
    return;
  }
  if (!['atomic', 'set', 'map'].includes(listType)) {
    const where = `${path}.x-kubernetes-list-type`;
    errors.push(notSupported(where, listType, ['atomic', 'map', 'set']));
  }
  if (schema.type !== 'array') {
    const why = 'must be array if x-kubernetes-list-type is specified';
    errors.push(invalid(`${path}.type`, schema.type ?? '', why));
    return;
  }
  if (listType !== 'map') return;
  if (keys.length === 0) {
    errors.push(required(at, 'must not be empty if x-kubernetes-list-type is map'));
  }
  const items = isJsonObject(schema.items) ? (schema.items as Schema) : {};
  for (const key of keys) keyErrors(errors, items, key, path);
}

function keyErrors(errors: FieldError[], items: Schema, key: string, path: string): void {
  const property = items.properties?.[key];
  if (property === undefined) {
    const at = `${path}.x-kubernetes-list-map-keys`;
    errors.push(invalid(at, key, 'entries must all be names of item properties'));
    return;
  }
  const where = `${path}.items.properties[${key}]`;
  if (property.type === 'array' || property.type === 'object') {
    const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
    errors.push(invalid(`${where}.type`, property.type, why));
  }
  if (property.default === undefined && !(items.required ?? []).includes(key)) {
    const why =
      'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
    errors.push(required(`${where}.default`, why));
  }
}

function defaultErrors(schema: Schema, path: string): FieldError[] {
  const at = `${path}.default`;
  return validateValue(schema.default, schema).map((error) => {
    const field = error.field === '' ? at : `${at}.${error.field}`;
    return new fieldErrors.FieldError(error.type, field, error.badValue, error.detail);
  });
}

const REASONS = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
];

function ruleErrors(ruled: Ruled, isRoot: boolean, costs: RuleCost[]): FieldError[] {
  const errors: FieldError[] = [];
  const { schema, path, uncorrelated } = ruled;
  const isObject = isRoot || schema['x-kubernetes-embedded-resource'] === true;
  const self = declaredSelf(isObject ? objectSchema(schema) : schema);
  const known = new Map([
    ['self', self],
    ['oldSelf', self],
  ]);
  const most = ruled.most ?? mostInRequest(schema);
  const reckon = (what: 'rule' | 'messageExpression', at: string, of: Expression): void => {
    const one = { path: at, cost: estimatedCost(of.checked, known).max * most };
    costs.push(one);
    const fault = costFault(what, one);
    if (fault !== undefined) errors.push(fault);
  };
  (schema['x-kubernetes-validations'] ?? []).forEach((rule, i) => {
    const at = `${path}.x-kubernetes-validations[${i}]`;
    if (!rule.rule?.trim()) {
      errors.push(required(`${at}.rule`, 'rule is not specified'));
      return;
    }
    if (rule.reason && !REASONS.includes(rule.reason)) {
      errors.push(notSupported(`${at}.reason`, rule.reason, REASONS));
    }
    const prefix = 'compilation failed: ';
    const work = () => compileRule(self, rule);
    const made = compiled(errors, rule, `${at}.rule`, { prefix, work });
    if (made) reckon('rule', `${at}.rule`, made.expression);
    if (made?.isTransition && uncorrelated !== undefined && !rule.optionalOldSelf) {
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`;
      errors.push(invalid(`${at}.rule`, rule.rule, why));
    }
    const message = compiled(errors, rule, `${at}.messageExpression`, {
      prefix: `messageExpression ${prefix}`,
      work: () => compileMessage(self, rule),
    });
    if (message) reckon('messageExpression', `${at}.messageExpression`, message);
  });
  return errors;
}

function compiled<T>(
  errors: FieldError[],
  rule: ValidationRule,
  path: string,
  o: { prefix: string; work: () => T },
): T | undefined {
  try {
    return o.work();
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    const isSyntax = error.message.startsWith('ERROR');
    const why = isSyntax ? o.prefix + error.message : error.message;
    errors.push(invalid(path, new fieldErrors.GoText(ruleText(rule)), why));
    return undefined;
  }
}

/** The rule as Go prints its structure; pointers as nil, since their addresses mean nothing. */
function ruleText(rule: ValidationRule): string {
  const text = (value: string | undefined): string => goQuote(value ?? '');
  const { rule: source, message, messageExpression, fieldPath } = rule;
  return (
    `apiextensions.ValidationRule{Rule:${text(source)}, Message:${text(message)}, ` +
    `MessageExpression:${text(messageExpression)}, Reason:(*apiextensions.FieldValueErrorReason)(nil), ` +
    `FieldPath:${text(fieldPath)}, OptionalOldSelf:(*bool)(nil)}`
  );
}
