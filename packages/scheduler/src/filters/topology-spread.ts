/** Hard topology spread constraints: no domain may get more than maxSkew ahead of the emptiest one. */
import { matchesLabels, type TopologySpreadConstraint } from '@kubets/api';
import type { ClusterState } from '../core/cluster-state.ts';
import type { NodeEntry } from '../core/node-table.ts';
import type { PodInfo } from '../core/pod-info.ts';
import { type SelectorOf, type SpreadConstraint, withSelector } from '../core/pod-terms.ts';
import type { FilterPlugin, PreparedFilter, Rejection } from '../ports.ts';
import { HARD_EFFECTS, untolerated } from './node-basics.ts';

const PLUGIN = 'PodTopologySpread';
const SKEW_TEXT = "node(s) didn't match pod topology spread constraints";

const SKEWED: Rejection = { plugin: PLUGIN, reasons: [SKEW_TEXT], unresolvable: false };
const NO_LABEL: Rejection = {
  plugin: PLUGIN,
  reasons: [`${SKEW_TEXT} (missing required label)`],
  unresolvable: true,
};

/** Whether a node's pods count for a constraint, given the pod it is a constraint of. */
export function countsFor(
  constraint: SpreadConstraint,
  pod: PodInfo,
  node: Pick<NodeEntry, 'name' | 'labels' | 'taints'>,
): boolean {
  if (constraint.honorAffinity && pod.requiredNodes !== undefined && !pod.requiredNodes(node)) {
    return false;
  }
  if (!constraint.honorTaints) return true;
  return untolerated(node.taints, pod.tolerations, HARD_EFFECTS) === undefined;
}

interface Domains {
  readonly constraint: SpreadConstraint;
  readonly counts: ReadonlyMap<string, number>;
  /** The emptiest domain's count; 0 when there are fewer domains than wanted. */
  readonly least: number;
  /** 1 when the pod itself is one of those the constraint counts. */
  readonly self: number;
}

function domainsOf(
  constraint: SpreadConstraint,
  { pod, constraints }: { pod: PodInfo; constraints: readonly SpreadConstraint[] },
  state: ClusterState,
): Domains {
  const { table, groups } = state;
  const { topologyKey, selector, minDomains } = constraint;
  const bySlot = new Map<number, number>();
  for (const group of groups.matching(pod.namespace, selector)) {
    for (const [slot, count] of group.counts) bySlot.set(slot, (bySlot.get(slot) ?? 0) + count);
  }
  const counts = new Map<string, number>();
  for (const slot of table.order) {
    const entry = table.entry(slot);
    const value = entry.labels[topologyKey];
    const allKeys = constraints.every((one) => entry.labels[one.topologyKey] !== undefined);
    if (value === undefined || !allKeys || !countsFor(constraint, pod, entry)) continue;
    counts.set(value, (counts.get(value) ?? 0) + (bySlot.get(slot) ?? 0));
  }
  const fewest = counts.size < minDomains || counts.size === 0;
  let least = fewest ? 0 : Number.POSITIVE_INFINITY;
  if (!fewest) for (const count of counts.values()) least = Math.min(least, count);
  return { constraint, counts, least, self: matchesLabels(selector, pod.labels) ? 1 : 0 };
}

/** The constraints of a pod that must hold: its own, or the configured ones for pods of services and workloads without any. */
function hardConstraints(
  pod: PodInfo,
  defaults: readonly TopologySpreadConstraint[],
  selectorOf: SelectorOf,
): readonly SpreadConstraint[] {
  if (pod.hardSpread.length > 0 || defaults.length === 0) return pod.hardSpread;
  const selector = pod.softSpread.length > 0 ? undefined : selectorOf(pod);
  return selector === undefined ? [] : defaults.map((one) => withSelector(one, selector));
}

/**
 * @param defaults constraints of pods that have none, where the configuration has some
 * @param selectorOf selects the pods of the same services and workloads
 */
export function topologySpread(
  defaults: readonly TopologySpreadConstraint[] = [],
  selectorOf: SelectorOf = () => undefined,
): FilterPlugin {
  const hard = defaults.filter((one) => one.whenUnsatisfiable === 'DoNotSchedule');
  return {
    name: PLUGIN,
    nodeLocal: false,
    prepare(pod, state) {
      const constraints = hardConstraints(pod, hard, selectorOf);
      return constraints.length === 0 ? undefined : prepared(pod, constraints, state);
    },
  };
}

function prepared(
  pod: PodInfo,
  constraints: readonly SpreadConstraint[],
  state: ClusterState,
): PreparedFilter {
  const all = constraints.map((one) => domainsOf(one, { pod, constraints }, state));
  return {
    plugin: PLUGIN,
    reject(slot) {
      const { labels } = state.table.entry(slot);
      for (const { constraint, counts, least, self } of all) {
        const value = labels[constraint.topologyKey];
        if (value === undefined) return NO_LABEL;
        if ((counts.get(value) ?? 0) + self - least > constraint.maxSkew) return SKEWED;
      }
      return undefined;
    },
  };
}
