/** Whether a pod belongs on a node by what the node is labelled and tainted with. Pure. */
import type {
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  Taint,
  Toleration,
} from '@kubets/api';
import type { Rejection } from './admission.ts';
import { specOf } from './pod.ts';

/** What others may say about a node. */
export interface NodeMarks {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
}

const rejection = (plugin: string, why: string): Rejection => ({
  reason: plugin,
  message: `Predicate ${plugin} failed: ${why}`,
});

/** @returns why the pod may not run on the node; undefined: it may */
export function misfit(pod: Pod, node: NodeMarks): Rejection | undefined {
  if (!isSelected(pod, node)) {
    return rejection('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  }
  const tolerations = specOf(pod).tolerations ?? [];
  const isBorne = ({ effect, ...taint }: Taint): boolean =>
    effect !== 'NoExecute' || tolerations.some((one) => tolerates(one, { effect, ...taint }));
  if (node.taints.every(isBorne)) return undefined;
  return rejection('TaintToleration', "node(s) had taints that the pod didn't tolerate");
}

function isSelected(pod: Pod, node: NodeMarks): boolean {
  const { nodeSelector = {}, affinity } = specOf(pod);
  const hasAll = Object.entries(nodeSelector).every(([key, value]) => node.labels[key] === value);
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!hasAll || required === undefined) return hasAll;
  return required.nodeSelectorTerms.some((term) => termMatches(term, node));
}

function termMatches(term: NodeSelectorTerm, { labels, name }: NodeMarks): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  // A term that asks for nothing is met by no node.
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((one) => requirementMet(one, labels[one.key])) &&
    matchFields.every((one) => one.key === 'metadata.name' && requirementMet(one, name))
  );
}

function requirementMet(one: NodeSelectorRequirement, value: string | undefined): boolean {
  const { operator, values = [] } = one;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isWhole(value) && isWhole(values[0]) && BigInt(value) > BigInt(values[0]);
    case 'Lt':
      return isWhole(value) && isWhole(values[0]) && BigInt(value) < BigInt(values[0]);
    default:
      return false;
  }
}

const isWhole = (text: string | undefined): text is string => /^[+-]?\d+$/.test(text ?? '');

function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { effect, key, operator = 'Equal', value = '' } = toleration;
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  return operator === 'Exists' || (Boolean(key) && value === (taint.value ?? ''));
}
