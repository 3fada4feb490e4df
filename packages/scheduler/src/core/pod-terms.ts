/** Affinity between pods and spread over domains, parsed. */
import {
  type Affinity,
  labelSelectorOf,
  matchesLabels,
  type ParsedLabelSelector,
  type Pod,
  type PodAffinityTerm,
  type TopologySpreadConstraint,
} from '@kubets/api';

import type { PodInfo } from './pod-info.ts';

type Labels = Readonly<Record<string, string>>;

/** The labels of a namespace, for terms that select namespaces by label. */
export type NamespaceLabels = (namespace: string) => Labels | undefined;

export interface AffinityTerm {
  readonly topologyKey: string;
  readonly selector: ParsedLabelSelector;
  readonly namespaces: ReadonlySet<string>;
  readonly namespaceSelector: ParsedLabelSelector | undefined;
  /** 1 for required terms. */
  readonly weight: number;
}

export interface PodAffinities {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  readonly preferred: readonly AffinityTerm[];
  readonly preferredAnti: readonly AffinityTerm[];
}

function withLabelKeys(
  selector: ParsedLabelSelector,
  labels: Labels,
  keys: readonly string[] = [],
): ParsedLabelSelector {
  const extra = keys
    .filter((key) => labels[key] !== undefined)
    .map((key) => ({ key, operator: 'in' as const, values: [labels[key] ?? ''] }));
  if (extra.length === 0) return selector;
  return { ...selector, requirements: [...selector.requirements, ...extra] };
}

function termOf(pod: Pod, term: PodAffinityTerm, weight: number): AffinityTerm {
  const explicit = term.namespaces ?? [];
  const own = explicit.length === 0 && term.namespaceSelector === undefined;
  return {
    topologyKey: term.topologyKey,
    // Keys of its own labels were made part of the selector when the pod was created.
    selector: labelSelectorOf(term.labelSelector),
    namespaces: new Set(own ? [pod.metadata.namespace ?? ''] : explicit),
    namespaceSelector:
      term.namespaceSelector === undefined ? undefined : labelSelectorOf(term.namespaceSelector),
    weight,
  };
}

const NONE: PodAffinities = { required: [], requiredAnti: [], preferred: [], preferredAnti: [] };

/** The pod's terms about other pods. */
export function affinitiesOf(pod: Pod): PodAffinities {
  const affinity: Affinity | undefined = pod.spec?.affinity;
  const { podAffinity: near, podAntiAffinity: far } = affinity ?? {};
  if (near === undefined && far === undefined) return NONE;
  const required = (terms: readonly PodAffinityTerm[] | undefined): AffinityTerm[] =>
    (terms ?? []).map((term) => termOf(pod, term, 1));
  const weighted = (
    terms: readonly { weight: number; podAffinityTerm: PodAffinityTerm }[] | undefined,
  ): AffinityTerm[] =>
    (terms ?? []).map(({ weight, podAffinityTerm }) => termOf(pod, podAffinityTerm, weight));
  return {
    required: required(near?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAnti: required(far?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: weighted(near?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAnti: weighted(far?.preferredDuringSchedulingIgnoredDuringExecution),
  };
}

/** Whether the term is about pods with these labels in this namespace. */
export function termSelects(
  term: AffinityTerm,
  namespace: string,
  labels: Labels,
  namespaceLabels: NamespaceLabels,
): boolean {
  const selector = term.namespaceSelector;
  const inNamespace =
    term.namespaces.has(namespace) ||
    (selector !== undefined && matchesLabels(selector, namespaceLabels(namespace) ?? {}));
  return inNamespace && matchesLabels(term.selector, labels);
}

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: ParsedLabelSelector;
  /** Whether only nodes that the pod's node affinity allows count. */
  readonly honorAffinity: boolean;
  /** Whether nodes with taints the pod does not tolerate are left out. */
  readonly honorTaints: boolean;
}

function constraintOf(pod: Pod, raw: TopologySpreadConstraint): SpreadConstraint {
  const labels = pod.metadata.labels ?? {};
  return withSelector(
    raw,
    withLabelKeys(labelSelectorOf(raw.labelSelector), labels, raw.matchLabelKeys),
  );
}

/** Selects the pods of the same services and workloads as a pod; undefined when it belongs to none. */
export type SelectorOf = (pod: PodInfo) => ParsedLabelSelector | undefined;

/** A constraint for pods that a selector selects. */
export function withSelector(
  raw: Omit<TopologySpreadConstraint, 'labelSelector'>,
  selector: ParsedLabelSelector,
): SpreadConstraint {
  return {
    topologyKey: raw.topologyKey,
    maxSkew: raw.maxSkew,
    minDomains: raw.minDomains ?? 1,
    selector,
    honorAffinity: raw.nodeAffinityPolicy !== 'Ignore',
    honorTaints: raw.nodeTaintsPolicy === 'Honor',
  };
}

/** @param when `DoNotSchedule` or `ScheduleAnyway` */
export function spreadOf(pod: Pod, when: string): SpreadConstraint[] {
  return (pod.spec?.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when)
    .map((raw) => constraintOf(pod, raw));
}
