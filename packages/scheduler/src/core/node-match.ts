/** Preferred node affinity, compiled. */
import { type NodeMatcher, type PodSpec, termMatcher } from '@kubets/api';

/**
 * The nodes that required affinity names by name in every one of its terms: nobody else is looked at then. Undefined when a term
 * names none; empty when the names of each term exclude each other.
 */
export function namedNodes(spec: PodSpec): ReadonlySet<string> | undefined {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return undefined;
  const all = new Set<string>();
  for (const { matchFields = [] } of required.nodeSelectorTerms ?? []) {
    const lists = matchFields
      .filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
      .map(({ values = [] }) => new Set(values));
    const [first, ...others] = lists;
    if (first === undefined) return undefined;
    for (const name of first) if (others.every((other) => other.has(name))) all.add(name);
  }
  return all;
}

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
