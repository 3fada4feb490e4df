/** What users read about a pod that stays Pending. */
import type { Diagnosis } from '../ports.ts';

/** `2 this, 1 that`, in the order of the texts, as the stock scheduler puts it. */
function histogram(reasons: Iterable<string>, others: Diagnosis['others']): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const { count = 0, rejection } = others ?? {};
  for (const reason of count === 0 ? [] : (rejection?.reasons ?? [])) {
    counts.set(reason, (counts.get(reason) ?? 0) + count);
  }
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}

/** `0/3 nodes are available: 1 this, 2 that.` @param reasons those of all nodes together */
export function nodesMessage(
  nodeCount: number,
  reasons: Iterable<string>,
  others?: Diagnosis['others'],
): string {
  return `0/${nodeCount} nodes are available: ${histogram(reasons, others)}.`;
}

const withPreemption = (why: string, preemption: string): string =>
  preemption === '' ? why : `${why} preemption: ${preemption}`;

/**
 * The message of the FailedScheduling event and of the PodScheduled condition.
 * @param preemption what came of trying to make room; '' when room is being made
 */
export function failureMessage(diagnosis: Diagnosis, preemption: string): string {
  const { nodeCount, general, rejections, others } = diagnosis;
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  if (general !== undefined) {
    return withPreemption(`0/${nodeCount} nodes are available: ${general}.`, preemption);
  }
  const why = nodesMessage(
    nodeCount,
    [...rejections.values()].flatMap(({ reasons }) => reasons),
    others,
  );
  return withPreemption(why, preemption);
}
