/** What a job does about failed pods and when it counts as done early: `podFailurePolicy`, `successPolicy`. */
import {
  duplicate,
  GoText,
  invalid,
  notSupported,
  OMITTED,
  required,
  tooLong,
  tooMany,
} from '../field-error.ts';
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../generated/types.ts';
import { addMessages, type Errors, notNegative } from './common.ts';
import { goList, goPointer } from './go-dump.ts';
import { countIndexes, IndexesError } from './job-indexes.ts';
import { qualifiedName } from './names.ts';

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const STATUSES = ['False', 'True', 'Unknown'];

const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_PATTERNS = 20;
const MAX_INDEXES_BYTES = 64 * 1024;

const validValues = (values: readonly string[]): string =>
  `valid values: [${values.map((one) => JSON.stringify(one)).join(' ')}]`;

/** One of a set; what is missing is told apart from what is wrong. */
function oneOfValues(
  errors: Errors,
  path: string,
  value: string | undefined,
  set: readonly string[],
): void {
  if (!value) errors.push(required(path, validValues(set)));
  else if (!set.includes(value)) errors.push(notSupported(path, value, set));
}

const goInts = (list: readonly number[] | undefined): GoText =>
  new GoText(goList('int32', list, String));

function validateExitCodes(
  errors: Errors,
  path: string,
  on: PodFailurePolicyOnExitCodesRequirement,
  containers: ReadonlySet<string>,
): void {
  oneOfValues(errors, `${path}.operator`, on.operator, OPERATORS);
  if (on.containerName !== undefined && !containers.has(on.containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalid(`${path}.containerName`, on.containerName, why));
  }
  const values = on.values ?? [];
  const at = `${path}.values`;
  if (values.length === 0)
    errors.push(invalid(at, goInts(on.values), 'at least one value is required'));
  if (values.length > MAX_EXIT_CODES) errors.push(tooMany(at, values.length, MAX_EXIT_CODES));
  const seen = new Set<number>();
  for (const [i, code] of values.entries()) {
    if (on.operator === 'In' && code === 0) {
      errors.push(invalid(`${at}[${i}]`, code, 'must not be 0 for the In operator'));
    }
    if (seen.has(code)) errors.push(duplicate(`${at}[${i}]`, code));
    seen.add(code);
  }
  const isOrdered = values.every((code, i) => i === 0 || (values[i - 1] ?? code) <= code);
  if (!isOrdered) errors.push(invalid(at, goInts(values), 'must be ordered'));
}

function validatePatterns(
  errors: Errors,
  path: string,
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
): void {
  if (patterns.length > MAX_PATTERNS) errors.push(tooMany(path, patterns.length, MAX_PATTERNS));
  for (const [i, pattern] of patterns.entries()) {
    const type = pattern.type ?? '';
    addMessages(errors, `${path}[${i}].type`, type, qualifiedName(type));
    oneOfValues(errors, `${path}[${i}].status`, pattern.status, STATUSES);
  }
}

function validateFailureRule(
  errors: Errors,
  path: string,
  rule: PodFailurePolicyRule,
  spec: JobSpec,
): void {
  const action = `${path}.action`;
  if (rule.action !== 'FailIndex') oneOfValues(errors, action, rule.action, ACTIONS);
  else if (spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(action, rule.action, 'requires the backoffLimitPerIndex to be set'));
  }
  const { onExitCodes: codes, onPodConditions: patterns = [] } = rule;
  const pod = spec.template?.spec;
  const containers = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])];
  const names = new Set(containers.map(({ name }) => name));
  if (codes) validateExitCodes(errors, `${path}.onExitCodes`, codes, names);
  if (patterns.length > 0) validatePatterns(errors, `${path}.onPodConditions`, patterns);
  if (codes && patterns.length > 0) {
    const why = 'specifying both OnExitCodes and OnPodConditions is not supported';
    errors.push(invalid(path, OMITTED, why));
  }
  if (!codes && patterns.length === 0) {
    const why = 'specifying one of OnExitCodes and OnPodConditions is required';
    errors.push(invalid(path, OMITTED, why));
  }
}

export function validateFailurePolicy(errors: Errors, path: string, spec: JobSpec): void {
  if (!spec.podFailurePolicy) return;
  const rules = spec.podFailurePolicy.rules ?? [];
  const at = `${path}.podFailurePolicy.rules`;
  if (rules.length > MAX_RULES) errors.push(tooMany(at, rules.length, MAX_RULES));
  for (const [i, rule] of rules.entries()) validateFailureRule(errors, `${at}[${i}]`, rule, spec);
}

function validateSuccessRule(
  errors: Errors,
  path: string,
  rule: SuccessPolicyRule,
  completions: number,
): void {
  const { succeededCount: count, succeededIndexes: indexes } = rule;
  if (count === undefined && indexes === undefined) {
    const why = 'at least one of succeededCount or succeededIndexes must be specified';
    errors.push(required(path, why));
  }
  let total = 0;
  if (indexes !== undefined) {
    const at = `${path}.succeededIndexes`;
    if (indexes.length > MAX_INDEXES_BYTES) errors.push(tooLong(at, indexes, MAX_INDEXES_BYTES));
    try {
      total = countIndexes(indexes, completions);
    } catch (error) {
      if (!(error instanceof IndexesError)) throw error;
      errors.push(invalid(at, indexes, `error parsing succeededIndexes: ${error.message}`));
    }
  }
  if (count === undefined) return;
  const at = `${path}.succeededCount`;
  notNegative(errors, at, count);
  const most = 'must be less than or equal to';
  if (count > completions) {
    const what = 'the number of specified completions';
    errors.push(invalid(at, count, `${most} ${completions} (${what})`));
  }
  if (indexes !== undefined && count > total) {
    const what = 'the number of indexes in the specified succeededIndexes field';
    errors.push(invalid(at, count, `${most} ${total} (${what})`));
  }
}

export function validateSuccessPolicy(errors: Errors, path: string, spec: JobSpec): void {
  if (!spec.successPolicy) return;
  const at = `${path}.successPolicy`;
  if (spec.completionMode !== 'Indexed') {
    const rule = 'batch.SuccessPolicyRule';
    const all = goList(rule, spec.successPolicy.rules, ({ succeededIndexes, succeededCount }) => {
      const indexes = goPointer('string', succeededIndexes);
      return `${rule}{SucceededIndexes:${indexes}, SucceededCount:${goPointer('int32', succeededCount)}}`;
    });
    const dump = new GoText(`batch.SuccessPolicy{Rules:${all}}`);
    errors.push(invalid(at, dump, 'requires indexed completion mode'));
    return;
  }
  const rules = spec.successPolicy.rules ?? [];
  if (rules.length === 0) {
    const why = 'at least one rules must be specified when the successPolicy is specified';
    errors.push(required(`${at}.rules`, why));
  }
  if (rules.length > MAX_RULES) errors.push(tooMany(`${at}.rules`, rules.length, MAX_RULES));
  for (const [i, rule] of rules.entries()) {
    validateSuccessRule(errors, `${at}.rules[${i}]`, rule, spec.completions ?? 0);
  }
}
