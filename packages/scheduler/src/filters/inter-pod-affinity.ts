/** Required affinity and anti-affinity between pods. */
import type { ClusterState } from '../core/cluster-state.ts';
import type { PodInfo } from '../core/pod-info.ts';
import { type AffinityTerm, termSelects } from '../core/pod-terms.ts';
import type { FilterPlugin, PreparedFilter, Rejection } from '../ports.ts';

const PLUGIN = 'InterPodAffinity';

const rejection = (reason: string, unresolvable: boolean): Rejection => ({
  plugin: PLUGIN,
  reasons: [reason],
  unresolvable,
});
const NO_AFFINITY = rejection("node(s) didn't match pod affinity rules", true);
const ANTI = rejection("node(s) didn't match pod anti-affinity rules", false);
const OTHERS_ANTI = rejection("node(s) didn't satisfy existing pods anti-affinity rules", false);

/** By topology key, the values of domains with such pods. */
type Domains = Map<string, Set<string>>;

/** Adds the domains of the nodes where pods of a group run. */
function addDomains(
  domains: Domains,
  key: string,
  counts: ReadonlyMap<number, number>,
  state: ClusterState,
): void {
  const values = domains.get(key) ?? new Set<string>();
  for (const slot of counts.keys()) {
    const value = state.table.entry(slot).labels[key];
    if (value !== undefined) values.add(value);
  }
  if (values.size > 0) domains.set(key, values);
}

/** The domains with pods that all (or, for anti-affinity, each for itself) terms select. */
function matchingDomains(
  terms: readonly AffinityTerm[],
  together: boolean,
  state: ClusterState,
): Domains {
  const domains: Domains = new Map();
  const selects = (term: AffinityTerm, namespace: string, labels: PodInfo['labels']): boolean =>
    termSelects(term, namespace, labels, state.namespaceLabels);
  if (terms.length === 0) return domains;
  for (const { namespace, group } of state.neighbours()) {
    const { facts, counts } = group;
    if (together && !terms.every((term) => selects(term, namespace, facts))) continue;
    for (const term of terms) {
      if (!together && !selects(term, namespace, facts)) continue;
      addDomains(domains, term.topologyKey, counts, state);
    }
  }
  return domains;
}

/** The domains that pods already there keep this pod out of. */
function forbiddenDomains(pod: PodInfo, state: ClusterState): Domains {
  const domains: Domains = new Map();
  for (const { facts, counts } of state.affinityGroups.groups()) {
    for (const term of facts.affinities.requiredAnti) {
      if (!termSelects(term, pod.namespace, pod.labels, state.namespaceLabels)) continue;
      addDomains(domains, term.topologyKey, counts, state);
    }
  }
  return domains;
}

function hits(domains: Domains, labels: PodInfo['labels']): boolean {
  for (const [key, values] of domains) {
    const value = labels[key];
    if (value !== undefined && values.has(value)) return true;
  }
  return false;
}

/**
 * Whether a node has every topology label and, for each term, a fitting pod in its domain. The first pod of a group
 * that wants to be near its own kind may start anywhere that has the labels.
 */
function nearEnough(pod: PodInfo, domains: Domains, state: ClusterState, slot: number): boolean {
  const { labels } = state.table.entry(slot);
  const terms = pod.affinities.required;
  if (terms.some(({ topologyKey }) => labels[topologyKey] === undefined)) return false;
  const found = terms.every(({ topologyKey }) =>
    domains.get(topologyKey)?.has(labels[topologyKey] ?? ''),
  );
  if (found) return true;
  const selectsSelf = terms.every((term) =>
    termSelects(term, pod.namespace, pod.labels, state.namespaceLabels),
  );
  return domains.size === 0 && selectsSelf;
}

export const interPodAffinity: FilterPlugin = {
  name: PLUGIN,
  nodeLocal: false,
  prepare(pod, state): PreparedFilter | undefined {
    const { required, requiredAnti } = pod.affinities;
    const forbidden = forbiddenDomains(pod, state);
    if (required.length + requiredAnti.length + forbidden.size === 0) return undefined;
    const near = matchingDomains(required, true, state);
    const far = matchingDomains(requiredAnti, false, state);
    return {
      plugin: PLUGIN,
      reject(slot) {
        const { labels } = state.table.entry(slot);
        if (required.length > 0 && !nearEnough(pod, near, state, slot)) return NO_AFFINITY;
        if (hits(far, labels)) return ANTI;
        return hits(forbidden, labels) ? OTHERS_ANTI : undefined;
      },
    };
  },
};
