/** Rules of a schema, compiled: one tree in the shape of the schema, evaluated along an object. */
import { isDeepStrictEqual } from 'node:util';
import { fieldErrors, isJsonObject, type KubeObject, type ValidationRule } from '@kubets/api';
import { Optional } from '@marcbachmann/cel-js';
import {
  CompileError,
  CostError,
  compile,
  EvaluationFailure,
  type Expression,
  newEnvironment,
} from '../cel/engine.ts';
import { objectSchema, TypeNames } from '../cel/schema-types.ts';
import { typedValue } from '../cel/values.ts';
import { type Before, itemBefore, join, memberBefore } from './schema-validation.ts';
import { additionalSchema, hasRules, itemSchema, type Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;

interface Rule {
  readonly source: ValidationRule;
  readonly expression: Expression;
  readonly message: Expression | undefined;
  /** Speaks of the value before the change. */
  readonly isTransition: boolean;
}

interface Node {
  readonly schema: Schema;
  readonly rules: readonly Rule[];
  readonly properties: ReadonlyMap<string, Node>;
  readonly items: Node | undefined;
  readonly additional: Node | undefined;
}

/** The types a schema gives to `self` and `oldSelf`. */
function environmentOf(schema: Schema, rule: ValidationRule) {
  const types = newEnvironment();
  const self = new TypeNames(types).of(schema);
  types.registerVariable('self', self);
  types.registerVariable('oldSelf', rule.optionalOldSelf ? `optional<${self}>` : self);
  return { types, variables: ['self', 'oldSelf'] };
}

/** Compiles one rule. @throws CompileError */
export function compileRule(schema: Schema, rule: ValidationRule): Rule {
  const env = environmentOf(schema, rule);
  const { expression, type } = compile(rule.rule, env);
  if (type !== 'bool' && type !== 'dyn') {
    throw new CompileError('cel expression must evaluate to a bool');
  }
  const isTransition = expression.names.has('oldSelf');
  return { source: rule, expression, message: undefined, isTransition };
}

/** Compiles what makes a rule's message. @throws CompileError */
export function compileMessage(schema: Schema, rule: ValidationRule): Expression | undefined {
  if (!rule.messageExpression) return undefined;
  const { expression, type } = compile(rule.messageExpression, environmentOf(schema, rule));
  if (type === 'string' || type === 'dyn') return expression;
  throw new CompileError('messageExpression must evaluate to a string');
}

function nodeOf(schema: Schema, isRoot: boolean): Node {
  const isObject = isRoot || schema['x-kubernetes-embedded-resource'] === true;
  const typed = isObject ? objectSchema(schema) : schema;
  const below = (one: Schema | undefined): Node | undefined =>
    one !== undefined && hasRules(one) ? nodeOf(one, false) : undefined;
  const properties = new Map<string, Node>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const node = below(property);
    if (node !== undefined) properties.set(name, node);
  }
  const rules = (schema['x-kubernetes-validations'] ?? []).map((rule) => ({
    ...compileRule(typed, rule),
    message: compileMessage(typed, rule),
  }));
  const items = below(itemSchema(schema));
  return { schema: typed, rules, properties, items, additional: below(additionalSchema(schema)) };
}

interface At {
  readonly path: string;
  readonly old: Before | undefined;
}

export class RuleTree {
  readonly #root: Node;

  /** @throws CompileError */
  constructor(schema: Schema) {
    this.#root = nodeOf(schema, true);
  }

  errors(object: KubeObject, old?: KubeObject): FieldError[] {
    const errors: FieldError[] = [];
    walk(errors, this.#root, object, { path: '', old: old && { value: old } });
    return errors;
  }
}

function walk(errors: FieldError[], node: Node, value: unknown, at: At): void {
  if (value === undefined || (value === null && node.schema.nullable)) return;
  for (const rule of node.rules) {
    const error = judge(node, rule, value, at);
    if (error !== undefined) errors.push(error);
  }
  if (Array.isArray(value) && node.items !== undefined) {
    const { items, schema } = node;
    value.forEach((item, i) => {
      const old = itemBefore(schema, item, at.old);
      walk(errors, items, item, { path: `${at.path}[${i}]`, old });
    });
  }
  if (!isJsonObject(value)) return;
  for (const name of Object.keys(value).sort()) {
    const below = node.properties.get(name) ?? extraNode(node, name);
    if (below === undefined) continue;
    const old = memberBefore(node.schema, name, at.old);
    walk(errors, below, value[name], { path: memberPath(node, at.path, name), old });
  }
}

function extraNode(node: Node, name: string): Node | undefined {
  return Object.hasOwn(node.schema.properties ?? {}, name) ? undefined : node.additional;
}

/** Keys of maps stand in brackets. */
function memberPath(node: Node, path: string, name: string): string {
  return Object.hasOwn(node.schema.properties ?? {}, name) ? join(path, name) : `${path}[${name}]`;
}

function judge(node: Node, rule: Rule, value: unknown, at: At): FieldError | undefined {
  const { source, expression, isTransition } = rule;
  const { old } = at;
  if (isTransition && old === undefined && !source.optionalOldSelf) return undefined;
  if (!isTransition && old !== undefined && isDeepStrictEqual(old.value, value)) return undefined;
  const path = at.path === '' ? '<nil>' : at.path;
  const shown = node.schema.type ?? '';
  const variables = variablesOf(node.schema, source, value, old);
  try {
    if (expression.evaluate(variables) === true) return undefined;
  } catch (error) {
    if (!(error instanceof EvaluationFailure)) throw error;
    const label = source.message || source.rule.trim();
    const detail =
      error instanceof CostError
        ? `no further validation rules will be run due to call cost exceeds limit for rule: ${label}`
        : `${error.message} evaluating rule: ${label}`;
    return fieldErrors.invalid(path, shown, detail);
  }
  const detail = messageOf(rule, variables);
  return refusal(source, { path: fieldOf(at.path, source.fieldPath), shown, detail });
}

function variablesOf(
  schema: Schema,
  rule: ValidationRule,
  value: unknown,
  old: Before | undefined,
) {
  const self = typedValue(value, schema);
  const before = old === undefined ? undefined : typedValue(old.value, schema);
  if (!rule.optionalOldSelf) return { self, ...(old ? { oldSelf: before } : {}) };
  return { self, oldSelf: old === undefined ? Optional.none() : Optional.of(before) };
}

function messageOf(rule: Rule, variables: Record<string, unknown>): string {
  const { message, messageExpression, rule: text } = rule.source;
  const fixed = message || `failed rule: ${text.trim()}`;
  if (!messageExpression || rule.message === undefined) return fixed;
  try {
    const made = rule.message.evaluate(variables);
    const isFit = typeof made === 'string' && made.trim() !== '' && !made.includes('\n');
    return isFit ? made.trim() : fixed;
  } catch (error) {
    if (error instanceof EvaluationFailure) return fixed;
    throw error;
  }
}

/** The field a rule points at below its own place: `.a.b`, `['a']`. */
function fieldOf(path: string, below: string | undefined): string {
  const steps = [...(below ?? '').matchAll(/\.([^.[\]]+)|\['([^']*)'\]/g)];
  const whole = steps.reduce((at, step) => join(at, step[1] ?? step[2] ?? ''), path);
  return whole === '' ? '<nil>' : whole;
}

function refusal(
  rule: ValidationRule,
  o: { path: string; shown: string; detail: string },
): FieldError {
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return fieldErrors.forbidden(o.path, o.detail);
    case 'FieldValueRequired':
      return fieldErrors.required(o.path, o.detail);
    case 'FieldValueDuplicate':
      return fieldErrors.duplicate(o.path, o.shown);
    default:
      return fieldErrors.invalid(o.path, o.shown, o.detail);
  }
}
