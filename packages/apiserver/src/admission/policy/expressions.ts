/** Policies compiled, and what they say of a write. Loaded with the first policy or condition. */
import type { MatchCondition, ValidatingAdmissionPolicySpec, Variable } from '@kubets/api';
import {
  CompileError,
  compile,
  type Environment,
  EvaluationFailure,
  type Expression,
} from '../../cel/engine.ts';
import { AUTHORIZER_TYPE } from '../../cel/library/authorization.ts';
import { patchLibrary } from '../../cel/library/patches.ts';
import {
  DYN,
  inner,
  type Kind,
  listOf,
  mapOf,
  objectType,
  type Type,
  typeText,
} from '../../cel/types.ts';
import { NamedValues } from '../../cel/values.ts';

/** Names that expressions of policies and webhooks may use everywhere. */
const ALWAYS = ['object', 'oldObject', 'request', 'namespaceObject'] as const;

/** A place where an expression stands. */
export type Place =
  | ('condition' | 'validation' | 'message' | 'value' | 'variable')
  | ('applyConfiguration' | 'jsonPatch');

/** Where expressions stand altogether. */
export interface Surroundings {
  /** Whether the policy has parameters. */
  readonly hasParams: boolean;
  /** Those of a policy: webhooks have none. */
  readonly variables?: VariableTypes;
}

/** The types of a policy's variables. */
export class VariableTypes {
  readonly #fields = new Map<string, Type>();
  readonly type = objectType('kubernetes.variables', () => this.#fields);

  /** Makes a variable known to the expressions that follow. One that does not compile may be anything. */
  add(name: string, type: Type = DYN): void {
    this.#fields.set(name, kept(type));
  }
}

const PLAIN: ReadonlySet<Kind> = new Set([
  ...(['bool', 'int', 'uint', 'double', 'string', 'bytes'] as const),
  ...(['null', 'duration', 'timestamp'] as const),
]);

/** What the stock server keeps of the type of a variable: of objects and optionals nothing. */
function kept(type: Type): Type {
  if (type.kind === 'list') return listOf(kept(inner(type)));
  if (type.kind === 'map') return mapOf(kept(inner(type)), kept(inner(type, 1)));
  return PLAIN.has(type.kind) ? type : DYN;
}

/** What expressions that change objects have to give. */
const CHANGES: Readonly<Partial<Record<Place, Type>>> = {
  applyConfiguration: objectType('Object'),
  jsonPatch: listOf(objectType('JSONPatch')),
};

const WANTED: Readonly<Record<Place, readonly Kind[]>> = {
  applyConfiguration: [],
  jsonPatch: [],
  condition: ['bool'],
  validation: ['bool'],
  message: ['string'],
  value: ['string', 'null'],
  variable: [],
};

export type Facts = Readonly<Record<string, unknown>>;

/** The names an expression may use, and their types where there is no other. */
export function namesAt(place: Place, { hasParams, variables }: Surroundings): Environment {
  const names = new Map<string, Type>(ALWAYS.map((name) => [name, DYN]));
  if (hasParams) names.set('params', DYN);
  // Conditions are asked before there are variables.
  if (variables !== undefined && place !== 'condition') names.set('variables', variables.type);
  // A message may not tell about the rights of users.
  if (place !== 'message') names.set('authorizer', AUTHORIZER_TYPE);
  return names;
}

/** Compiles one expression. @throws CompileError */
export function compileExpression(source: string, place: Place, around: Surroundings): Expression {
  const change = CHANGES[place];
  if (change !== undefined) return compileChange(source, change, namesAt(place, around));
  const expression = compile(source, namesAt(place, around));
  const wanted = WANTED[place];
  const { kind } = expression.type;
  if (wanted.length === 0 || kind === 'dyn' || wanted.includes(kind)) return expression;
  const names = wanted.map((one) => (one === 'null' ? 'null_type' : one)).join(' or ');
  throw new CompileError(`must evaluate to ${names} but got ${typeText(expression.type)}`);
}

/** @throws CompileError */
function compileChange(source: string, wanted: Type, names: Environment): Expression {
  const expression = compile(source, names, patchLibrary());
  const found = typeText(expression.type);
  if (found === typeText(wanted)) return expression;
  throw new CompileError(`must evaluate to ${typeText(wanted)} but got ${found}`);
}

/** What an expression that could not be evaluated says for itself. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** What the expressions of one policy, or the conditions of one webhook, may still cost together. */
export class Budget {
  #left: number;

  constructor(units: number) {
    this.#left = units;
  }

  /** @throws ExpressionError when it is used up */
  pay(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new ExpressionError(OUT_OF_BUDGET);
  }
}

/** The stock server's bounds. */
export const POLICY_BUDGET = 10_000_000;
const CONDITIONS_BUDGET = 2_500_000;
const OUT_OF_BUDGET =
  'validation failed due to running out of cost budget, no further validation rules will be run';

export class Source {
  readonly #text: string;
  readonly #compiled: Expression | string;

  constructor(text: string, place: Place, around: Surroundings) {
    this.#text = text;
    this.#compiled = compiledOr(text, place, around);
  }

  /** Undefined when it does not compile. */
  get type(): Type | undefined {
    return typeof this.#compiled === 'string' ? undefined : this.#compiled.type;
  }

  /** @throws ExpressionError */
  evaluate(facts: Facts, budget: Budget): unknown {
    if (typeof this.#compiled === 'string') {
      throw new ExpressionError(`compilation error: ${this.#compiled}`);
    }
    const outcome = this.#compiled.measure(facts);
    budget.pay(outcome.cost);
    try {
      return outcome.value();
    } catch (error) {
      if (!(error instanceof EvaluationFailure)) throw error;
      throw new ExpressionError(`expression '${this.#text}' resulted in error: ${error.message}`);
    }
  }
}

function compiledOr(text: string, place: Place, around: Surroundings): Expression | string {
  try {
    return compileExpression(text, place, around);
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}

/** Conditions that all have to hold for a policy or webhook to be asked. */
export class Conditions {
  readonly #conditions: readonly Source[];

  constructor(conditions: readonly MatchCondition[], around: Surroundings) {
    this.#conditions = conditions.map(
      ({ expression }) => new Source(expression, 'condition', around),
    );
  }

  /** False as soon as one does not hold. @throws ExpressionError when none is false but one fails */
  hold(facts: Facts): boolean {
    const budget = new Budget(CONDITIONS_BUDGET);
    const failures: string[] = [];
    for (const condition of this.#conditions) {
      try {
        if (condition.evaluate(facts, budget) !== true) return false;
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        failures.push(error.message);
      }
    }
    if (failures.length === 0) return true;
    throw new ExpressionError(
      failures.length === 1 ? (failures[0] ?? '') : `[${failures.join(', ')}]`,
    );
  }
}

/** The variables of a policy. */
export class PolicyVariables {
  readonly #all: readonly { readonly name: string; readonly source: Source }[];

  /** @param around where the types of the variables are told */
  constructor(
    all: readonly Variable[],
    around: Surroundings & { readonly variables: VariableTypes },
  ) {
    this.#all = all.map(({ name, expression }) => {
      const source = new Source(expression, 'variable', around);
      around.variables.add(name, source.type);
      return { name, source };
    });
  }

  /** Each is computed when first spoken of, and may speak of those before it. */
  valuesFor(given: Facts, budget: Budget): NamedValues {
    const makers = new Map<string, () => unknown>();
    const variables = new NamedValues(makers);
    for (const { name, source } of this.#all) {
      let known: { readonly value: unknown } | undefined;
      makers.set(name, () => {
        try {
          known ??= { value: source.evaluate({ ...given, variables }, budget) };
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error;
          throw new EvaluationFailure(
            `composited variable "${name}" fails to evaluate: ${error.message}`,
          );
        }
        return known.value;
      });
    }
    return variables;
  }
}

/** One complaint of a policy. */
export interface Verdict {
  readonly message: string;
  /** Reason of the Status; empty: Invalid. */
  readonly reason: string;
  /** The expression itself failed: what then counts is the policy's to say. */
  readonly isFailure: boolean;
  /** Place of the validation in the policy. */
  readonly index: number;
}

/** What a policy says of a write. */
export interface Findings {
  /** What it has against it; empty when it is fine, or not meant. */
  readonly verdicts: readonly Verdict[];
  /** What it wants noted in the audit event, by keys of its own. */
  readonly notes: readonly (readonly [string, string])[];
}

const NOTHING: Findings = { verdicts: [], notes: [] };

interface Validation {
  readonly expression: Source;
  readonly messageExpression: Source | undefined;
  readonly text: string;
  readonly message: string | undefined;
  readonly reason: string;
}

export class CompiledPolicy {
  readonly #conditions: Conditions;
  readonly #variables: PolicyVariables;
  readonly #validations: readonly Validation[];

  readonly #annotations: readonly { readonly key: string; readonly source: Source }[];

  constructor(spec: ValidatingAdmissionPolicySpec) {
    const variables = new VariableTypes();
    const around = { hasParams: spec.paramKind !== undefined, variables };
    this.#conditions = new Conditions(spec.matchConditions ?? [], around);
    this.#variables = new PolicyVariables(spec.variables ?? [], around);
    this.#validations = (spec.validations ?? []).map((one) => ({
      expression: new Source(one.expression, 'validation', around),
      messageExpression: one.messageExpression
        ? new Source(one.messageExpression, 'message', around)
        : undefined,
      text: one.expression.trim(),
      message: one.message?.trim(),
      reason: one.reason ?? '',
    }));
    this.#annotations = (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      key,
      source: new Source(valueExpression, 'value', around),
    }));
  }

  findings(given: Facts): Findings {
    const budget = new Budget(POLICY_BUDGET);
    const facts = { ...given, variables: this.#variables.valuesFor(given, budget) };
    try {
      if (!this.#conditions.hold(facts)) return NOTHING;
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return { verdicts: [failed(error, 0)], notes: [] };
    }
    const verdicts = this.#validations.flatMap(
      (one, i) => verdictOf(one, i, { facts, budget }) ?? [],
    );
    const notes: [string, string][] = [];
    this.#annotations.forEach(({ key, source }, i) => {
      try {
        const value = source.evaluate(facts, budget);
        if (typeof value === 'string' && value.trim() !== '') notes.push([key, value.trim()]);
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        verdicts.push(failed(error, i));
      }
    });
    return { verdicts, notes };
  }
}

const failed = ({ message }: ExpressionError, index: number): Verdict => ({
  ...{ message, index },
  reason: '',
  isFailure: true,
});

/** One evaluation of a policy. */
interface Asked {
  readonly facts: Facts;
  readonly budget: Budget;
}

function verdictOf(one: Validation, index: number, asked: Asked): Verdict | undefined {
  try {
    if (one.expression.evaluate(asked.facts, asked.budget) === true) return undefined;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return failed(error, index);
  }
  const message = ownMessage(one, asked) ?? (one.message || `failed expression: ${one.text}`);
  return { message, reason: one.reason, isFailure: false, index };
}

function ownMessage(one: Validation, { facts, budget }: Asked): string | undefined {
  try {
    const made = one.messageExpression?.evaluate(facts, budget);
    if (typeof made !== 'string') return undefined;
    const text = made.trim();
    return text === '' || text.includes('\n') ? undefined : text;
  } catch (error) {
    if (error instanceof ExpressionError) return undefined;
    throw error;
  }
}
