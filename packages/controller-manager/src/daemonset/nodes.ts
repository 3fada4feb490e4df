import {
  type DaemonSet,
  type Node,
  type Pod,
  type Toleration,
  tolerates,
  wantsNode,
} from '@kubets/api';
import { labelsOf, nameOf } from '../objects/meta.ts';
import { TAINT } from '../objects/taints.ts';

const exists = (key: string, effect: string): Toleration => ({ key, operator: 'Exists', effect });

/** A daemon is part of the node: it stays, or comes, whatever the node suffers from. */
const DAEMON_TOLERATIONS: readonly Toleration[] = [
  exists(TAINT.notReady, 'NoExecute'),
  exists(TAINT.unreachable, 'NoExecute'),
  exists(TAINT.diskPressure, 'NoSchedule'),
  exists(TAINT.memoryPressure, 'NoSchedule'),
  exists(TAINT.pidPressure, 'NoSchedule'),
  exists(TAINT.unschedulable, 'NoSchedule'),
];

/** The tolerations of the set's pods, those every daemon has included. */
export function daemonTolerations(ds: DaemonSet): Toleration[] {
  const spec = ds.spec?.template.spec;
  const network = spec?.hostNetwork ? [exists(TAINT.networkUnavailable, 'NoSchedule')] : [];
  return [...(spec?.tolerations ?? []), ...DAEMON_TOLERATIONS, ...network];
}

/** Whether a node should get a pod of the set, and whether one that is there may stay. */
export interface NodeFit {
  shouldRun: boolean;
  mayStay: boolean;
}

export function nodeFit(ds: DaemonSet, node: Node): NodeFit {
  const spec = ds.spec?.template.spec;
  if (spec?.nodeName && spec.nodeName !== nameOf(node)) return { shouldRun: false, mayStay: false };
  const facts = { name: nameOf(node), labels: labelsOf(node) };
  if (!wantsNode(spec, facts)) return { shouldRun: false, mayStay: false };
  const tolerations = daemonTolerations(ds);
  const hostile = (node.spec?.taints ?? []).filter(
    (taint) => !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
  const mayStay = !hostile.some((taint) => taint.effect === 'NoExecute');
  return { shouldRun: mayStay && !hostile.some((t) => t.effect === 'NoSchedule'), mayStay };
}

/** The node a daemon pod is on, or is meant for while the scheduler has not bound it yet. */
export function targetNode(pod: Pod): string {
  if (pod.spec?.nodeName) return pod.spec.nodeName;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const term of required?.nodeSelectorTerms ?? []) {
    for (const { key, operator, values = [] } of term.matchFields ?? []) {
      const [name] = values;
      if (key === 'metadata.name' && operator === 'In' && name !== undefined) return name;
    }
  }
  return '';
}
