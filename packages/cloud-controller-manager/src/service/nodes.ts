/** Which nodes load balancers may send traffic to. Pure. */
import type { Node } from '@kubets/api';
import { isDeleting, nameOf } from '@kubets/controller-manager/host';
import { MAX_NAMED_NODES } from '../limits.ts';

/** Label that keeps a node out, whatever its value. */
const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** Set by the cluster autoscaler before it removes a node. */
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler';

/** Ready, staying, and not excluded. */
export function isEligible(node: Node): boolean {
  if (isDeleting(node) || node.metadata.labels?.[EXCLUDE_LABEL] !== undefined) return false;
  if (node.spec?.taints?.some(({ key }) => key === TO_BE_DELETED_TAINT)) return false;
  return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
}

/** Whether load balancers have to be told about a change. */
export function matters(old: Node, now: Node): boolean {
  return isEligible(old) !== isEligible(now) || old.spec?.providerID !== now.spec?.providerID;
}

/** Eligible nodes in the order of their names. */
export function eligibleNodes(nodes: readonly Node[]): Node[] {
  return nodes.filter(isEligible).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** The nodes in words, for an event. */
export function namedNodes(nodes: readonly Node[]): string {
  const named = nodes.slice(0, MAX_NAMED_NODES).map(nameOf).join(' ');
  const more = nodes.length - MAX_NAMED_NODES;
  return more > 0 ? `[${named} and ${more} more]` : `[${named}]`;
}
