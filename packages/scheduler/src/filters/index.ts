import { DEFAULT_ARGS, DEFAULT_PROFILE, type PluginArgs, type Profile } from '../config/profile.ts';
import type { SelectorOf } from '../core/pod-terms.ts';
import type { FilterPlugin } from '../ports.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeAffinity, nodeName, nodeUnschedulable, taintToleration } from './node-basics.ts';
import { nodePorts, nodeResourcesFit } from './node-capacity.ts';
import { topologySpread } from './topology-spread.ts';
import { volumeBinding } from './volume-binding.ts';
import { nodeVolumeLimits } from './volume-limits.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

/** In the order they are asked; the first no is the one users see. */
const allFilters = (args: PluginArgs, selectorOf?: SelectorOf): readonly FilterPlugin[] => [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity(args.addedAffinity),
  nodePorts,
  nodeResourcesFit(args.fit),
  volumeRestrictions,
  nodeVolumeLimits,
  volumeBinding,
  volumeZone,
  topologySpread(args.spread.defaults, selectorOf),
  interPodAffinity,
];

/**
 * The filters of a profile.
 * @param selectorOf selects the pods of the same services and workloads
 */
export function filtersOf(
  { filters, args }: Profile = DEFAULT_PROFILE,
  selectorOf?: SelectorOf,
): readonly FilterPlugin[] {
  return allFilters(args, selectorOf).filter(({ name }) => filters.has(name));
}

/** Filters that look beyond one node's own facts: pods anywhere may change their mind. */
export const WIDE_FILTERS: readonly string[] = allFilters(DEFAULT_ARGS)
  .filter(({ nodeLocal }) => !nodeLocal)
  .map(({ name }) => name);
