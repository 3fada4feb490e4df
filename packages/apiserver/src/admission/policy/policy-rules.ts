/** Whether the expressions of a policy are expressions: checked when it is written. */

import { createRequire } from 'node:module';
import type { KindRules } from '@kubets/api';

type Expressions = typeof import('./expressions.ts');
type Place = Parameters<Expressions['compileExpression']>[1];
type Surroundings = Parameters<Expressions['compileExpression']>[2];
type Compiled = ReturnType<Expressions['compileExpression']>;
type Variables = NonNullable<Surroundings['variables']>;

/** By look at a policy. */
const known = new WeakMap<object, Variables>();

function variablesOf(look: object): Variables {
  const { VariableTypes } = load('./expressions.ts') as Expressions;
  const variables = known.get(look) ?? new VariableTypes();
  known.set(look, variables);
  return variables;
}

const load = createRequire(import.meta.url);

/** The rules of the kind ValidatingAdmissionPolicy. */
export const POLICY_RULES: KindRules = {
  expressionProblem(source, place, { hasParams, look = {}, variable }) {
    const variables = variablesOf(look);
    const said = complaint(source, place, { hasParams, variables });
    const why = typeof said === 'string' ? said : undefined;
    if (variable !== undefined) {
      variables.add(variable, typeof said === 'string' ? undefined : said.type);
    }
    return why;
  },
};

/** The rules of the kinds that configure webhooks. */
export const WEBHOOK_RULES: KindRules = {
  expressionProblem(source, place, { hasParams }) {
    const said = complaint(source, place, { hasParams });
    return typeof said === 'string' ? said : undefined;
  },
};

/** The expression, or why it is none. */
function complaint(source: string, place: Place, around: Surroundings): Compiled | string {
  const { compileExpression } = load('./expressions.ts') as Expressions;
  const { CompileError } = load('../../cel/errors.ts') as typeof import('../../cel/errors.ts');
  try {
    return compileExpression(source, place, around);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return error.message.startsWith('ERROR')
      ? `compilation failed: ${error.message}`
      : error.message;
  }
}
