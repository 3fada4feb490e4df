import type { Node, Pod } from '@kubets/api';
import { createdMs, isDeleting } from '../objects/meta.ts';
import { isFinished } from '../objects/pods.ts';

export type PodGcReason = 'terminated' | 'orphaned' | 'unscheduled' | 'out-of-service';

export interface PodGcVictim {
  pod: Pod;
  reason: PodGcReason;
}

export interface PodGcView {
  pods: readonly Pod[];
  node(name: string): Node | undefined;
  /** Nodes that have been missing for the whole quarantine. */
  goneNodes: ReadonlySet<string>;
  /** Finished pods to keep in the whole cluster; 0 keeps all. */
  terminatedThreshold: number;
}

const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

/**
 * Pods nobody else will remove: finished ones past the threshold (oldest first), those bound to a
 * node that no longer exists, those deleted before they were ever bound, and those stuck on a node
 * an administrator declared out of service.
 */
export function decidePodGc(view: PodGcView): PodGcVictim[] {
  const victims = new Map<Pod, PodGcReason>();
  for (const pod of excessFinished(view)) victims.set(pod, 'terminated');
  for (const pod of view.pods) {
    const node = pod.spec?.nodeName ?? '';
    if (node === '') {
      if (isDeleting(pod)) victims.set(pod, 'unscheduled');
    } else if (view.goneNodes.has(node)) victims.set(pod, 'orphaned');
    else if (isDeleting(pod) && isOutOfService(view.node(node))) victims.set(pod, 'out-of-service');
  }
  return [...victims].map(([pod, reason]) => ({ pod, reason }));
}

function excessFinished(view: PodGcView): Pod[] {
  if (view.terminatedThreshold <= 0) return [];
  const finished = view.pods.filter((pod) => isFinished(pod) && !isDeleting(pod));
  const excess = finished.length - view.terminatedThreshold;
  if (excess <= 0) return [];
  // Evicted ones first: there may be many of them, and they tell least.
  const rank = ({ status }: Pod): number =>
    status?.phase === 'Failed' && status.reason === 'Evicted' ? 0 : 1;
  return finished.sort((a, b) => rank(a) - rank(b) || createdMs(a) - createdMs(b)).slice(0, excess);
}

function isOutOfService(node: Node | undefined): boolean {
  if (!node) return false;
  const taints = node.spec?.taints ?? [];
  const ready = node.status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True';
  return !ready && taints.some((t) => t.key === OUT_OF_SERVICE);
}

/**
 * Keeps the time since when each node named by pods has been missing.
 * @returns those missing for `quarantineMs`
 */
export function quarantine(
  missingSince: Map<string, number>,
  missing: ReadonlySet<string>,
  facts: { nowMs: number; quarantineMs: number },
): Set<string> {
  for (const name of missingSince.keys()) if (!missing.has(name)) missingSince.delete(name);
  for (const name of missing) if (!missingSince.has(name)) missingSince.set(name, facts.nowMs);
  const due = [...missingSince].filter(([, since]) => facts.nowMs - since >= facts.quarantineMs);
  return new Set(due.map(([name]) => name));
}
