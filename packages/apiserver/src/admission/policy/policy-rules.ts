/** Whether the expressions of a policy are expressions: checked when it is written. */

import { createRequire } from 'node:module';
import type { KindRules } from '@kubets/api';

type Expressions = typeof import('./expressions.ts');
type Place = Parameters<Expressions['compileExpression']>[1];
type Surroundings = Parameters<Expressions['compileExpression']>[2];

const load = createRequire(import.meta.url);

/** The rules of the kind ValidatingAdmissionPolicy. */
export const POLICY_RULES: KindRules = {
  expressionProblem: (source, place, hasParams) =>
    complaint(source, place, { hasParams, isPolicy: true }),
};

/** The rules of the kinds that configure webhooks. */
export const WEBHOOK_RULES: KindRules = {
  expressionProblem: (source, place, hasParams) =>
    complaint(source, place, { hasParams, isPolicy: false }),
};

function complaint(source: string, place: Place, around: Surroundings): string | undefined {
  const { compileExpression } = load('./expressions.ts') as Expressions;
  const { CompileError } = load('../../cel/errors.ts') as typeof import('../../cel/errors.ts');
  try {
    compileExpression(source, place, around);
    return undefined;
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return error.message.startsWith('ERROR')
      ? `compilation failed: ${error.message}`
      : error.message;
  }
}
