/** Whether the schema of a version can be used; order and texts are the stock server's. */
import { createRequire } from 'node:module';
import { fieldErrors } from '@kubets/api';
import { defaultErrors } from './default-rules.ts';
import { type CheckRules, SchemaWalk } from './open-api-rules.ts';
import { totalFaults } from './rule-costs.ts';
import type { Schema } from './structural.ts';
import { structuralErrors, unstructured } from './structural-rules.ts';

type FieldError = fieldErrors.FieldError;
const { forbidden, invalid } = fieldErrors;

const load = createRequire(import.meta.url);
type Checks = typeof import('./rule-checks.ts');

/** What is known about a version beside its schema. */
export interface SchemaContext {
  /** Its status is written apart, so that the root says little. */
  readonly hasStatus?: boolean;
  /** The schema is what it was: its rules may cost what they cost. */
  readonly isUnchanged?: boolean;
}

/** Everything wrong with the schema of a version. */
export function schemaErrors(
  schema: Schema,
  path: string,
  context: SchemaContext = {},
): FieldError[] {
  const errors: FieldError[] = [];
  if (context.hasStatus) statusErrors(errors, schema, path);
  if (schema.nullable) {
    errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  }
  const odd = unstructured(schema);
  const structural = odd === undefined ? structuralErrors(schema, path) : [];
  if (structural.length === 0 && odd === undefined) structural.push(...defaultErrors(schema, path));
  errors.push(...structural);
  const isSound = odd === undefined && structural.length === 0;
  const walk = new SchemaWalk(rulesWith({ isSound, ...context }));
  const found = walk.look(schema, { path, isRoot: true, most: 1 });
  errors.push(...found.schema, ...found.rules);
  if (errors.length === 0 && odd !== undefined) errors.push(invalid(path, '', odd));
  if (isSound) errors.push(...totalFaults(path, walk.costs));
  return errors;
}

/** Rules are looked at where all around them is fine; the engine is loaded for the first of them. */
function rulesWith(o: SchemaContext & { isSound: boolean }): CheckRules {
  return (schema, at, found) => {
    const rules = schema['x-kubernetes-validations'] ?? [];
    if (rules.length === 0) return;
    const { RuleChecks, ruleFormErrors } = load('./rule-checks.ts') as Checks;
    rules.forEach((rule, i) => {
      ruleFormErrors(found.schema, rule, {
        ...{ schema, at: `${at.path}.x-kubernetes-validations[${i}]` },
      });
    });
    if (found.schema.length > 0 || !o.isSound || at.inCombination) return;
    new RuleChecks(o.isUnchanged === true).check(schema, at, found);
  };
}

/** What may stand at the root beside the properties when the status is written apart. */
const ROOT_FIELDS = [
  ...['Description', 'Type', 'Format', 'Title', 'Maximum', 'ExclusiveMaximum', 'Minimum'],
  ...['ExclusiveMinimum', 'MaxLength', 'MinLength', 'Pattern', 'MaxItems', 'MinItems'],
  ...['UniqueItems', 'MultipleOf', 'Required', 'Items', 'Properties', 'ExternalDocs', 'Example'],
  ...['XPreserveUnknownFields', 'XValidations'],
];

/** A field of a schema as Go calls it: `x-kubernetes-list-type` is XListType. */
const goName = (name: string): string => {
  const words = name
    .replace(/^\$/, '')
    .replace(/^x-kubernetes-/, 'x-')
    .split('-');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
};

function statusErrors(errors: FieldError[], schema: Schema, path: string): void {
  if (schema.type && schema.type !== 'object') {
    const why =
      'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    errors.push(invalid(`${path}.type`, schema.type, why));
    return;
  }
  const given = Object.entries(schema).filter(
    ([, value]) => value !== undefined && value !== false,
  );
  if (given.every(([name]) => ROOT_FIELDS.includes(goName(name)))) return;
  const shown = new fieldErrors.GoText('apiextensions.JSONSchemaProps{…}');
  const why = `only [${ROOT_FIELDS.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`;
  errors.push(invalid(path, shown, why));
}
