/** A profile: under which name pods ask for it, and how nodes are chosen for them. */
import type { NodeAffinity, TopologySpreadConstraint } from '@kubets/api';
import {
  ASSUMED_HARD_AFFINITY_WEIGHT,
  MIN_PREEMPTION_NODES,
  MIN_PREEMPTION_PERCENT,
} from '../limits.ts';
import { PLUGINS, type Point } from './plugins.ts';

export const DEFAULT_PROFILE_NAME = 'default-scheduler';

/** A resource that counts for a score. */
export interface ScoredResource {
  readonly name: string;
  readonly weight: number;
}

/** How nodes are ranked by what would be left on them. */
export interface FitStrategy {
  readonly type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  readonly resources: readonly ScoredResource[];
  /** The score, 0–10, at each utilization, 0–100; straight lines in between. */
  readonly shape: readonly { readonly utilization: number; readonly score: number }[];
}

/** What can be said to plugins. */
export interface PluginArgs {
  readonly fit: {
    readonly strategy: FitStrategy;
    /** Extended resources that others look after: by name, and by the group before the slash. */
    readonly ignoredResources: ReadonlySet<string>;
    readonly ignoredGroups: ReadonlySet<string>;
  };
  readonly balanced: { readonly resources: readonly string[] };
  /** Constraints of pods that have none; undefined: the system's own. */
  readonly spread: { readonly defaults: readonly TopologySpreadConstraint[] | undefined };
  readonly interPod: {
    readonly hardWeight: number;
    readonly ignoresWishesOfOthers: boolean;
  };
  /** Affinity that every pod has besides its own. */
  readonly addedAffinity: NodeAffinity | undefined;
  readonly preemption: { readonly percent: number; readonly atLeast: number };
}

export interface Profile {
  readonly name: string;
  /** Plugins at work, by the point. */
  readonly filters: ReadonlySet<string>;
  readonly scores: ReadonlyMap<string, number>;
  readonly preempts: boolean;
  /** How many of the nodes are searched for feasible ones, in percent; 0: by their number. */
  readonly percentageOfNodes: number;
  readonly args: PluginArgs;
}

const CPU_AND_MEMORY: readonly ScoredResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

export const DEFAULT_ARGS: PluginArgs = {
  fit: {
    strategy: { type: 'LeastAllocated', resources: CPU_AND_MEMORY, shape: [] },
    ignoredResources: new Set(),
    ignoredGroups: new Set(),
  },
  balanced: { resources: CPU_AND_MEMORY.map(({ name }) => name) },
  spread: { defaults: undefined },
  interPod: { hardWeight: ASSUMED_HARD_AFFINITY_WEIGHT, ignoresWishesOfOthers: false },
  addedAffinity: undefined,
  preemption: { percent: MIN_PREEMPTION_PERCENT, atLeast: MIN_PREEMPTION_NODES },
};

const at = (point: Point): readonly string[] =>
  PLUGINS.filter(({ points }) => points.includes(point)).map(({ name }) => name);

/** The stock scheduler's own. */
export const DEFAULT_PROFILE: Profile = {
  name: DEFAULT_PROFILE_NAME,
  filters: new Set(at('filter')),
  scores: new Map(at('score').map((name) => [name, weightOf(name)])),
  preempts: true,
  percentageOfNodes: 0,
  args: DEFAULT_ARGS,
};

/** How much a plugin's score counts when nothing is said. */
export function weightOf(name: string): number {
  return PLUGINS.find((one) => one.name === name)?.weight ?? 1;
}
