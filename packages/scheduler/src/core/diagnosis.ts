/** What users read about a pod that stays Pending. */
import type { Diagnosis } from '../ports.ts';

/** `2 this, 1 that`, in the order of the texts, as the stock scheduler puts it. */
function histogram(reasons: Iterable<string>): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}

/** `0/3 nodes are available: 1 this, 2 that.` @param reasons those of all nodes together */
export function nodesMessage(nodeCount: number, reasons: Iterable<string>): string {
  return `0/${nodeCount} nodes are available: ${histogram(reasons)}.`;
}

const USELESS = 'Preemption is not helpful for scheduling';

/**
 * The message of the FailedScheduling event and of the PodScheduled condition.
 * @param preemption what came of trying to make room; '' when room is being made
 */
export function failureMessage(diagnosis: Diagnosis, preemption: string): string {
  const { nodeCount, general, rejections } = diagnosis;
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  if (general !== undefined) {
    const useless = nodesMessage(nodeCount, Array<string>(nodeCount).fill(USELESS));
    return `0/${nodeCount} nodes are available: ${general}. preemption: ${useless}`;
  }
  const why = nodesMessage(
    nodeCount,
    [...rejections.values()].flatMap(({ reasons }) => reasons),
  );
  return preemption === '' ? why : `${why} preemption: ${preemption}`;
}
