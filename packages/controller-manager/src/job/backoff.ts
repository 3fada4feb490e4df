import type { Pod } from '@kubets/api';
import { JOB_BACKOFF_MAX_MS, JOB_BACKOFF_MS } from '../limits.ts';
import { createdMs, parseTime } from '../objects/meta.ts';
import { readyCondition } from '../objects/pods.ts';

/** When a pod ended: its last container's end, else when it stopped being ready, else its creation. */
export function endedMs(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map((c) =>
    parseTime(c.state?.terminated?.finishedAt),
  );
  const last = Math.max(0, ...ends);
  return last || parseTime(readyCondition(pod)?.lastTransitionTime) || createdMs(pod);
}

/**
 * Earliest time for the next pod: doubles with each failure since the last success. Read off the
 * pods that are still there, so it is the same for every leader.
 */
export function retryAtMs(pods: readonly Pod[]): number {
  const ended = pods.filter((p) => p.status?.phase === 'Succeeded' || p.status?.phase === 'Failed');
  const newestFirst = ended.sort((a, b) => endedMs(b) - endedMs(a));
  const success = newestFirst.findIndex((pod) => pod.status?.phase === 'Succeeded');
  const failures = success < 0 ? newestFirst.length : success;
  const last = newestFirst[0];
  if (failures === 0 || !last) return 0;
  return endedMs(last) + waitMs(failures);
}

/** How long to wait after so many failures in a row, at least one. */
export function waitMs(failures: number): number {
  return Math.min(JOB_BACKOFF_MAX_MS, JOB_BACKOFF_MS * 2 ** Math.min(failures - 1, 30));
}
