/** Jobs and CronJobs. */
import { semanticEqual } from '../equal.ts';
import { GoText, invalid, notSupported, required } from '../field-error.ts';
import type { CronJob, Job, JobSpec } from '../generated/types.ts';
import { labelSelectorOf, matchesLabels } from '../selectors/labels.ts';
import { type Errors, IMMUTABLE, notNegative, validateSelector } from './common.ts';
import { isTimeZone, scheduleProblem } from './cron.ts';
import { goLabels } from './go-dump.ts';
import { maxLengthText } from './names.ts';
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

const MAX_INDEXED_PARALLELISM = 100_000;

function validateCompletionMode(errors: Errors, path: string, spec: JobSpec): void {
  const mode = spec.completionMode;
  if (mode === undefined) return;
  if (mode !== 'NonIndexed' && mode !== 'Indexed') {
    errors.push(notSupported(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed']));
  }
  if (mode === 'Indexed' && spec.completions === undefined) {
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  }
  const parallelism = spec.parallelism ?? 0;
  if (mode === 'Indexed' && parallelism > MAX_INDEXED_PARALLELISM) {
    const why = `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`;
    errors.push(invalid(`${path}.parallelism`, parallelism, why));
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
  if (spec.backoffLimitPerIndex !== undefined && spec.completionMode !== 'Indexed') {
    const why = 'requires indexed completion mode';
    errors.push(invalid(`${path}.backoffLimitPerIndex`, spec.backoffLimitPerIndex, why));
  }
  validateCompletionMode(errors, path, spec);
  const replacement = spec.podReplacementPolicy;
  const policies = ['Failed', 'TerminatingOrFailed'];
  if (replacement !== undefined && !policies.includes(replacement)) {
    errors.push(notSupported(`${path}.podReplacementPolicy`, replacement, policies));
  }
  validatePodTemplate(errors, `${path}.template`, spec.template, rules);
  validateRestart(errors, path, spec);
}

/** A selector the server generates selects by the labels it generates, and nothing else. */
function validateGenerated(errors: Errors, job: Job): void {
  const selector = job.spec?.selector;
  if (!selector || job.spec?.manualSelector) return;
  const uid = job.metadata.uid ?? '';
  const name = job.metadata.name ?? '';
  const labels = {
    'controller-uid': uid,
    'batch.kubernetes.io/controller-uid': uid,
    'job-name': name,
    'batch.kubernetes.io/job-name': name,
  };
  const problems: Errors = [];
  validateSelector(problems, 'spec.selector', selector);
  if (problems.length > 0 || matchesLabels(labelSelectorOf(selector), labels)) return;
  errors.push(invalid('spec.selector', goSelector(selector), '`selector` not auto-generated'));
}

export function validateJob(errors: Errors, job: Job, rules: PodRules): void {
  const spec = job.spec;
  if (!spec) return;
  validateGenerated(errors, job);
  validateJobSpec(errors, 'spec', spec, rules);
  if (!spec.selector) errors.push(required('spec.selector'));
  else validateSelector(errors, 'spec.selector', spec.selector);
  if (errors.length > 0) return;
  const labels = spec.template.metadata?.labels;
  if (!matchesLabels(labelSelectorOf(spec.selector), labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid('spec.template.metadata.labels', goLabels(labels), why));
  }
}

/** Scheduling directives of a template may change while the job is suspended and has not started. */
function fixedTemplate(job: Job, mutable: boolean): unknown {
  const template = structuredClone(job.spec?.template);
  if (!mutable || !template?.spec) return template;
  delete template.metadata;
  for (const field of ['nodeSelector', 'tolerations', 'affinity', 'schedulingGates'] as const) {
    delete template.spec[field];
  }
  return template;
}

export function validateJobUpdate(errors: Errors, job: Job, old: Job): void {
  const mutable = old.spec?.suspend === true && !old.status?.startTime;
  if (!semanticEqual(job.spec?.selector, old.spec?.selector)) {
    errors.push(invalid('spec.selector', goSelector(job.spec?.selector), IMMUTABLE));
  }
  if (!semanticEqual(fixedTemplate(job, mutable), fixedTemplate(old, mutable))) {
    const dump = new GoText(`core.PodTemplateSpec${JSON.stringify(job.spec?.template)}`);
    errors.push(invalid('spec.template', dump, IMMUTABLE));
  }
  for (const field of ['completionMode', 'backoffLimitPerIndex', 'manualSelector'] as const) {
    if (semanticEqual(job.spec?.[field], old.spec?.[field])) continue;
    errors.push(invalid(`spec.${field}`, job.spec?.[field] ?? null, IMMUTABLE));
  }
  if (!semanticEqual(job.spec?.completions, old.spec?.completions)) {
    const elastic =
      job.spec?.completionMode === 'Indexed' && job.spec.completions === job.spec.parallelism;
    if (!elastic)
      errors.push(invalid('spec.completions', job.spec?.completions ?? null, IMMUTABLE));
  }
}

/** Job names get an eleven-character suffix, so a CronJob's own stays short. */
const MAX_CRON_NAME = 52;

export function validateCronJob(errors: Errors, cron: CronJob, rules: PodRules): void {
  const spec = cron.spec;
  if (!spec) return;
  if (!spec.schedule) errors.push(required('spec.schedule'));
  else {
    const problem = spec.schedule.includes('TZ')
      ? 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
      : scheduleProblem(spec.schedule);
    if (problem) errors.push(invalid('spec.schedule', spec.schedule, problem));
  }
  notNegative(errors, 'spec.startingDeadlineSeconds', spec.startingDeadlineSeconds);
  if (spec.timeZone !== undefined) {
    if (spec.timeZone === '')
      errors.push(invalid('spec.timeZone', '', 'timeZone must be nil or non-empty string'));
    else if (spec.timeZone.toLowerCase() === 'local') {
      errors.push(
        invalid(
          'spec.timeZone',
          spec.timeZone,
          'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
        ),
      );
    } else if (!isTimeZone(spec.timeZone)) {
      errors.push(invalid('spec.timeZone', spec.timeZone, `unknown time zone ${spec.timeZone}`));
    }
  }
  const concurrency = spec.concurrencyPolicy ?? '';
  const policies = ['Allow', 'Forbid', 'Replace'];
  if (concurrency === '') errors.push(required('spec.concurrencyPolicy'));
  else if (!policies.includes(concurrency)) {
    errors.push(notSupported('spec.concurrencyPolicy', concurrency, policies));
  }
  if (spec.jobTemplate?.spec) {
    validateJobSpec(errors, 'spec.jobTemplate.spec', spec.jobTemplate.spec, rules);
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
