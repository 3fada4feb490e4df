/** Rules of a schema, compiled: one tree in the shape of the schema, evaluated along an object. */
import { isDeepStrictEqual } from 'node:util';
import { fieldErrors, isJsonObject, type KubeObject, type ValidationRule } from '@kubets/api';
import { type Declared, declared, objectSchema } from '../cel/declared.ts';
import {
  CompileError,
  CostError,
  compile,
  type Environment,
  EvaluationFailure,
  type Expression,
} from '../cel/engine.ts';
import { NO_OVERLOAD } from '../cel/errors.ts';
import { optionalOf } from '../cel/types.ts';
import { Optional } from '../cel/values.ts';
import { fieldPath } from './field-path.ts';
import { type Before, itemBefore, join, memberBefore } from './schema-validation.ts';
import { additionalSchema, hasRules, itemSchema, type Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;

/** What all rules of an object may cost together; the stock server's. */
const BUDGET = 10_000_000;
/** Longest message an expression may make, in bytes; the stock server's. */
const MAX_MESSAGE_BYTES = 5_120;

interface Rule {
  readonly source: ValidationRule;
  readonly expression: Expression;
  readonly message: Expression | undefined;
  /** Speaks of the value before the change. */
  readonly isTransition: boolean;
}

interface Node {
  readonly schema: Schema;
  readonly declared: Declared;
  readonly rules: readonly Rule[];
  readonly properties: ReadonlyMap<string, Node>;
  readonly items: Node | undefined;
  readonly additional: Node | undefined;
}

/** How a type without a name of its own is called in complaints. */
const SELF_TYPE = 'selfType';

/** The type of a schema with rules. @throws CompileError for one that says nothing expressions could use */
export function declaredSelf(schema: Schema): Declared {
  const made = declared(schema, SELF_TYPE);
  if (made === undefined) throw new CompileError('the schema has no type');
  return made;
}

/** The types a schema gives to `self` and `oldSelf`. */
function environmentOf({ type }: Declared, rule: ValidationRule): Environment {
  return new Map([
    ['self', type],
    ['oldSelf', rule.optionalOldSelf ? optionalOf(type) : type],
  ]);
}

/** Compiles one rule. @throws CompileError */
export function compileRule(self: Declared, rule: ValidationRule): Rule {
  const expression = compile(rule.rule, environmentOf(self, rule));
  if (expression.type.kind !== 'bool') {
    throw new CompileError('cel expression must evaluate to a bool');
  }
  const isTransition = expression.names.has('oldSelf');
  return { source: rule, expression, message: undefined, isTransition };
}

/** Compiles what makes a rule's message. @throws CompileError */
export function compileMessage(self: Declared, rule: ValidationRule): Expression | undefined {
  if (!rule.messageExpression) return undefined;
  const expression = compile(rule.messageExpression, environmentOf(self, rule));
  if (expression.type.kind === 'string') return expression;
  throw new CompileError('messageExpression must evaluate to a string');
}

function nodeOf(schema: Schema, self: Declared): Node {
  const below = (one: Schema | undefined): Node | undefined => {
    const made = one !== undefined && hasRules(one) ? declared(one, SELF_TYPE) : undefined;
    return one && made && nodeOf(one, made);
  };
  const properties = new Map<string, Node>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const node = below(property);
    if (node !== undefined) properties.set(name, node);
  }
  const rules = (schema['x-kubernetes-validations'] ?? []).map((rule) => ({
    ...compileRule(self, rule),
    message: compileMessage(self, rule),
  }));
  const items = below(itemSchema(schema));
  const additional = below(additionalSchema(schema));
  return { schema, declared: self, rules, properties, items, additional };
}

interface At {
  readonly path: string;
  readonly old: Before | undefined;
  /** Whether the nearest value around it that can be compared has not changed. */
  readonly isUnchanged: boolean;
}

/** What the rules say against an object. */
export interface RuleFindings {
  readonly errors: readonly FieldError[];
  /** What is wrong with it but was so before, and may stay. */
  readonly tolerated: readonly FieldError[];
}

export class RuleTree {
  readonly #root: Node;

  /** @throws CompileError */
  constructor(schema: Schema) {
    const whole = objectSchema(schema);
    this.#root = nodeOf(schema, declaredSelf(whole));
  }

  findings(object: KubeObject, old?: KubeObject): RuleFindings {
    const evaluation = new Evaluation();
    const before = old && { value: old };
    const at = { path: '', old: before, isUnchanged: isSame(before, object, false) };
    evaluation.walk(this.#root, object, at);
    return evaluation;
  }
}

/** Whether a value is what it was; where that cannot be told, whether what it is in is. */
const isSame = (old: Before | undefined, value: unknown, around: boolean): boolean =>
  old === undefined ? around : isDeepStrictEqual(old.value, value);

/** One object against all rules, which share a budget. */
class Evaluation implements RuleFindings {
  readonly errors: FieldError[] = [];
  readonly tolerated: FieldError[] = [];
  #budget = BUDGET;
  #isOver = false;

  walk(node: Node, value: unknown, at: At): void {
    if (value === undefined || value === null) return;
    for (const rule of node.rules) {
      if (!this.#isOver) this.#judge(node, rule, value, at);
    }
    if (Array.isArray(value) && node.items !== undefined) {
      const { items, schema } = node;
      value.forEach((item, i) => {
        const old = itemBefore(schema, item, at.old);
        this.#below(items, item, at, { path: `${at.path}[${i}]`, old });
      });
    }
    if (!isJsonObject(value)) return;
    for (const name of Object.keys(value).sort()) {
      const below = node.properties.get(name) ?? extraNode(node, name);
      if (below === undefined) continue;
      const old = memberBefore(node.schema, name, at.old);
      this.#below(below, value[name], at, { path: memberPath(node, at.path, name), old });
    }
  }

  #below(node: Node, value: unknown, around: At, at: Omit<At, 'isUnchanged'>): void {
    if (this.#isOver) return;
    this.walk(node, value, { ...at, isUnchanged: isSame(at.old, value, around.isUnchanged) });
  }

  /** Nothing more is evaluated. */
  #end(path: string, shown: string, why: string): void {
    this.errors.push(fieldErrors.invalid(path, shown, why));
    this.#isOver = true;
  }

  /** @returns whether there was enough left */
  #pay(cost: number): boolean {
    if (cost > this.#budget) return false;
    this.#budget -= cost;
    return true;
  }

  #judge(node: Node, rule: Rule, value: unknown, at: At): void {
    const { source, expression, isTransition } = rule;
    const { old } = at;
    if (isTransition && old === undefined && !source.optionalOldSelf) return;
    const path = at.path === '' ? '<nil>' : at.path;
    const shown = node.schema.type ?? '';
    const variables = variablesOf(node.declared, source, value, old);
    const outcome = expression.measure(variables);
    if (!this.#pay(outcome.cost)) {
      this.#end(path, shown, OUT_OF_BUDGET);
      return;
    }
    try {
      if (outcome.value() === true) return;
    } catch (error) {
      if (!(error instanceof EvaluationFailure)) throw error;
      const detail = failureText(error, source);
      if (error instanceof CostError) this.#end(path, shown, detail);
      else this.errors.push(fieldErrors.invalid(path, shown, detail));
      return;
    }
    const field = fieldOf(node.schema, at.path, source.fieldPath);
    const detail = this.#message(rule, variables, { field, shown });
    if (detail === undefined) return;
    const error = refusal(source, { path: field, shown, detail });
    if (at.isUnchanged && !isTransition) this.tolerated.push(error);
    else this.errors.push(error);
  }

  /** undefined: making it cost too much, and that is what is told of. */
  #message(
    { message, source }: Rule,
    variables: Record<string, unknown>,
    { field, shown }: { field: string; shown: string },
  ): string | undefined {
    const fixed = source.message?.trim() || `failed rule: ${labelOf(source)}`;
    if (message === undefined) return fixed;
    const outcome = message.measure(variables);
    if (!this.#pay(outcome.cost)) {
      this.#end(field, shown, `messageExpression evaluation failed ${OUT_OF_BUDGET_BY}`);
      return undefined;
    }
    try {
      const made = outcome.value();
      const text = typeof made === 'string' ? made.trim() : '';
      const isFit = text !== '' && !text.includes('\n');
      return isFit && Buffer.byteLength(text) <= MAX_MESSAGE_BYTES ? text : fixed;
    } catch (error) {
      if (!(error instanceof EvaluationFailure)) throw error;
      if (!(error instanceof CostError)) return fixed;
      const quoted = JSON.stringify(source.messageExpression);
      const why = `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${quoted}`;
      this.#end(field, shown, why);
      return undefined;
    }
  }
}

const OUT_OF_BUDGET_BY =
  'due to running out of cost budget, no further validation rules will be run';
const OUT_OF_BUDGET = `validation failed ${OUT_OF_BUDGET_BY}`;

const labelOf = ({ message, rule }: ValidationRule): string => (message || rule).trim();

function failureText(error: EvaluationFailure, rule: ValidationRule): string {
  const { message } = error;
  const label = labelOf(rule);
  if (error instanceof CostError) {
    return `'${message}': no further validation rules will be run due to call cost exceeds limit for rule: ${label}`;
  }
  if (!message.startsWith(NO_OVERLOAD)) return `${message} evaluating rule: ${label}`;
  return `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${label}`;
}

function extraNode(node: Node, name: string): Node | undefined {
  return Object.hasOwn(node.schema.properties ?? {}, name) ? undefined : node.additional;
}

/** Keys of maps stand in brackets. */
function memberPath(node: Node, path: string, name: string): string {
  return Object.hasOwn(node.schema.properties ?? {}, name) ? join(path, name) : `${path}[${name}]`;
}

function variablesOf(
  self: Declared,
  rule: ValidationRule,
  value: unknown,
  old: Before | undefined,
): Record<string, unknown> {
  const now = self.value(value);
  const before = old === undefined ? undefined : self.value(old.value);
  if (!rule.optionalOldSelf) return { self: now, oldSelf: before };
  return { self: now, oldSelf: old === undefined ? Optional.none : Optional.of(before) };
}

/** The field a rule points at below its own place; keys of maps stand in brackets. */
function fieldOf(schema: Schema, path: string, below: string | undefined): string {
  const found = below ? fieldPath(below, schema) : undefined;
  const inside = typeof found === 'object' ? found.path : '';
  const whole = inside === '' ? path : join(path, inside);
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
