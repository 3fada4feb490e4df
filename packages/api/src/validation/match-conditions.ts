/** Named expressions of policies and webhooks. */
import { duplicate, invalid, required, tooMany } from '../field-error.ts';
import type { AuditAnnotation, MatchCondition, Variable } from '../generated/types.ts';
import { addMessages, type Errors } from './common.ts';
import { type ExpressionScope, validateExpression } from './expressions.ts';
import { qualifiedName } from './names.ts';

const MAX_CONDITIONS = 64;
const MAX_ANNOTATIONS = 20;
const MAX_VALUE_BYTES = 5 * 1024;

export function validateMatchConditions(
  errors: Errors,
  path: string,
  conditions: readonly MatchCondition[] | undefined,
  scope: ExpressionScope,
): void {
  const list = conditions ?? [];
  if (list.length > MAX_CONDITIONS) errors.push(tooMany(path, list.length, MAX_CONDITIONS));
  const names = new Set<string>();
  for (const [i, { name = '', expression = '' }] of list.entries()) {
    const source = `${path}[${i}].expression`;
    if (expression.trim() === '') errors.push(required(source));
    else validateExpression(errors, source, expression, { ...scope, place: 'condition' });
    const at = `${path}[${i}].name`;
    if (name === '') {
      errors.push(required(at));
      continue;
    }
    addMessages(errors, at, name, qualifiedName(name));
    if (names.has(name)) errors.push(duplicate(at, name));
    names.add(name);
  }
}

const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
/** Words of the expression language that are no names. */
const RESERVED = new Set(
  (
    'true false null in as break const continue else for function if import let loop package ' +
    'namespace return var void while'
  ).split(' '),
);

export function validateVariables(
  errors: Errors,
  path: string,
  variables: readonly Variable[] | undefined,
  scope: ExpressionScope,
): void {
  for (const [i, { name = '', expression = '' }] of (variables ?? []).entries()) {
    const at = `${path}[${i}].name`;
    if (name.trim() === '') errors.push(required(at, 'name is not specified'));
    else if (!IDENTIFIER.test(name) || RESERVED.has(name)) {
      errors.push(invalid(at, name, 'name is not a valid CEL identifier'));
    }
    const source = `${path}[${i}].expression`;
    if (expression.trim() === '') errors.push(required(source, 'expression is not specified'));
    else
      validateExpression(errors, source, expression, {
        ...scope,
        ...{ place: 'variable', variable: name },
      });
  }
}

/** @param scope with the name of the policy, which stands before the slash in the annotation's full key */
export function validateAuditAnnotations(
  errors: Errors,
  path: string,
  annotations: readonly AuditAnnotation[] | undefined,
  scope: ExpressionScope & { readonly policy: string },
): void {
  const list = annotations ?? [];
  if (list.length > MAX_ANNOTATIONS) {
    const why = `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`;
    errors.push(invalid(path, list, why));
  }
  const keys = new Set<string>();
  for (const [i, { key = '', valueExpression = '' }] of list.entries()) {
    const at = `${path}[${i}].key`;
    const full = `${scope.policy}/${key}`;
    addMessages(errors, at, full, qualifiedName(full));
    const text = valueExpression.trim();
    const value = `${path}[${i}].valueExpression`;
    if (text === '') errors.push(required(value, 'valueExpression is not specified'));
    else if (Buffer.byteLength(text) > MAX_VALUE_BYTES) {
      errors.push(required(value, `must not exceed ${MAX_VALUE_BYTES} bytes in length`));
    } else validateExpression(errors, value, valueExpression, { ...scope, place: 'value' });
    if (keys.has(key)) errors.push(duplicate(at, key));
    keys.add(key);
  }
}
