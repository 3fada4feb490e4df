/** Expressions in objects: where they stand, and what tells whether they compile. */
import { invalid } from '../field-error.ts';
import type { Errors } from './common.ts';

/** A place where an expression stands: it decides what the expression may name and must give. */
export type ExpressionPlace = 'condition' | 'validation' | 'message' | 'value' | 'variable';

/** What is wrong with an expression; `hasParams`: whether it may name parameters. */
export type ExpressionCheck = (
  source: string,
  place: ExpressionPlace,
  hasParams: boolean,
) => string | undefined;

/** The expressions of one object. */
export interface ExpressionScope {
  readonly check?: ExpressionCheck | undefined;
  readonly hasParams: boolean;
}

/** Adds what is wrong with an expression that is not empty, if there is something to compile it with. */
export function validateExpression(
  errors: Errors,
  path: string,
  source: string,
  { check, hasParams, place }: ExpressionScope & { readonly place: ExpressionPlace },
): void {
  const why = check?.(source, place, hasParams);
  if (why !== undefined) errors.push(invalid(path, source, why));
}
