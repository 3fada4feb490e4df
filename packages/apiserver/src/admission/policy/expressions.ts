/** Policies compiled, and what they say of a write. Loaded with the first policy or condition. */
import type { MatchCondition, ValidatingAdmissionPolicySpec } from '@kubets/api';
import {
  CompileError,
  compile,
  EvaluationFailure,
  type Expression,
  newEnvironment,
} from '../../cel/engine.ts';

/** Names every expression of a policy may use. */
export const NAMES = [
  'object',
  'oldObject',
  'request',
  'namespaceObject',
  'params',
  'variables',
] as const;

type Wanted = 'bool' | 'string' | 'any';
type Facts = Readonly<Record<string, unknown>>;

/** Compiles one expression. @throws CompileError */
export function compileExpression(source: string, wanted: Wanted): Expression {
  const types = newEnvironment();
  for (const name of NAMES) types.registerVariable(name, 'dyn');
  const { expression, type } = compile(source, { types, variables: NAMES });
  if (wanted !== 'any' && type !== wanted && type !== 'dyn') {
    throw new CompileError(`must evaluate to ${wanted} but got ${type}`);
  }
  return expression;
}

/** What an expression that could not be evaluated says for itself. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

class Source {
  readonly #text: string;
  readonly #compiled: Expression | string;

  constructor(text: string, wanted: Wanted) {
    this.#text = text;
    this.#compiled = compiledOr(text, wanted);
  }

  /** @throws ExpressionError */
  evaluate(facts: Facts): unknown {
    if (typeof this.#compiled === 'string') {
      throw new ExpressionError(`compilation error: ${this.#compiled}`);
    }
    try {
      return this.#compiled.evaluate(facts);
    } catch (error) {
      if (!(error instanceof EvaluationFailure)) throw error;
      throw new ExpressionError(`expression '${this.#text}' resulted in error: ${error.message}`);
    }
  }
}

function compiledOr(text: string, wanted: Wanted): Expression | string {
  try {
    return compileExpression(text, wanted);
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}

/** Conditions that all have to hold for a policy or webhook to be asked. */
export class Conditions {
  readonly #conditions: readonly Source[];

  constructor(conditions: readonly MatchCondition[]) {
    this.#conditions = conditions.map(({ expression }) => new Source(expression, 'bool'));
  }

  /** False as soon as one does not hold. @throws ExpressionError when none is false but one fails */
  hold(facts: Facts): boolean {
    const failures: string[] = [];
    for (const condition of this.#conditions) {
      try {
        if (condition.evaluate(facts) !== true) return false;
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

/** One complaint of a policy. */
export interface Verdict {
  readonly message: string;
  /** Reason of the Status; empty: Invalid. */
  readonly reason: string;
  /** The expression itself failed: what then counts is the policy's to say. */
  readonly isFailure: boolean;
}

interface Validation {
  readonly expression: Source;
  readonly messageExpression: Source | undefined;
  readonly text: string;
  readonly message: string | undefined;
  readonly reason: string;
}

export class CompiledPolicy {
  readonly #conditions: Conditions;
  readonly #variables: readonly { readonly name: string; readonly source: Source }[];
  readonly #validations: readonly Validation[];

  constructor(spec: ValidatingAdmissionPolicySpec) {
    this.#conditions = new Conditions(spec.matchConditions ?? []);
    this.#variables = (spec.variables ?? []).map(({ name, expression }) => ({
      name,
      source: new Source(expression, 'any'),
    }));
    this.#validations = (spec.validations ?? []).map((one) => ({
      expression: new Source(one.expression, 'bool'),
      messageExpression: one.messageExpression
        ? new Source(one.messageExpression, 'string')
        : undefined,
      text: one.expression.trim(),
      message: one.message?.trim(),
      reason: one.reason ?? '',
    }));
  }

  /** What the policy says against a write; empty when it is fine, or not meant. */
  verdicts(given: Facts): Verdict[] {
    const facts = { ...given, variables: this.#lazyVariables(given) };
    try {
      if (!this.#conditions.hold(facts)) return [];
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return [{ message: error.message, reason: '', isFailure: true }];
    }
    return this.#validations.flatMap((one) => verdictOf(one, facts) ?? []);
  }

  /** Each is computed when first spoken of, and may speak of those before it. */
  #lazyVariables(given: Facts): object {
    const variables = {};
    for (const { name, source } of this.#variables) {
      let known: { readonly value: unknown } | undefined;
      Object.defineProperty(variables, name, {
        enumerable: true,
        get(): unknown {
          try {
            known ??= { value: source.evaluate({ ...given, variables }) };
          } catch (error) {
            if (!(error instanceof ExpressionError)) throw error;
            throw new EvaluationFailure(
              `composited variable "${name}" fails to evaluate: ${error.message}`,
            );
          }
          return known.value;
        },
      });
    }
    return variables;
  }
}

function verdictOf(one: Validation, facts: Facts): Verdict | undefined {
  try {
    if (one.expression.evaluate(facts) === true) return undefined;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { message: error.message, reason: '', isFailure: true };
  }
  const message = ownMessage(one, facts) ?? (one.message || `failed expression: ${one.text}`);
  return { message, reason: one.reason, isFailure: false };
}

function ownMessage(one: Validation, facts: Facts): string | undefined {
  try {
    const made = one.messageExpression?.evaluate(facts);
    if (typeof made !== 'string') return undefined;
    const text = made.trim();
    return text === '' || text.includes('\n') ? undefined : text;
  } catch (error) {
    if (error instanceof ExpressionError) return undefined;
    throw error;
  }
}
