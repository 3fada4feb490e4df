/** Whether the expressions of a policy are expressions: checked when it is written. */

import { createRequire } from 'node:module';
import {
  fieldErrors,
  type KindRules,
  type KubeObject,
  type ValidatingAdmissionPolicy,
  type ValidatingWebhookConfiguration,
} from '@kubets/api';

type FieldError = fieldErrors.FieldError;
type Expressions = typeof import('./expressions.ts');
type Place = Parameters<Expressions['compileExpression']>[1];
type Surroundings = Parameters<Expressions['compileExpression']>[2];

const WEBHOOK: Surroundings = { hasParams: false, isPolicy: false };

const load = createRequire(import.meta.url);

/** The rules of the kind ValidatingAdmissionPolicy. */
export const POLICY_RULES: KindRules = {
  validateCreate: expressionErrors,
  validateUpdate: (object, _old, subresource) =>
    subresource === '' ? expressionErrors(object) : [],
};

/** The rules of the kinds that configure webhooks. */
export const WEBHOOK_RULES: KindRules = {
  validateCreate: conditionErrors,
  validateUpdate: (object) => conditionErrors(object),
};

function conditionErrors(object: KubeObject): FieldError[] {
  const { webhooks = [] } = object as ValidatingWebhookConfiguration;
  return webhooks.flatMap((hook, i) =>
    (hook.matchConditions ?? []).flatMap((one, j) => {
      const path = `webhooks[${i}].matchConditions[${j}].expression`;
      const why = one.expression.trim()
        ? complaint(one.expression, 'condition', WEBHOOK)
        : undefined;
      return why === undefined ? [] : [fieldErrors.invalid(path, one.expression, why)];
    }),
  );
}

function expressionErrors(object: KubeObject): FieldError[] {
  const { spec = {} } = object as ValidatingAdmissionPolicy;
  const errors: FieldError[] = [];
  const around = { hasParams: spec.paramKind !== undefined, isPolicy: true };
  const check = (path: string, source: string | undefined, place: Place): void => {
    const why = source?.trim() ? complaint(source, place, around) : undefined;
    if (why !== undefined) errors.push(fieldErrors.invalid(path, source ?? '', why));
  };
  (spec.variables ?? []).forEach((one, i) => {
    check(`spec.variables[${i}].expression`, one.expression, 'variable');
  });
  (spec.matchConditions ?? []).forEach((one, i) => {
    check(`spec.matchConditions[${i}].expression`, one.expression, 'condition');
  });
  (spec.validations ?? []).forEach((one, i) => {
    check(`spec.validations[${i}].expression`, one.expression, 'validation');
    check(`spec.validations[${i}].messageExpression`, one.messageExpression, 'message');
  });
  (spec.auditAnnotations ?? []).forEach((one, i) => {
    check(`spec.auditAnnotations[${i}].valueExpression`, one.valueExpression, 'value');
  });
  return errors;
}

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
