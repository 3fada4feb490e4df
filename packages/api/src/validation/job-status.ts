/**
 * The status of jobs. Since other controllers than the built-in one may manage jobs, the server itself sees to it that a
 * status makes sense (upstream's feature `JobManagedBy`); what has not changed is not held against a change.
 */
import { semanticEqual } from '../equal.ts';
import { duplicate, GoText, invalid, OMITTED, required } from '../field-error.ts';
import type { Job } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { type Errors, notNegative } from './common.ts';
import { goList } from './go-dump.ts';
import { countIndexes, IndexesError, sharedIndex } from './job-indexes.ts';

const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;

/** What a status says, and which of it the change touches. */
interface Look {
  readonly job: Job;
  readonly old: Job;
  is(type: string): boolean;
  was(type: string): boolean;
  /** Whether one of the fields or conditions differs. */
  changed(...names: string[]): boolean;
}

const holds = (job: Job, type: string): boolean =>
  (job.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');

const isFinished = (job: Job): boolean => holds(job, 'Complete') || holds(job, 'Failed');

function look(job: Job, old: Job): Look {
  const value = (of: Job, name: string): unknown => {
    if (name === 'Finished') return isFinished(of);
    if (/^[A-Z]/.test(name)) return holds(of, name);
    return (of.status as Record<string, unknown> | undefined)?.[name];
  };
  return {
    job,
    old,
    is: (type) => holds(job, type),
    was: (type) => holds(old, type),
    changed: (...names) => names.some((name) => !semanticEqual(value(job, name), value(old, name))),
  };
}

function validateUncounted(errors: Errors, job: Job): void {
  const seen = new Set<string>();
  for (const field of ['succeeded', 'failed'] as const) {
    for (const [i, uid] of (job.status?.uncountedTerminatedPods?.[field] ?? []).entries()) {
      const at = `status.uncountedTerminatedPods.${field}[${i}]`;
      if (uid === '') errors.push(invalid(at, uid, 'must not be empty'));
      else if (seen.has(uid)) errors.push(duplicate(at, uid));
      seen.add(uid);
    }
  }
}

function validateTimes(errors: Errors, o: Look): void {
  const { startTime, completionTime } = o.job.status ?? {};
  const at = 'status.completionTime';
  if (o.changed('Complete', 'completionTime')) {
    if (completionTime && !o.is('Complete')) {
      const why = 'cannot set completionTime when there is no Complete=True condition';
      errors.push(invalid(at, completionTime, why));
    }
    if (!completionTime && o.is('Complete')) {
      errors.push(required(at, 'completionTime is required for Complete jobs'));
    }
  }
  if (o.changed('startTime', 'completionTime') && startTime && completionTime) {
    if (Date.parse(completionTime) < Date.parse(startTime)) {
      errors.push(invalid(at, completionTime, 'completionTime cannot be set before startTime'));
    }
  }
}

/** Conditions that exclude or need each other: `[when one of these changed, is it wrong, why]`. */
function validateConditions(errors: Errors, o: Look): void {
  const refuse = (wrong: boolean, why: string): void => {
    if (wrong) errors.push(invalid('status.conditions', OMITTED, why));
  };
  refuse(
    o.changed('Failed', 'FailureTarget') && o.is('Failed') && !o.is('FailureTarget'),
    'cannot set Failed=True condition without the FailureTarget=true condition',
  );
  refuse(
    o.changed('Complete', 'SuccessCriteriaMet') && o.is('Complete') && !o.is('SuccessCriteriaMet'),
    'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
  );
}

function validateEnds(errors: Errors, o: Look): void {
  const refuse = (wrong: boolean, why: string): void => {
    if (wrong) errors.push(invalid('status.conditions', OMITTED, why));
  };
  const isDone = o.is('Complete');
  refuse(
    o.changed('Complete', 'Failed') && isDone && o.is('Failed'),
    'cannot set Complete=True and Failed=true conditions',
  );
  refuse(
    o.changed('Complete', 'FailureTarget') && isDone && o.is('FailureTarget'),
    'cannot set Complete=True and FailureTarget=true conditions',
  );
}

function validateFinished(errors: Errors, o: Look): void {
  if (!isFinished(o.job)) return;
  const { active = 0, startTime, uncountedTerminatedPods: pods } = o.job.status ?? {};
  if (o.changed('Finished', 'active') && active > 0) {
    errors.push(invalid('status.active', active, 'active>0 is invalid for finished job'));
  }
  if (o.changed('Finished', 'startTime') && !startTime) {
    errors.push(required('status.startTime', 'startTime is required for finished job'));
  }
  const uncounted = (pods?.failed ?? []).length + (pods?.succeeded ?? []).length;
  if (o.changed('Finished', 'uncountedTerminatedPods') && uncounted > 0) {
    const why = 'uncountedTerminatedPods needs to be empty for finished job';
    const [succeeded, failed] = [pods?.succeeded, pods?.failed].map((list) =>
      goList('types.UID', list, goQuote),
    );
    const dump = `batch.UncountedTerminatedPods{Succeeded:${succeeded}, Failed:${failed}}`;
    errors.push(invalid('status.uncountedTerminatedPods', new GoText(dump), why));
  }
}

function validateFormat(errors: Errors, field: string, text: string, completions: number): void {
  try {
    countIndexes(text, completions);
  } catch (error) {
    if (!(error instanceof IndexesError)) throw error;
    errors.push(invalid(`status.${field}`, text, `error parsing ${field}: ${error.message}`));
  }
}

function validateIndexes(errors: Errors, o: Look): void {
  const { spec, status } = o.job;
  const completions = spec?.completions;
  const completed = status?.completedIndexes ?? '';
  const failed = status?.failedIndexes;
  const [didComplete, didFail] = [o.changed('completedIndexes'), o.changed('failedIndexes')];
  const perIndex = spec?.backoffLimitPerIndex !== undefined;
  if (completions !== undefined) {
    if (didComplete) validateFormat(errors, 'completedIndexes', completed, completions);
    if (didFail && perIndex && failed !== undefined) {
      validateFormat(errors, 'failedIndexes', failed, completions);
    }
  }
  if (didComplete && completed !== '' && spec?.completionMode !== 'Indexed') {
    const why = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    errors.push(invalid('status.completedIndexes', completed, why));
  }
  if (failed === undefined) return;
  if (didFail && !perIndex) {
    const why = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    errors.push(invalid('status.failedIndexes', failed, why));
  }
  if ((!didFail && !didComplete) || completions === undefined) return;
  const shared = sharedIndex(completed, failed, completions);
  if (shared !== undefined) {
    const why = `failedIndexes and completedIndexes overlap at index: ${shared}`;
    errors.push(invalid('status.failedIndexes', failed, why));
  }
}

function validatePods(errors: Errors, o: Look): void {
  const { terminating = 0, ready, active = 0 } = o.job.status ?? {};
  if (o.changed('Finished', 'terminating') && terminating > 0 && isFinished(o.job)) {
    const why = 'terminating>0 is invalid for finished job';
    errors.push(invalid('status.terminating', terminating, why));
  }
  if (o.changed('ready', 'active') && ready !== undefined && ready > active) {
    errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'));
  }
}

function validateSuccess(errors: Errors, o: Look): void {
  const refuse = (wrong: boolean, why: string): void => {
    if (wrong) errors.push(invalid('status.conditions', OMITTED, why));
  };
  const isMet = o.is('SuccessCriteriaMet');
  refuse(isMet && o.is('Failed'), 'cannot set SuccessCriteriaMet=True and Failed=true conditions');
  refuse(
    isMet && o.is('FailureTarget'),
    'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions',
  );
  refuse(
    o.job.spec?.successPolicy !== undefined && !isMet && o.is('Complete'),
    'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True',
  );
}

/** What may not go back. */
function validateProgress(errors: Errors, o: Look): void {
  const refuse = (wrong: boolean, why: string): void => {
    if (wrong) errors.push(invalid('status.conditions', OMITTED, why));
  };
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    refuse(o.was(type) && !o.is(type), `cannot disable the terminal ${type}=True condition`);
  }
  const [now, before] = [o.job.status ?? {}, o.old.status ?? {}];
  if ((now.failed ?? 0) < (before.failed ?? 0)) {
    const why = 'cannot decrease the failed counter';
    errors.push(invalid('status.failed', now.failed ?? 0, why));
  }
  // Elastic jobs may shrink, and what succeeded with them.
  const isElastic = o.job.spec?.completions === o.job.spec?.parallelism;
  if (!isElastic && (now.succeeded ?? 0) < (before.succeeded ?? 0)) {
    const why = 'cannot decrease the succeeded counter';
    errors.push(invalid('status.succeeded', now.succeeded ?? 0, why));
  }
  const { completionTime: ended } = now;
  if (ended && before.completionTime && ended !== before.completionTime) {
    errors.push(invalid('status.completionTime', ended, 'completionTime cannot be mutated'));
  }
  if (before.startTime && before.startTime !== now.startTime && !o.job.spec?.suspend) {
    const why = 'startTime cannot be removed for unsuspended job';
    errors.push(required('status.startTime', why));
  }
  const met = 'SuccessCriteriaMet';
  refuse(o.was(met) && !o.is(met), `cannot disable the ${met}=True condition`);
  refuse(
    o.was('Complete') && !o.was(met) && o.is(met),
    `cannot set ${met}=True for Job already has Complete=true conditions`,
  );
}

/** A change of a job's status, in the order upstream checks it. */
export function validateJobStatus(errors: Errors, job: Job, old: Job): void {
  const o = look(job, old);
  for (const field of COUNTS) notNegative(errors, `status.${field}`, job.status?.[field]);
  validateUncounted(errors, job);
  validateEnds(errors, o);
  validateTimes(errors, o);
  validateConditions(errors, o);
  validateFinished(errors, o);
  validateIndexes(errors, o);
  validatePods(errors, o);
  validateSuccess(errors, o);
  validateProgress(errors, o);
}
