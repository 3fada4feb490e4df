import type { ParsedLabelSelector } from '@kubets/api';
import type { PodInfo } from '../core/pod-info.ts';
import type { ScorePlugin } from '../ports.ts';
import { interPodPreferences, preferredNodeAffinity, softTaints } from './preferences.ts';
import { balancedAllocation, leastAllocated } from './resources.ts';
import { softTopologySpread } from './topology-spread.ts';

/** Every score plugin. @param defaultSelector see {@link softTopologySpread} */
export function scorePlugins(
  defaultSelector: (pod: PodInfo) => ParsedLabelSelector | undefined,
): readonly ScorePlugin[] {
  return [
    softTaints,
    preferredNodeAffinity,
    leastAllocated,
    balancedAllocation,
    softTopologySpread(defaultSelector),
    interPodPreferences,
  ];
}
