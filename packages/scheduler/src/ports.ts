/** The vocabulary of the core: what a plugin is asked, and what it answers. */
import type { ClusterState } from './core/cluster-state.ts';
import type { PodInfo } from './core/pod-info.ts';

/** Why a pod cannot run on a node. */
export interface Rejection {
  /** The plugin that said no: events that cannot change its mind do not wake the pod. */
  readonly plugin: string;
  /** Texts as users know them: `Insufficient cpu`. */
  readonly reasons: readonly string[];
  /** Whether even evicting every other pod would not help. */
  readonly unresolvable: boolean;
}

/** The name extenders have among the plugins: whatever happens may change their minds. */
export const EXTENDERS = 'Extenders';

/** A filter made ready for one pod. */
export interface PreparedFilter {
  readonly plugin: string;
  /** @param slot the node's place in the table. @returns undefined when the pod may run there */
  reject(slot: number): Rejection | undefined;
}

/** Decides whether a pod may run on a node. */
export interface FilterPlugin {
  readonly name: string;
  /** Whether only the node itself counts: its labels, taints, ports and resources, not pods elsewhere. */
  readonly nodeLocal: boolean;
  /** @returns undefined when the plugin has nothing to say about the pod */
  prepare(pod: PodInfo, state: ClusterState): PreparedFilter | undefined;
}

/** Ranks the nodes a pod may run on. */
export interface ScorePlugin {
  readonly name: string;
  readonly weight: number;
  /**
   * @param slots the feasible nodes
   * @param scores to be filled with 0–100 for each of them
   * @returns false when the plugin has nothing to say about the pod; scores are then ignored
   */
  score(pod: PodInfo, state: ClusterState, slots: readonly number[], scores: Float64Array): boolean;
}

/** Why no node was found. */
export interface Diagnosis {
  readonly nodeCount: number;
  /** The rejection of each node that was looked at. */
  readonly rejections: ReadonlyMap<number, Rejection>;
  /** The plugins that rejected the pod somewhere. */
  readonly plugins: ReadonlySet<string>;
  /** A reason that holds whatever the nodes: they were not looked at. */
  readonly general?: string;
  /** Why the nodes that are not among the rejections were not looked at. */
  readonly others?: { readonly count: number; readonly rejection: Rejection };
}

export type Decision =
  | { readonly outcome: 'placed'; readonly node: string; readonly evaluated: number }
  | { readonly outcome: 'unschedulable'; readonly diagnosis: Diagnosis };
