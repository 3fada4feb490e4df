/** What becomes of a node whose machine is stopped or gone. Pure. */
import type { Node, Taint } from '@kubets/api';
import { isDeleting } from '@kubets/controller-manager/host';
import type { InstanceState } from '../ports.ts';

export const SHUTDOWN_TAINT = 'node.cloudprovider.kubernetes.io/shutdown';

/** `ask`: only the provider can tell. */
export type Look = 'nothing' | 'ask' | 'untaint';

const hasTaint = (node: Node): boolean =>
  node.spec?.taints?.some(({ key }) => key === SHUTDOWN_TAINT) === true;

const isReady = (node: Node): boolean =>
  node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';

/** Nodes that are ready are not asked about: their kubelet proves that the machine runs. */
export function lookAt(node: Node): Look {
  if (isDeleting(node)) return 'nothing';
  if (isReady(node)) return hasTaint(node) ? 'untaint' : 'nothing';
  // A node that never said anything yet belongs to a machine that is just being made.
  if (node.status?.conditions?.some(({ type }) => type === 'Ready') !== true) return 'nothing';
  return 'ask';
}

/** What to do, once the provider has told. */
export type Act = 'nothing' | 'delete' | 'taint' | 'untaint';

export function actOn(node: Node, state: InstanceState): Act {
  if (state === 'gone') return 'delete';
  if (state === 'stopped') return hasTaint(node) ? 'nothing' : 'taint';
  return hasTaint(node) ? 'untaint' : 'nothing';
}

/** The node's taints with ours, or without it. */
export function taintsWith(node: Node, present: boolean): Taint[] {
  const others = (node.spec?.taints ?? []).filter(({ key }) => key !== SHUTDOWN_TAINT);
  return present ? [...others, { key: SHUTDOWN_TAINT, effect: 'NoSchedule' }] : others;
}
