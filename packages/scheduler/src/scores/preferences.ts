/** Scores by what the pod would rather have: preferred node affinity, nodes without soft taints, near or far from pods. */
import { type NodeAffinity, tolerates } from '@kubets/api';
import type { PluginArgs } from '../config/profile.ts';
import type { ClusterState } from '../core/cluster-state.ts';
import { preferredNodes } from '../core/node-match.ts';
import type { PodInfo } from '../core/pod-info.ts';
import { type AffinityTerm, termSelects } from '../core/pod-terms.ts';
import { MAX_NODE_SCORE } from '../limits.ts';
import type { ScorePlugin } from '../ports.ts';

/** Stretches raw numbers to 0–100; `reverse` when less is better. */
function normalise(scores: Float64Array, length: number, reverse: boolean): void {
  let top = 0;
  for (let at = 0; at < length; at += 1) top = Math.max(top, scores[at] ?? 0);
  for (let at = 0; at < length; at += 1) {
    const share = top === 0 ? 0 : Math.floor(((scores[at] ?? 0) * MAX_NODE_SCORE) / top);
    scores[at] = reverse ? MAX_NODE_SCORE - share : share;
  }
}

/** @param added affinity that every pod has besides its own */
export function preferredNodeAffinity(added?: NodeAffinity): ScorePlugin {
  const common = added ? preferredNodes({ containers: [], affinity: { nodeAffinity: added } }) : [];
  return {
    name: 'NodeAffinity',
    weight: 2,
    score(pod, { table }, slots, scores) {
      const wishes = common.length === 0 ? pod.preferredNodes : [...common, ...pod.preferredNodes];
      if (wishes.length === 0) return false;
      for (const [at, slot] of slots.entries()) {
        const entry = table.entry(slot);
        let sum = 0;
        for (const { weight, matches } of wishes) if (matches(entry)) sum += weight;
        scores[at] = sum;
      }
      normalise(scores, slots.length, false);
      return true;
    },
  };
}

export const softTaints: ScorePlugin = {
  name: 'TaintToleration',
  weight: 3,
  score(pod, { table }, slots, scores) {
    const relevant = pod.tolerations.filter(
      ({ effect = '' }) => effect === '' || effect === 'PreferNoSchedule',
    );
    let any = false;
    for (const [at, slot] of slots.entries()) {
      let count = 0;
      for (const taint of table.entry(slot).taints) {
        if (taint.effect !== 'PreferNoSchedule') continue;
        if (!relevant.some((toleration) => tolerates(toleration, taint))) count += 1;
      }
      if (count > 0) any = true;
      scores[at] = count;
    }
    if (any) normalise(scores, slots.length, true);
    return any;
  },
};

/** Weights by domain: topology key, then value. */
type Weights = Map<string, Map<string, number>>;

function addWeight(
  weights: Weights,
  term: AffinityTerm,
  state: ClusterState,
  by: {
    counts: ReadonlyMap<number, number>;
    factor: number;
  },
): void {
  const values = weights.get(term.topologyKey) ?? new Map<string, number>();
  weights.set(term.topologyKey, values);
  for (const [slot, count] of by.counts) {
    const value = state.table.entry(slot).labels[term.topologyKey];
    if (value === undefined) continue;
    values.set(value, (values.get(value) ?? 0) + count * term.weight * by.factor);
  }
}

/** The pod's own wishes about pods that are there. */
function ownWishes(weights: Weights, pod: PodInfo, state: ClusterState): void {
  const { preferred, preferredAnti } = pod.affinities;
  if (preferred.length + preferredAnti.length === 0) return;
  for (const { namespace, group } of state.neighbours()) {
    const apply = (terms: readonly AffinityTerm[], factor: number): void => {
      for (const term of terms) {
        if (!termSelects(term, namespace, group.facts, state.namespaceLabels)) continue;
        addWeight(weights, term, state, { counts: group.counts, factor });
      }
    };
    apply(preferred, 1);
    apply(preferredAnti, -1);
  }
}

/** The wishes of pods that are there about this one. What they require counts as a wish here. */
function theirWishes(
  weights: Weights,
  pod: PodInfo,
  state: ClusterState,
  { hardWeight, ignoresWishesOfOthers }: PluginArgs['interPod'],
): void {
  const minds = pod.affinities.preferred.length + pod.affinities.preferredAnti.length > 0;
  // Who has no wishes about others can be asked not to mind theirs.
  if (ignoresWishesOfOthers && !minds) return;
  for (const { facts, counts } of state.affinityGroups.groups()) {
    const apply = (terms: readonly AffinityTerm[], factor: number): void => {
      if (factor === 0) return;
      for (const term of terms) {
        if (!termSelects(term, pod.namespace, pod.labels, state.namespaceLabels)) continue;
        addWeight(weights, term, state, { counts, factor });
      }
    };
    apply(facts.affinities.required, hardWeight);
    apply(facts.affinities.preferred, 1);
    apply(facts.affinities.preferredAnti, -1);
  }
}

export function interPodPreferences(args: PluginArgs['interPod']): ScorePlugin {
  const score: ScorePlugin['score'] = (pod, state, slots, scores) => {
    const weights: Weights = new Map();
    ownWishes(weights, pod, state);
    theirWishes(weights, pod, state, args);
    if (weights.size === 0) return false;
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const [at, slot] of slots.entries()) {
      const { labels } = state.table.entry(slot);
      let sum = 0;
      for (const [key, values] of weights) {
        const value = labels[key];
        if (value !== undefined) sum += values.get(value) ?? 0;
      }
      scores[at] = sum;
      least = Math.min(least, sum);
      most = Math.max(most, sum);
    }
    for (let at = 0; at < slots.length; at += 1) {
      const above = (scores[at] ?? 0) - least;
      // Divided first, as the stock scheduler does: 29 of 100 are 28.
      scores[at] = most > least ? Math.floor(MAX_NODE_SCORE * (above / (most - least))) : 0;
    }
    return true;
  };
  return { name: 'InterPodAffinity', weight: 2, score };
}
