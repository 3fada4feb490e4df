/** Node selectors and affinity, compiled to functions of a node's labels and name. */
import type { NodeSelectorTerm, PodSpec } from '../generated/types-core.ts';

export interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type NodeMatcher = (node: NodeFacts) => boolean;

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

function compares(actual: string | undefined, wanted: string | undefined, sign: 1 | -1): boolean {
  const [left, right] = [actual, wanted].map((text) =>
    /^[+-]?\d+$/.test(text ?? '') ? Number(text) : NaN,
  );
  return ((left ?? Number.NaN) - (right ?? Number.NaN)) * sign > 0;
}

/** An operator nobody knows matches nothing. */
function holds({ operator, values = [] }: Requirement, actual: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values.includes(actual);
    case 'NotIn':
      return actual === undefined || !values.includes(actual);
    case 'Exists':
      return actual !== undefined;
    case 'DoesNotExist':
      return actual === undefined;
    case 'Gt':
      return compares(actual, values[0], 1);
    case 'Lt':
      return compares(actual, values[0], -1);
    default:
      return false;
  }
}

/** All expressions and fields of a term must hold; a term without any matches nothing. */
export function termMatcher(term: NodeSelectorTerm): NodeMatcher {
  const expressions: readonly Requirement[] = term.matchExpressions ?? [];
  const fields: readonly Requirement[] = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return () => false;
  return (node) =>
    expressions.every((one) => holds(one, node.labels[one.key])) &&
    fields.every((one) => holds(one, one.key === 'metadata.name' ? node.name : undefined));
}

/** `nodeSelector` and required node affinity; undefined when the pod takes any node. */
export function requiredNodes(spec: PodSpec): NodeMatcher | undefined {
  const wanted = Object.entries(spec.nodeSelector ?? {});
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (wanted.length === 0 && required === undefined) return undefined;
  const terms = required?.nodeSelectorTerms?.map(termMatcher);
  return (node) =>
    wanted.every(([key, value]) => node.labels[key] === value) &&
    (terms === undefined || terms.some((matches) => matches(node)));
}

/** Whether `nodeSelector` and required node affinity let a pod run on a node. */
export function wantsNode(spec: PodSpec | undefined, node: NodeFacts): boolean {
  return spec === undefined || (requiredNodes(spec)?.(node) ?? true);
}
