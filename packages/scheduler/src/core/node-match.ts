/** Preferred node affinity, compiled. */
import { type NodeMatcher, type PodSpec, termMatcher } from '@kubets/api';

export interface WeightedMatcher {
  readonly weight: number;
  readonly matches: NodeMatcher;
}

export function preferredNodes(spec: PodSpec): WeightedMatcher[] {
  const preferred = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
  return (preferred ?? [])
    .filter(({ weight }) => weight !== 0)
    .map(({ weight, preference }) => ({ weight, matches: termMatcher(preference) }));
}
