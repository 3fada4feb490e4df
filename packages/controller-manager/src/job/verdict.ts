import type { Job, JobStatus, Pod } from '@kubets/api';
import { findCondition } from '../objects/conditions.ts';
import { parseTime } from '../objects/meta.ts';
import { matchFailurePolicy } from './failure-policy.ts';
import { hasLimitPerIndex } from './index-failures.ts';
import { matchSuccessPolicy } from './success-policy.ts';
import type { Ending, Tally } from './tally.ts';

/** Why a Job is over: the condition that says so before its last pod is gone. */
export interface Verdict {
  type: 'FailureTarget' | 'SuccessCriteriaMet';
  reason: string;
  message: string;
}

export interface VerdictView {
  job: Job;
  counts: Tally;
  active: readonly Pod[];
  nowMs: number;
}

/** Why the Job is over, if it is. A verdict once written down stands; a failure comes first. */
export function verdictOf(view: VerdictView): Verdict | undefined {
  return verdictSaid(view.job) ?? failureOf(view) ?? successOf(view);
}

export const endingOf = (verdict: Verdict): Ending =>
  verdict.type === 'FailureTarget' ? 'failure' : 'success';

/** When the Job's time is over; none while it is suspended or has not begun. */
export function deadlineMs(job: Job, status: JobStatus): number | undefined {
  const seconds = job.spec?.activeDeadlineSeconds;
  if (seconds === undefined || status.startTime === undefined) return undefined;
  if (job.spec?.suspend === true) return undefined;
  return parseTime(status.startTime) + Number(seconds) * 1000;
}

function verdictSaid(job: Job): Verdict | undefined {
  for (const type of ['SuccessCriteriaMet', 'FailureTarget'] as const) {
    const said = findCondition(job.status?.conditions, type);
    if (said?.status === 'True') {
      return { type, reason: said.reason ?? '', message: said.message ?? '' };
    }
  }
  return undefined;
}

function failureOf(view: VerdictView): Verdict | undefined {
  const { job, counts, nowMs } = view;
  const byPolicy = counts.newlyFailed
    .map((pod) => matchFailurePolicy(job, pod))
    .find((match) => match?.action === 'FailJob');
  if (byPolicy) return failure('PodFailurePolicy', byPolicy.message);
  if (isExhausted(view)) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const deadline = deadlineMs(job, job.status ?? {});
  if (deadline !== undefined && deadline <= nowMs) {
    return failure('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  return hasLimitPerIndex(job) ? failureOfIndexes(job, counts) : undefined;
}

function failureOfIndexes(job: Job, counts: Tally): Verdict | undefined {
  const { maxFailedIndexes, completions = 0 } = job.spec ?? {};
  const failed = counts.failedIndexes.size;
  if (maxFailedIndexes !== undefined && failed > maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return failure('MaxFailedIndexesExceeded', message);
  }
  if (failed === 0 || failed + counts.completedIndexes.size < completions) return undefined;
  return failure('FailedIndexes', 'Job has failed indexes');
}

function successOf(view: VerdictView): Verdict | undefined {
  const { job, counts, active } = view;
  const rule = matchSuccessPolicy(job, counts.completedIndexes);
  if (rule !== undefined) return success('SuccessPolicy', `Matched rules at index ${rule}`);
  const { completions } = job.spec ?? {};
  const isDone =
    completions === undefined
      ? counts.succeeded > 0 && active.length === 0
      : counts.succeeded >= completions;
  if (!isDone) return undefined;
  return success('CompletionsReached', 'Reached expected number of succeeded pods');
}

/** Too many failed pods; or, where containers are restarted in place, too many restarts. */
function isExhausted(view: VerdictView): boolean {
  const { job, counts, active } = view;
  const limit = job.spec?.backoffLimit ?? 6;
  if (counts.failed > limit) return true;
  if (job.spec?.template.spec?.restartPolicy !== 'OnFailure') return false;
  const restarts = active.flatMap((pod) => [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ]);
  const total = restarts.reduce((sum, c) => sum + c.restartCount, 0);
  return limit === 0 ? total > 0 : total >= limit;
}

const failure = (reason: string, message: string): Verdict => ({
  type: 'FailureTarget',
  reason,
  message,
});

const success = (reason: string, message: string): Verdict => ({
  type: 'SuccessCriteriaMet',
  reason,
  message,
});
