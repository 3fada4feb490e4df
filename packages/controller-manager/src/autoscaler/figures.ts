/** How many pods one figure asks for: of an object, or of something outside the cluster (replica_calculator.go). Pure. */
import type { LabelSelector, Pod } from '@kubets/api';
import { isReady } from '../objects/pods.ts';
import { nearTo, UsageError, type UsageRules } from './usage.ts';

/** What is wanted of a figure: an amount in all, or for each pod. */
export interface FigureTarget {
  readonly kind: 'value' | 'average';
  readonly milli: number;
}

export interface FigureView {
  /** The figure, in thousandths. */
  readonly milli: number;
  readonly target: FigureTarget;
  readonly pods: readonly Pod[];
  /** What the target wants to have, and what it has. */
  readonly replicas: number;
  readonly statusReplicas: number;
  readonly rules: UsageRules;
}

export interface FigureProposal {
  readonly replicas: number;
  /** The figure, or the part of each pod, in thousandths. */
  readonly milli: number;
}

/** @throws UsageError when there are no pods to go by */
export function figureProposal(view: FigureView): FigureProposal {
  const { milli, target, statusReplicas, rules } = view;
  if (target.kind === 'value') return { replicas: byValue(view), milli };
  const ratio = milli / (target.milli * statusReplicas);
  const replicas = nearTo(rules)(ratio) ? statusReplicas : Math.ceil(milli / target.milli);
  return { replicas, milli: statusReplicas === 0 ? 0 : Math.ceil(milli / statusReplicas) };
}

function byValue({ milli, target, pods, replicas, rules }: FigureView): number {
  const ratio = milli / target.milli;
  if (replicas === 0) return Math.ceil(ratio);
  if (nearTo(rules)(ratio)) return replicas;
  if (pods.length === 0) {
    const why = 'no pods returned by selector while calculating replica count';
    throw new UsageError(`unable to calculate ready pods: ${why}`);
  }
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length;
  return Math.ceil(ratio * ready);
}

/** A selector as the stock controller's messages show it. */
export function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const pairs = labels.map(([key, value]) => `${key}: ${value},`).join('');
  const rules = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${pairs}},MatchExpressions:[]LabelSelectorRequirement{${rules.join('')}},}`;
}
