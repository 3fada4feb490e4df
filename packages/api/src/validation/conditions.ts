/** Conditions in the form all newer kinds share. */
import { duplicate, invalid, notSupported, required, tooLong } from '../field-error.ts';
import type { Condition } from '../generated/types.ts';
import { addMessages, type Errors } from './common.ts';
import { conditionReason, qualifiedName } from './names.ts';

const STATUSES = ['False', 'True', 'Unknown'];
const MAX_REASON = 1024;
const MAX_MESSAGE = 32 * 1024;

function validateCondition(errors: Errors, path: string, c: Partial<Condition>): void {
  const { type = '', status = '', reason = '', message = '', observedGeneration = 0 } = c;
  addMessages(errors, `${path}.type`, type, qualifiedName(type));
  if (!STATUSES.includes(status)) errors.push(notSupported(`${path}.status`, status, STATUSES));
  if (observedGeneration < 0) {
    const why = 'must be greater than or equal to zero';
    errors.push(invalid(`${path}.observedGeneration`, observedGeneration, why));
  }
  if (!c.lastTransitionTime) errors.push(required(`${path}.lastTransitionTime`, 'must be set'));
  const at = `${path}.reason`;
  if (reason === '') errors.push(required(at, 'must be set'));
  else {
    addMessages(errors, at, reason, conditionReason(reason));
    if (Buffer.byteLength(reason) > MAX_REASON) errors.push(tooLong(at, '', MAX_REASON));
  }
  if (Buffer.byteLength(message) > MAX_MESSAGE) {
    errors.push(tooLong(`${path}.message`, '', MAX_MESSAGE));
  }
}

/** A list of conditions at `path`, each of another type. */
export function validateConditions(
  errors: Errors,
  path: string,
  conditions: readonly Condition[] | undefined,
): void {
  const seen = new Set<string>();
  (conditions ?? []).forEach((c, i) => {
    if (seen.has(c.type)) errors.push(duplicate(`${path}[${i}].type`, c.type));
    seen.add(c.type);
    validateCondition(errors, `${path}[${i}]`, c);
  });
}
