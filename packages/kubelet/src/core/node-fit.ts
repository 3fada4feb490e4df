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

const OS = 'linux';
const OS_LABEL = 'kubernetes.io/os';

/**
 * Pods name the system they are made for by a label of their own, or in so many words.
 * @returns why the pod cannot run on a node of this kind, whatever else is true of it; undefined: it can
 */
export function alienSystem(pod: Pod): Rejection | undefined {
  const { os } = specOf(pod);
  if ((pod.metadata.labels?.[OS_LABEL] ?? OS) !== OS) {
    const reason = 'PodOSSelectorNodeLabelDoesNotMatch';
    const what = `the \`${OS_LABEL}\` label doesn't match node label`;
    return { reason, message: `Failed to admit pod as ${what}` };
  }
  if (os === undefined || os.name === OS) return undefined;
  const message = "Failed to admit pod as the OS field doesn't match node OS";
  return { reason: 'PodOSNotSupported', message };
}

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
