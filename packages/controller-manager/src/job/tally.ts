import type { Job, Pod } from '@kubets/api';
import { isDeleting, uidOf } from '../objects/meta.ts';
import { isActive } from '../objects/pods.ts';
import { isCountedFailure, waitsForEnds } from './failure-policy.ts';
import { endsIndex, lastFailures } from './index-failures.ts';
import { indexOf, parseIndexes } from './indexes.ts';

/** While a pod carries it, its end is not yet in the Job's numbers and the pod cannot vanish. */
export const TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking';

export const isTracked = (pod: Pod): boolean =>
  (pod.metadata.finalizers ?? []).includes(TRACKING_FINALIZER);

export const isIndexed = (job: Job): boolean => job.spec?.completionMode === 'Indexed';

/** The Job's numbers, and how they are to be written down. */
export interface Tally {
  succeeded: number;
  failed: number;
  /** What `status.succeeded` and `status.failed` say: pods whose finalizer is known to be gone. */
  counted: { succeeded: number; failed: number };
  /** Pods that ended but are not in the numbers yet, by uid. */
  uncounted: { succeeded: string[]; failed: string[] };
  completedIndexes: Set<number>;
  /** Indexes that are not tried again; only where each has a limit of its own. */
  failedIndexes: Set<number>;
  /** The last failed pod of each index that waits for its next one. */
  lastFailures: Map<number, Pod>;
  /** Failed pods that are not in the status yet: most wait to be counted. */
  newlyFailed: Pod[];
  /** Pods that may lose their finalizer once this tally is stored. */
  release: Pod[];
}

/** How the Job ends, once that is known. */
export type Ending = 'success' | 'failure';

/**
 * Counts every pod's end exactly once, whatever is interrupted when. A pod that ended is first noted
 * by uid in the status, then loses its finalizer, and only when that is seen does its note become a
 * number (KEP-2307). Indexed Jobs note successes by index, which cannot be counted twice anyway.
 * When the Job itself ends, no pod is waited for: those of a failed Job have failed with it.
 */
export function tally(job: Job, pods: readonly Pod[], ending?: Ending): Tally {
  const result = beginning(job, pods);
  const tracked = pods.filter(isTracked);
  result.newlyFailed = tracked.filter(
    (pod) => outcomeOf(job, pod) === 'failed' && !result.uncounted.failed.includes(uidOf(pod)),
  );
  noteIndexes(job, tracked, result);
  if (ending === undefined) result.lastFailures = waitingFailures(job, pods, result);
  for (const pod of tracked) noteEnd(job, { pod, ending }, result);
  if (isIndexed(job)) result.counted.succeeded = result.completedIndexes.size;
  result.succeeded = result.counted.succeeded + result.uncounted.succeeded.length;
  const waiting = [...result.lastFailures.values()].filter((pod) => isCountedFailure(job, pod));
  result.failed = result.counted.failed + result.uncounted.failed.length + waiting.length;
  return result;
}

/** What the status says already. */
function beginning(job: Job, pods: readonly Pod[]): Tally {
  const status = job.status ?? {};
  const noted = status.uncountedTerminatedPods ?? {};
  const tracked = new Set(pods.filter(isTracked).map(uidOf));
  const { completions } = job.spec ?? {};
  const result: Tally = {
    succeeded: 0,
    failed: 0,
    counted: { succeeded: status.succeeded ?? 0, failed: status.failed ?? 0 },
    uncounted: { succeeded: [], failed: [] },
    completedIndexes: parseIndexes(status.completedIndexes, completions),
    failedIndexes: parseIndexes(status.failedIndexes, completions),
    lastFailures: new Map(),
    newlyFailed: [],
    release: [],
  };
  for (const outcome of ['succeeded', 'failed'] as const) {
    for (const uid of noted[outcome] ?? []) {
      if (tracked.has(uid)) result.uncounted[outcome].push(uid);
      else result.counted[outcome]++;
    }
  }
  return result;
}

function noteIndexes(job: Job, tracked: readonly Pod[], result: Tally): void {
  if (!isIndexed(job)) return;
  for (const pod of tracked) {
    const index = indexOf(pod, job.spec?.completions ?? 0);
    if (index === undefined) continue;
    const outcome = outcomeOf(job, pod);
    if (outcome === 'succeeded') result.completedIndexes.add(index);
    if (outcome === 'failed' && endsIndex(job, pod)) result.failedIndexes.add(index);
  }
}

function waitingFailures(job: Job, pods: readonly Pod[], result: Tally): Map<number, Pod> {
  const settled = new Set([...result.completedIndexes, ...result.failedIndexes]);
  for (const pod of pods.filter(isActive)) {
    settled.add(indexOf(pod, job.spec?.completions ?? 0) ?? -1);
  }
  return lastFailures(job, result.newlyFailed, settled);
}

function noteEnd(job: Job, entry: { pod: Pod; ending: Ending | undefined }, result: Tally): void {
  const { pod, ending } = entry;
  const natural = outcomeOf(job, pod);
  if (natural === undefined && ending === undefined) return;
  const index = isIndexed(job) ? indexOf(pod, job.spec?.completions ?? 0) : undefined;
  if (index !== undefined && result.lastFailures.get(index) === pod) return;
  result.release.push(pod);
  if (isIndexed(job) && (index === undefined || natural === 'succeeded')) return;
  const outcome = natural ?? (ending === 'failure' ? 'failed' : undefined);
  if (outcome === undefined) return;
  if (outcome === 'failed' && !isCountedFailure(job, pod)) return;
  const uid = uidOf(pod);
  if (!result.uncounted[outcome].includes(uid)) result.uncounted[outcome].push(uid);
}

/** A pod that is being deleted counts as failed at once, unless the Job wants to see its end first. */
function outcomeOf(job: Job, pod: Pod): 'succeeded' | 'failed' | undefined {
  if (pod.status?.phase === 'Succeeded') return 'succeeded';
  if (pod.status?.phase === 'Failed') return 'failed';
  if (waitsForEnds(job)) return undefined;
  return isDeleting(pod) ? 'failed' : undefined;
}
