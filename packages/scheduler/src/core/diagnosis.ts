/** What users read about a pod that stays Pending. */
import type { Diagnosis } from '../ports.ts';
import type { ClusterState } from './cluster-state.ts';
import type { PodInfo } from './pod-info.ts';

const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
const NO_VICTIMS = 'No preemption victims found for incoming pod';
const NOT_DONE = 'Preemption is not supported';

/** `2 this, 1 that`, in the order of the texts, as the stock scheduler puts it. */
function histogram(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}

function tally(reasons: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
}

/** Why evicting other pods does not bring the pod onto each node. */
function preemptionReasons(pod: PodInfo, diagnosis: Diagnosis, state: ClusterState): string[] {
  return [...diagnosis.rejections].map(([slot, { unresolvable }]) => {
    if (unresolvable) return NOT_HELPFUL;
    for (const other of state.table.entry(slot).pods.values()) {
      if (other.priority < pod.priority) return NOT_DONE;
    }
    return NO_VICTIMS;
  });
}

/** The message of the FailedScheduling event and of the PodScheduled condition. */
export function failureMessage(pod: PodInfo, diagnosis: Diagnosis, state: ClusterState): string {
  const { nodeCount, general, rejections } = diagnosis;
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const available = `0/${nodeCount} nodes are available: `;
  if (general !== undefined) return `${available}${general}.`;
  const reasons = tally([...rejections.values()].flatMap(({ reasons: texts }) => texts));
  const why = `${available}${histogram(reasons)}.`;
  if (pod.pod.spec?.preemptionPolicy === 'Never') {
    return `${why} preemption: not eligible due to preemptionPolicy=Never..`;
  }
  const preemption = histogram(tally(preemptionReasons(pod, diagnosis, state)));
  return `${why} preemption: ${available}${preemption}.`;
}
