import { DEFAULT_PROFILE, type Profile } from '../config/profile.ts';
import type { SelectorOf } from '../core/pod-terms.ts';
import type { ScorePlugin } from '../ports.ts';
import { imageLocality } from './image-locality.ts';
import { interPodPreferences, preferredNodeAffinity, softTaints } from './preferences.ts';
import { balancedAllocation, resourcesLeft } from './resources.ts';
import { softTopologySpread } from './topology-spread.ts';

/**
 * The score plugins of a profile, with its weights.
 * @param selectorOf see {@link softTopologySpread}
 */
export function scoresOf(
  selectorOf: SelectorOf,
  { scores, args }: Profile = DEFAULT_PROFILE,
): readonly ScorePlugin[] {
  const all = [
    softTaints,
    preferredNodeAffinity(args.addedAffinity),
    resourcesLeft(args.fit.strategy),
    balancedAllocation(args.balanced.resources),
    softTopologySpread(selectorOf, args.spread.defaults),
    interPodPreferences(args.interPod),
    imageLocality,
  ];
  return all.flatMap((plugin) => {
    const weight = scores.get(plugin.name);
    return weight === undefined ? [] : [{ ...plugin, weight }];
  });
}
