import type { Pod, Taint } from '@kubets/api';
import { parseTime } from '../objects/meta.ts';
import { matching } from '../objects/taints.ts';

/** When a pod has to leave its node: never, or at a time (which may be past). */
export type Eviction = { type: 'none' } | { type: 'at'; atMs: number };

/**
 * A pod leaves when a NoExecute taint is not tolerated, or once the shortest toleration for a taint
 * has run out. Times count from when the taint was put on (`timeAdded`), so a new leader does not
 * start them over.
 * @param seenMs when a taint without `timeAdded` was first seen
 */
export function decideEviction(
  pod: Pod,
  taints: readonly Taint[],
  seenMs: (taint: Taint) => number,
): Eviction {
  let atMs = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    const since = taint.timeAdded ? parseTime(taint.timeAdded) : seenMs(taint);
    atMs = Math.min(atMs, since + toleratedMs(pod, taint));
  }
  return atMs === Number.POSITIVE_INFINITY ? { type: 'none' } : { type: 'at', atMs };
}

/** How long the pod bears the taint: 0 not at all, infinity for ever. */
function toleratedMs(pod: Pod, taint: Taint): number {
  const tolerations = matching(pod, taint);
  if (tolerations.length === 0) return 0;
  return Math.min(
    ...tolerations.map(({ tolerationSeconds }) =>
      tolerationSeconds === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(0, Number(tolerationSeconds)) * 1000,
    ),
  );
}

export const noExecuteTaints = (taints: readonly Taint[] | undefined): Taint[] =>
  (taints ?? []).filter((taint) => taint.effect === 'NoExecute');
