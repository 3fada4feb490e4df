/** The plugins there are, and where each has a say. Names are the stock scheduler's. */

/** Points of the stock framework at which a plugin may be switched off here. */
export type Point = 'filter' | 'score' | 'postFilter';

interface PluginFacts {
  readonly name: string;
  readonly points: readonly Point[];
  /** How much its score counts when nothing is said. */
  readonly weight?: number;
}

/** In the order in which they are asked. */
export const PLUGINS: readonly PluginFacts[] = [
  { name: 'SchedulingGates', points: [] },
  { name: 'PrioritySort', points: [] },
  { name: 'NodeUnschedulable', points: ['filter'] },
  { name: 'NodeName', points: ['filter'] },
  { name: 'TaintToleration', points: ['filter', 'score'], weight: 3 },
  { name: 'NodeAffinity', points: ['filter', 'score'], weight: 2 },
  { name: 'NodePorts', points: ['filter'] },
  { name: 'NodeResourcesFit', points: ['filter', 'score'], weight: 1 },
  { name: 'VolumeRestrictions', points: ['filter'] },
  { name: 'NodeVolumeLimits', points: ['filter'] },
  { name: 'VolumeBinding', points: ['filter'] },
  { name: 'VolumeZone', points: ['filter'] },
  { name: 'PodTopologySpread', points: ['filter', 'score'], weight: 2 },
  { name: 'InterPodAffinity', points: ['filter', 'score'], weight: 2 },
  { name: 'DefaultPreemption', points: ['postFilter'] },
  { name: 'NodeResourcesBalancedAllocation', points: ['score'], weight: 1 },
  { name: 'ImageLocality', points: ['score'], weight: 1 },
  { name: 'DefaultBinder', points: [] },
];

/** Those that cannot be switched off: nothing takes their place here. */
export const INDISPENSABLE: ReadonlySet<string> = new Set(['PrioritySort', 'DefaultBinder']);

/** Every point of the stock framework a configuration may name. */
export const POINT_NAMES = [
  ...['multiPoint', 'preEnqueue', 'queueSort', 'preFilter', 'filter', 'postFilter', 'preScore'],
  ...['score', 'reserve', 'permit', 'preBind', 'bind', 'postBind'],
];
