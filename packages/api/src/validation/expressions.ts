/** Expressions in objects: where they stand, and what tells whether they compile. */
import { invalid } from '../field-error.ts';
import type { Errors } from './common.ts';

/** A place where an expression stands: it decides what the expression may name and must give. */
export type ExpressionPlace =
  | ('condition' | 'validation' | 'message' | 'value' | 'variable')
  | ('applyConfiguration' | 'jsonPatch');

/** What is known of an expression besides its place. */
export interface ExpressionAbout {
  /** Whether it may name parameters. */
  readonly hasParams: boolean;
  /** Stands for one look at a policy: variables that were seen in it are known from then on. */
  readonly look?: object;
  /** The name of the variable it defines. */
  readonly variable?: string;
}

/** What is wrong with an expression. */
export type ExpressionCheck = (
  source: string,
  place: ExpressionPlace,
  about: ExpressionAbout,
) => string | undefined;

/** The expressions of one object. */
export interface ExpressionScope extends ExpressionAbout {
  readonly check?: ExpressionCheck | undefined;
}

/** Adds what is wrong with an expression that is not empty, if there is something to compile it with. */
export function validateExpression(
  errors: Errors,
  path: string,
  source: string,
  { check, place, ...about }: ExpressionScope & { readonly place: ExpressionPlace },
): void {
  const why = check?.(source, place, about);
  if (why !== undefined) errors.push(invalid(path, source, why));
}
