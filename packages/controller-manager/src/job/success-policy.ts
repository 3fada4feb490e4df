import type { Job, SuccessPolicyRule } from '@kubets/api';
import { parseIndexes } from './indexes.ts';

/**
 * The place of the first rule of `spec.successPolicy` that the succeeded indexes fulfil; `undefined`:
 * none yet (KEP-3998).
 */
export function matchSuccessPolicy(job: Job, completed: ReadonlySet<number>): number | undefined {
  if (completed.size === 0) return undefined;
  const rules = job.spec?.successPolicy?.rules ?? [];
  const at = rules.findIndex((rule) => isFulfilled(rule, completed, job.spec?.completions ?? 0));
  return at < 0 ? undefined : at;
}

function isFulfilled(
  rule: SuccessPolicyRule,
  completed: ReadonlySet<number>,
  completions: number,
): boolean {
  const { succeededCount, succeededIndexes } = rule;
  if (succeededIndexes === undefined) {
    return succeededCount !== undefined && completed.size >= succeededCount;
  }
  const wanted = parseIndexes(succeededIndexes, completions);
  if (wanted.size === 0) return false;
  const done = [...wanted].filter((index) => completed.has(index)).length;
  return done >= (succeededCount ?? wanted.size);
}
