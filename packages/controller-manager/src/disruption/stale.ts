import type { Pod } from '@kubets/api';
import { DISRUPTION_TIMEOUT_MS } from '../limits.ts';
import { findCondition } from '../objects/conditions.ts';
import { isDeleting, parseTime } from '../objects/meta.ts';
import { isFinished } from '../objects/pods.ts';

/** Set by a kubelet that ends a pod: that may take any time. */
const BY_KUBELET = 'TerminationByKubelet';

/**
 * When it is no longer to be believed that a pod is about to be disrupted, in epoch milliseconds: nobody deleted it since.
 * Undefined where nothing of the kind is said. Pure.
 */
export function staleAtMs(pod: Pod): number | undefined {
  const said = findCondition(pod.status?.conditions, 'DisruptionTarget');
  if (said?.status !== 'True' || said.reason === BY_KUBELET) return undefined;
  if (isDeleting(pod) || isFinished(pod)) return undefined;
  return parseTime(said.lastTransitionTime) + DISRUPTION_TIMEOUT_MS;
}
