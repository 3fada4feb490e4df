/** Soft topology spread: the pod's own constraints, or the default ones for pods of a service or workload. */
import type { TopologySpreadConstraint } from '@kubets/api';
import type { ClusterState } from '../core/cluster-state.ts';
import type { PodInfo } from '../core/pod-info.ts';
import { type SelectorOf, type SpreadConstraint, withSelector } from '../core/pod-terms.ts';
import { countsFor } from '../filters/topology-spread.ts';
import { MAX_NODE_SCORE } from '../limits.ts';
import type { ScorePlugin } from '../ports.ts';

const HOSTNAME = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';

/** What the cluster spreads by when a pod says nothing: hosts, then zones. */
const SYSTEM_DEFAULTS: readonly TopologySpreadConstraint[] = [
  { topologyKey: HOSTNAME, maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: ZONE, maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
];

interface Counted {
  readonly constraint: SpreadConstraint;
  /** Pods by node for the host name, by domain for everything else. */
  readonly bySlot: ReadonlyMap<number, number> | undefined;
  readonly byValue: ReadonlyMap<string, number> | undefined;
  readonly weight: number;
}

/** Domains of unequal number weigh differently, or many hosts would drown a few zones. */
const weightOf = (domains: number): number => Math.log(domains + 2);

type Labels = Readonly<Record<string, string>>;

/** Does a node count at all? Not without every label the pod spreads by, unless it never asked. */
type Counts = (labels: Labels) => boolean;

/** @param slots nodes the pod may go to that count */
function count(
  constraint: SpreadConstraint,
  pod: PodInfo,
  state: ClusterState,
  slots: readonly number[],
  counts: Counts,
): Counted {
  const bySlot = new Map<number, number>();
  for (const group of state.groups.matching(pod.namespace, constraint.selector)) {
    for (const [slot, pods] of group.counts) bySlot.set(slot, (bySlot.get(slot) ?? 0) + pods);
  }
  if (constraint.topologyKey === HOSTNAME) {
    return { constraint, bySlot, byValue: undefined, weight: weightOf(slots.length) };
  }
  const byValue = new Map<string, number>();
  // Nodes without the label, where they count, are one more domain.
  for (const slot of slots) {
    byValue.set(state.table.entry(slot).labels[constraint.topologyKey] ?? '', 0);
  }
  for (const [slot, pods] of bySlot) {
    const entry = state.table.entry(slot);
    const sum = byValue.get(entry.labels[constraint.topologyKey] ?? '');
    if (sum === undefined || !counts(entry.labels) || !countsFor(constraint, pod, entry)) continue;
    byValue.set(entry.labels[constraint.topologyKey] ?? '', sum + pods);
  }
  return { constraint, bySlot: undefined, byValue, weight: weightOf(byValue.size) };
}

function rawScore(counted: readonly Counted[], state: ClusterState, slot: number): number {
  const { labels } = state.table.entry(slot);
  let sum = 0;
  for (const { constraint, bySlot, byValue, weight } of counted) {
    const value = labels[constraint.topologyKey];
    if (value === undefined) continue;
    const pods = bySlot?.get(slot) ?? byValue?.get(value) ?? 0;
    sum += pods * weight + (constraint.maxSkew - 1);
  }
  return Math.round(sum);
}

/** Fewer matching pods around is better; nodes without the topology labels get nothing. */
function normalise(scores: Float64Array, length: number): void {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (let at = 0; at < length; at += 1) {
    const score = scores[at] ?? 0;
    if (Number.isNaN(score)) continue;
    least = Math.min(least, score);
    most = Math.max(most, score);
  }
  for (let at = 0; at < length; at += 1) {
    const score = scores[at] ?? 0;
    if (Number.isNaN(score)) scores[at] = 0;
    else if (most === 0) scores[at] = MAX_NODE_SCORE;
    else scores[at] = Math.floor((MAX_NODE_SCORE * (most + least - score)) / most);
  }
}

/**
 * @param selectorOf selects the pods of the same services and workloads
 * @param defaults constraints of pods that have none; undefined: the system's own
 */
export function softTopologySpread(
  selectorOf: SelectorOf,
  defaults?: readonly TopologySpreadConstraint[],
): ScorePlugin {
  const soft = (defaults ?? SYSTEM_DEFAULTS).filter(
    (one) => one.whenUnsatisfiable === 'ScheduleAnyway',
  );
  // Only by the system's own are nodes without a zone as good as others.
  const isStrict = defaults !== undefined;
  return {
    name: 'PodTopologySpread',
    weight: 2,
    score(pod, state, slots, scores) {
      let constraints: readonly SpreadConstraint[] = pod.softSpread;
      const own = constraints.length > 0;
      if (!own && pod.hardSpread.length === 0) {
        const selector = soft.length === 0 ? undefined : selectorOf(pod);
        if (selector) constraints = soft.map((one) => withSelector(one, selector));
      }
      if (constraints.length === 0) return false;
      const keys = constraints.map((one) => one.topologyKey);
      const hasAll: Counts = (labels) => keys.every((key) => labels[key] !== undefined);
      const counts: Counts = own || isStrict ? hasAll : () => true;
      const counting = slots.filter((slot) => counts(state.table.entry(slot).labels));
      const counted = constraints.map((one) => count(one, pod, state, counting, counts));
      for (const [at, slot] of slots.entries()) {
        const ignored = !counts(state.table.entry(slot).labels);
        scores[at] = ignored ? Number.NaN : rawScore(counted, state, slot);
      }
      normalise(scores, slots.length);
      return true;
    },
  };
}
