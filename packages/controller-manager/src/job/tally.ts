import type { Job, Pod } from '@kubets/api';
import { isDeleting, uidOf } from '../objects/meta.ts';
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
  /** Pods that may lose their finalizer once this tally is stored. */
  release: Pod[];
}

/**
 * Counts every pod's end exactly once, whatever is interrupted when. A pod that ended is first noted
 * by uid in the status, then loses its finalizer, and only when that is seen does its note become a
 * number (KEP-2307). Indexed Jobs note successes by index, which cannot be counted twice anyway.
 */
export function tally(job: Job, pods: readonly Pod[]): Tally {
  const status = job.status ?? {};
  const noted = status.uncountedTerminatedPods ?? {};
  const tracked = new Map(pods.filter(isTracked).map((pod) => [uidOf(pod), pod]));
  const result: Tally = {
    succeeded: 0,
    failed: 0,
    counted: { succeeded: status.succeeded ?? 0, failed: status.failed ?? 0 },
    uncounted: { succeeded: [], failed: [] },
    completedIndexes: parseIndexes(status.completedIndexes),
    release: [],
  };
  for (const outcome of ['succeeded', 'failed'] as const) {
    for (const uid of noted[outcome] ?? []) {
      if (tracked.has(uid)) result.uncounted[outcome].push(uid);
      else result.counted[outcome]++;
    }
  }
  for (const [uid, pod] of tracked) noteEnd(job, { uid, pod }, result);
  if (isIndexed(job)) result.counted.succeeded = result.completedIndexes.size;
  result.succeeded = result.counted.succeeded + result.uncounted.succeeded.length;
  result.failed = result.counted.failed + result.uncounted.failed.length;
  return result;
}

function noteEnd(job: Job, entry: { uid: string; pod: Pod }, result: Tally): void {
  const { uid, pod } = entry;
  const outcome = outcomeOf(job, pod);
  if (outcome === undefined) return;
  result.release.push(pod);
  if (outcome === 'succeeded' && isIndexed(job)) {
    const index = indexOf(pod, job.spec?.completions ?? 0);
    if (index !== undefined) result.completedIndexes.add(index);
    return;
  }
  if (!result.uncounted[outcome].includes(uid)) result.uncounted[outcome].push(uid);
}

/** A pod that is being deleted counts as failed at once, unless the Job wants to see its end first. */
function outcomeOf(job: Job, pod: Pod): 'succeeded' | 'failed' | undefined {
  if (pod.status?.phase === 'Succeeded') return 'succeeded';
  if (pod.status?.phase === 'Failed') return 'failed';
  if (job.spec?.podReplacementPolicy === 'Failed') return undefined;
  return isDeleting(pod) ? 'failed' : undefined;
}
