/** Jobs and CronJobs. */
import { semanticEqual } from '../equal.ts';
import { GoText, invalid, notSupported, required, tooLong } from '../field-error.ts';
import type { CronJob, Job, JobSpec } from '../generated/types.ts';
import { labelSelectorOf, matchesLabels } from '../selectors/labels.ts';
import {
  type Errors,
  IMMUTABLE,
  notNegative,
  validateDomainPath,
  validateSelector,
} from './common.ts';
import { isTimeZone, scheduleProblem } from './cron.ts';
import { goDump, goLabels } from './go-dump.ts';
import { validateFailurePolicy, validateSuccessPolicy } from './job-policies.ts';
import { dns1123Label, maxLengthText } from './names.ts';
import { validatePodTemplate } from './pod.ts';
import type { PodRules } from './pod-containers.ts';
import { goSelector } from './workloads.ts';

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

const MAX_INDEXED = 100_000;
/** Above this many completions an indexed job with a limit per index has narrower bounds. */
const MANY_COMPLETIONS = 100_000;
const MAX_WITH_MANY = 10_000;
const MAX_MANAGED_BY = 63;

function validateIndexed(errors: Errors, path: string, spec: JobSpec): void {
  const { completions, parallelism = 0, maxFailedIndexes: most } = spec;
  const atMost = 'must be less than or equal to';
  if (completions === undefined) {
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  }
  if (parallelism > MAX_INDEXED) {
    const why = `${atMost} ${MAX_INDEXED} when completion mode is Indexed`;
    errors.push(invalid(`${path}.parallelism`, parallelism, why));
  }
  const at = `${path}.maxFailedIndexes`;
  if (completions !== undefined && most !== undefined && most > completions) {
    errors.push(invalid(at, most, `${atMost} completions`));
  }
  if (most !== undefined && most > MAX_INDEXED) {
    errors.push(invalid(at, most, `${atMost} ${MAX_INDEXED}`));
  }
  if ((completions ?? 0) <= MANY_COMPLETIONS || spec.backoffLimitPerIndex === undefined) return;
  if (most === undefined) {
    const why = `must be specified when completions is above ${MANY_COMPLETIONS}`;
    errors.push(required(at, why));
  }
  const when = `when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;
  const why = `${atMost} ${MAX_WITH_MANY} ${when}`;
  if (parallelism > MAX_WITH_MANY) {
    errors.push(invalid(`${path}.parallelism`, parallelism, why));
  }
  if (most !== undefined && most > MAX_WITH_MANY) errors.push(invalid(at, most, why));
}

function validateCompletionMode(errors: Errors, path: string, spec: JobSpec): void {
  const mode = spec.completionMode;
  if (mode !== undefined && mode !== 'NonIndexed' && mode !== 'Indexed') {
    errors.push(notSupported(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed']));
  }
  if (mode === 'Indexed') validateIndexed(errors, path, spec);
  if (mode !== undefined && mode !== 'NonIndexed') return;
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[field] === undefined) continue;
    errors.push(invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode'));
  }
}

function validateReplacement(errors: Errors, path: string, spec: JobSpec): void {
  const policy = spec.podReplacementPolicy;
  // Beside a failure policy pods are replaced once they have failed for good.
  const policies = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  if (policy !== undefined && !policies.includes(policy)) {
    errors.push(notSupported(`${path}.podReplacementPolicy`, policy, policies));
  }
}

function validateRestart(errors: Errors, path: string, spec: JobSpec): void {
  const restart = spec.template?.spec?.restartPolicy ?? '';
  const at = `${path}.template.spec.restartPolicy`;
  if (restart === 'Always' || restart === '') {
    errors.push(required(at, 'valid values: "OnFailure", "Never"'));
  } else if (restart !== 'OnFailure' && restart !== 'Never') {
    errors.push(notSupported(at, restart, ['OnFailure', 'Never']));
  } else if (spec.podFailurePolicy && restart !== 'Never') {
    errors.push(
      invalid(at, restart, 'only "Never" is supported when podFailurePolicy is specified'),
    );
  }
}

/** A job's spec without its selector: what a CronJob's template has. */
function validateJobSpec(errors: Errors, path: string, spec: JobSpec, rules: PodRules): void {
  for (const field of COUNTS) notNegative(errors, `${path}.${field}`, spec[field]);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    const why = 'when maxFailedIndexes is specified';
    errors.push(required(`${path}.backoffLimitPerIndex`, why));
  }
  if (spec.managedBy !== undefined) {
    const at = `${path}.managedBy`;
    validateDomainPath(errors, at, spec.managedBy);
    if (spec.managedBy.length > MAX_MANAGED_BY) {
      errors.push(tooLong(at, spec.managedBy, MAX_MANAGED_BY));
    }
  }
  validateCompletionMode(errors, path, spec);
  validateFailurePolicy(errors, path, spec);
  validateSuccessPolicy(errors, path, spec);
  validateReplacement(errors, path, spec);
  validatePodTemplate(errors, `${path}.template`, spec.template, rules);
  validateRestart(errors, path, spec);
}

/** A selector the server generates selects by the labels it generates, and nothing else; the template has those. */
function validateGenerated(errors: Errors, job: Job): void {
  const selector = job.spec?.selector;
  if (!selector || job.spec?.manualSelector) return;
  const uid = job.metadata.uid ?? '';
  const name = job.metadata.name ?? '';
  const labels = {
    'controller-uid': uid,
    'job-name': name,
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
  };
  const actual = job.spec?.template.metadata?.labels;
  for (const [key, value] of Object.entries(labels)) {
    const at = `spec.template.metadata.labels[${key}]`;
    if (actual?.[key] === undefined) errors.push(required(at, `must be '${value}'`));
    else if (actual[key] !== value) {
      errors.push(invalid(at, goLabels(actual), `must be '${value}'`));
    }
  }
  const problems: Errors = [];
  validateSelector(problems, 'spec.selector', selector);
  if (problems.length > 0 || matchesLabels(labelSelectorOf(selector), labels)) return;
  errors.push(invalid('spec.selector', goSelector(selector), '`selector` not auto-generated'));
}

export function validateJob(errors: Errors, job: Job, rules: PodRules): void {
  const spec = job.spec;
  if (!spec) return;
  validateGenerated(errors, job);
  validateWholeSpec(errors, spec, rules);
}

function validateWholeSpec(errors: Errors, spec: JobSpec, rules: PodRules): void {
  validateJobSpec(errors, 'spec', spec, rules);
  const problems: Errors = [];
  if (!spec.selector) errors.push(required('spec.selector'));
  else validateSelector(problems, 'spec.selector', spec.selector);
  errors.push(...problems);
  if (problems.length > 0) return;
  const labels = spec.template.metadata?.labels;
  // No selector at all selects nothing.
  if (!spec.selector || !matchesLabels(labelSelectorOf(spec.selector), labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid('spec.template.metadata.labels', goLabels(labels), why));
  }
}

/** Pods of indexed jobs get a host name with their index, which has to be one. */
export function validateJobCreate(errors: Errors, job: Job): void {
  const { completionMode, completions = 0 } = job.spec ?? {};
  if (completionMode !== 'Indexed' || completions <= 0) return;
  const name = job.metadata.name ?? '';
  const last = `${name}-${completions - 1}`;
  if (dns1123Label(last).length === 0) return;
  const why = `will not able to create pod with invalid DNS label: ${last}`;
  errors.push(invalid('metadata.name', name, why));
}

function unlessEmpty<T extends object>(value: T): T | undefined {
  return Object.values(value).some((v) => v !== undefined) ? value : undefined;
}

/**
 * What of a template may not change. While the job is suspended and has not started that is not where its pods may run,
 * nor their labels and annotations; of the affinity it is only that to nodes.
 */
function fixedTemplate(job: Job, mutable: boolean): unknown {
  const template = structuredClone(job.spec?.template);
  if (!mutable || !template?.spec) return template;
  const { labels: _labels, annotations: _annotations, ...metadata } = template.metadata ?? {};
  const { nodeAffinity: _nodes, ...affinity } = template.spec.affinity ?? {};
  for (const field of ['nodeSelector', 'tolerations', 'schedulingGates'] as const) {
    delete template.spec[field];
  }
  const spec = { ...template.spec, affinity: unlessEmpty(affinity) };
  return { ...template, metadata: unlessEmpty(metadata), spec };
}

const FIXED = [
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

function fixedValue(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) return goDump('batch', value);
  return value ?? null;
}

/** The spec is checked once more before what has changed. */
export function validateJobUpdate(errors: Errors, job: Job, old: Job, rules: PodRules): void {
  const { spec } = job;
  if (spec) validateWholeSpec(errors, spec, rules);
  const mutable = old.spec?.suspend === true && !old.status?.startTime;
  if (!semanticEqual(spec?.completions, old.spec?.completions)) {
    const isIndexed = spec?.completionMode === 'Indexed';
    const at = 'spec.completions';
    if (!isIndexed) errors.push(invalid(at, spec?.completions ?? null, IMMUTABLE));
    else if (spec.completions !== undefined && spec.completions !== spec.parallelism) {
      const why = 'can only be modified in tandem with spec.parallelism';
      errors.push(invalid(at, spec.completions, why));
    }
  }
  if (!semanticEqual(spec?.selector, old.spec?.selector)) {
    errors.push(invalid('spec.selector', goSelector(spec?.selector), IMMUTABLE));
  }
  if (!semanticEqual(fixedTemplate(job, mutable), fixedTemplate(old, mutable))) {
    const dump = new GoText(`core.PodTemplateSpec${JSON.stringify(spec?.template)}`);
    errors.push(invalid('spec.template', dump, IMMUTABLE));
  }
  for (const field of FIXED) {
    if (semanticEqual(spec?.[field], old.spec?.[field])) continue;
    errors.push(invalid(`spec.${field}`, fixedValue(spec?.[field]), IMMUTABLE));
  }
}

/** Job names get an eleven-character suffix, so a CronJob's own stays short. */
const MAX_CRON_NAME = 52;

function validateTimeZone(errors: Errors, path: string, zone: string | undefined): void {
  if (zone === undefined) return;
  if (zone === '') {
    errors.push(invalid(path, '', 'timeZone must be nil or non-empty string'));
    return;
  }
  if (zone.toLowerCase() === 'local') {
    const why =
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    errors.push(invalid(path, zone, why));
  }
  if (zone === 'Local' || isTimeZone(zone)) return;
  errors.push(invalid(path, zone, `unknown time zone ${zone}`));
}

export function validateCronJob(errors: Errors, cron: CronJob, rules: PodRules): void {
  const spec = cron.spec;
  if (!spec) return;
  if (!spec.schedule) errors.push(required('spec.schedule'));
  else {
    const problem = scheduleProblem(spec.schedule);
    if (problem) errors.push(invalid('spec.schedule', spec.schedule, problem));
    const why = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    if (spec.schedule.includes('TZ')) errors.push(invalid('spec.schedule', spec.schedule, why));
  }
  notNegative(errors, 'spec.startingDeadlineSeconds', spec.startingDeadlineSeconds);
  validateTimeZone(errors, 'spec.timeZone', spec.timeZone);
  const concurrency = spec.concurrencyPolicy ?? '';
  const policies = ['Allow', 'Forbid', 'Replace'];
  if (concurrency === '') errors.push(required('spec.concurrencyPolicy'));
  else if (!policies.includes(concurrency)) {
    errors.push(notSupported('spec.concurrencyPolicy', concurrency, policies));
  }
  if (spec.jobTemplate?.spec) {
    const at = 'spec.jobTemplate.spec';
    const { selector, manualSelector } = spec.jobTemplate.spec;
    validateJobSpec(errors, at, spec.jobTemplate.spec, rules);
    if (selector) {
      const why = '`selector` will be auto-generated';
      errors.push(invalid(`${at}.selector`, goSelector(selector), why));
    }
    if (manualSelector) {
      errors.push(notSupported(`${at}.manualSelector`, manualSelector, ['nil', 'false']));
    }
  }
  notNegative(errors, 'spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit);
  notNegative(errors, 'spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit);
}

export function validateCronJobCreate(errors: Errors, cron: CronJob): void {
  const name = cron.metadata.name ?? '';
  if (name.length > MAX_CRON_NAME) {
    errors.push(invalid('metadata.name', name, maxLengthText(MAX_CRON_NAME)));
  }
}
