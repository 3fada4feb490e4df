import type { Job, Pod } from '@kubets/api';
import { annotationsOf } from '../objects/meta.ts';
import { endedMs, waitMs } from './backoff.ts';
import { isCountedFailure, matchFailurePolicy } from './failure-policy.ts';
import { indexOf } from './indexes.ts';

/** How many pods of this index failed before this one; and how many of them a rule ignored. */
export const FAILURES_ANNOTATION = 'batch.kubernetes.io/job-index-failure-count';
export const IGNORED_ANNOTATION = 'batch.kubernetes.io/job-index-ignored-failure-count';

/** Each index has a limit of its own (`spec.backoffLimitPerIndex`, KEP-3850). */
export const hasLimitPerIndex = (job: Job): boolean =>
  job.spec?.completionMode === 'Indexed' && job.spec.backoffLimitPerIndex !== undefined;

/** Whether this failed pod is the one after which its index is not tried again. */
export function endsIndex(job: Job, failed: Pod): boolean {
  const limit = job.spec?.backoffLimitPerIndex;
  if (limit === undefined) return false;
  const match = matchFailurePolicy(job, failed);
  if (match?.action === 'FailIndex') return true;
  return match?.action !== 'Ignore' && numberIn(failed, FAILURES_ANNOTATION) >= limit;
}

/** The annotations of the pod that comes after `replaced`, or of an index's first one. */
export function failureAnnotations(job: Job, replaced: Pod | undefined): Record<string, string> {
  let failures = numberIn(replaced, FAILURES_ANNOTATION);
  let ignored = numberIn(replaced, IGNORED_ANNOTATION);
  if (replaced && isCountedFailure(job, replaced)) failures++;
  else if (replaced) ignored++;
  return {
    [FAILURES_ANNOTATION]: String(failures),
    ...(ignored > 0 ? { [IGNORED_ANNOTATION]: String(ignored) } : {}),
  };
}

/** Earliest time for the next pod of an index: doubles with every failure of that index. */
export function retryIndexAtMs(failed: Pod): number {
  const before = numberIn(failed, FAILURES_ANNOTATION) + numberIn(failed, IGNORED_ANNOTATION);
  return endedMs(failed) + waitMs(before + 1);
}

/**
 * Of each index that has to be tried again, its last failed pod. It stays until the next one exists:
 * the count of failures is written on pods only, and would be lost with it.
 */
export function lastFailures(
  job: Job,
  failed: readonly Pod[],
  settled: ReadonlySet<number>,
): Map<number, Pod> {
  const last = new Map<number, Pod>();
  if (!hasLimitPerIndex(job)) return last;
  for (const pod of failed) {
    const index = indexOf(pod, job.spec?.completions ?? 0);
    if (index === undefined || settled.has(index)) continue;
    const known = last.get(index);
    if (!known || isLater(pod, known)) last.set(index, pod);
  }
  return last;
}

function isLater(pod: Pod, known: Pod): boolean {
  const total = (one: Pod): number =>
    numberIn(one, FAILURES_ANNOTATION) + numberIn(one, IGNORED_ANNOTATION);
  return total(pod) >= total(known) && endedMs(pod) >= endedMs(known);
}

function numberIn(pod: Pod | undefined, annotation: string): number {
  const text = pod && annotationsOf(pod)[annotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
}
