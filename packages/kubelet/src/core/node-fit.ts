/** Whether a pod belongs on a node by what the node is labelled and tainted with. Pure. */
import { type NodeFacts, type Pod, type Taint, tolerates, wantsNode } from '@kubets/api';
import type { Rejection } from './admission.ts';
import { specOf } from './pod.ts';

/** What others may say about a node. */
export interface NodeMarks extends NodeFacts {
  readonly taints: readonly Taint[];
}

const rejection = (plugin: string, why: string): Rejection => ({
  reason: plugin,
  message: `Predicate ${plugin} failed: ${why}`,
});

/** @returns why the pod may not run on the node; undefined: it may */
export function misfit(pod: Pod, node: NodeMarks): Rejection | undefined {
  if (!wantsNode(specOf(pod), node)) {
    return rejection('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  }
  const tolerations = specOf(pod).tolerations ?? [];
  const isBorne = ({ effect, ...taint }: Taint): boolean =>
    effect !== 'NoExecute' || tolerations.some((one) => tolerates(one, { effect, ...taint }));
  if (node.taints.every(isBorne)) return undefined;
  return rejection('TaintToleration', "node(s) had taints that the pod didn't tolerate");
}
