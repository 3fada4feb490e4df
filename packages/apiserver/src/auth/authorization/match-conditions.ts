/** Conditions of authorisation webhooks: expressions over the review that would be sent. Loaded with the first one. */
import { asItIs, type Declared, declared } from '../../cel/declared.ts';
import { CompileError, compile, EvaluationFailure, type Expression } from '../../cel/engine.ts';
import { typeText } from '../../cel/types.ts';

const TEXT = { type: 'string' } as const;
const TEXTS = { type: 'array', items: TEXT } as const;
const texts = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, TEXT]));

const REQUIREMENTS = {
  type: 'array',
  items: { type: 'object', properties: { ...texts('key', 'operator'), values: TEXTS } },
} as const;
const SELECTOR = {
  type: 'object',
  properties: { rawSelector: TEXT, requirements: REQUIREMENTS },
} as const;

/** What the stock server's checker knows of a SubjectAccessReview's spec. */
const SPEC = declared(
  {
    type: 'object',
    properties: {
      resourceAttributes: {
        type: 'object',
        properties: {
          ...texts('namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'),
          fieldSelector: SELECTOR,
          labelSelector: SELECTOR,
        },
      },
      nonResourceAttributes: { type: 'object', properties: texts('path', 'verb') },
      ...texts('user', 'uid'),
      groups: TEXTS,
      extra: { type: 'object', additionalProperties: TEXTS },
    },
  },
  'kubernetes.SubjectAccessReviewSpec',
  asItIs,
) as Declared;

const NAMES = new Map([['request', SPEC.type]]);

/** @throws CompileError whose message says what is wrong */
function compiled(source: string): Expression {
  let expression: Expression;
  try {
    expression = compile(source, NAMES);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    throw new CompileError(`compilation failed: ${error.message}`, { cause: error });
  }
  if (expression.type.kind === 'bool') return expression;
  throw new CompileError(`must evaluate to bool but got ${typeText(expression.type)}`);
}

/** What is wrong with a condition; undefined: nothing. */
export function conditionProblem(source: string): string | undefined {
  try {
    compiled(source);
    return undefined;
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}

/** No condition is false, but at least one could not be evaluated. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';
}

/** The spec of a review with everything that expressions may speak of. */
export interface ReviewedSpec {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: object;
  readonly resourceAttributes?: object;
  readonly nonResourceAttributes?: object;
}

/**
 * Makes the conditions into a question to a spec: whether all hold. The question throws ConditionError when none is false but one
 * fails. @throws CompileError
 */
export function matcherOf(sources: readonly string[]): (spec: ReviewedSpec) => boolean {
  const all = sources.map((source) => ({ source, expression: compiled(source) }));
  return (spec) => {
    const request = SPEC.value(spec);
    const failures: string[] = [];
    for (const { source, expression } of all) {
      try {
        if (expression.evaluate({ request }) !== true) return false;
      } catch (error) {
        if (!(error instanceof EvaluationFailure)) throw error;
        const why = `expression '${source}' resulted in error: ${error.message}`;
        failures.push(`cel evaluation error: ${why}`);
      }
    }
    if (failures.length === 0) return true;
    throw new ConditionError(failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`);
  };
}
