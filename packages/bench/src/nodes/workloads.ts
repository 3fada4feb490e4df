/** How the pods of a run are cut into Deployments: many small ones, some of medium size, few large ones. Pure. */
import type { Workload } from './objects.ts';

const NAMESPACE_PODS = 3_000;
const SIZES = { small: 5, medium: 30, large: 250 } as const;
/** Halves and quarters of the pods, as the stock load test has them. */
const LARGE_SHARE = 0.25;
const MEDIUM_SHARE = 0.25;

/** @returns Deployments of `pods` replicas altogether, those of one namespace together */
export function planWorkloads(pods: number): Workload[] {
  const namespaces = Math.max(1, Math.ceil(pods / NAMESPACE_PODS));
  return Array.from({ length: namespaces }, (_unused, index) => {
    const share = Math.floor(pods / namespaces) + (index < pods % namespaces ? 1 : 0);
    return inNamespace(`bench-${index}`, share);
  }).flat();
}

function inNamespace(namespace: string, pods: number): Workload[] {
  const large = Math.floor((pods * LARGE_SHARE) / SIZES.large);
  const medium = Math.floor((pods * MEDIUM_SHARE) / SIZES.medium);
  const left = pods - large * SIZES.large - medium * SIZES.medium;
  const small = Math.floor(left / SIZES.small);
  const of = (kind: keyof typeof SIZES, count: number): Workload[] =>
    Array.from({ length: count }, (_unused, index) => ({
      namespace,
      name: `${kind}-${index}`,
      replicas: SIZES[kind],
      service: kind !== 'small',
    }));
  const rest = left - small * SIZES.small;
  const odd = rest === 0 ? [] : [{ namespace, name: 'odd-0', replicas: rest, service: false }];
  return [...of('large', large), ...of('medium', medium), ...of('small', small), ...odd];
}

/**
 * The workloads that hold about so large a share of all pods, one from here and one from there. Of very few pods it is the
 * smallest workload, though it is more than the share.
 */
export function shareOf(workloads: readonly Workload[], share: number): Workload[] {
  const total = workloads.reduce((sum, { replicas }) => sum + replicas, 0);
  const chosen: Workload[] = [];
  let pods = 0;
  const step = Math.max(1, Math.floor(workloads.length * share));
  for (let offset = 0; offset < step; offset += 1) {
    for (let at = offset; at < workloads.length; at += step) {
      const workload = workloads[at];
      if (workload === undefined || pods + workload.replicas > total * share) continue;
      chosen.push(workload);
      pods += workload.replicas;
    }
  }
  if (chosen.length > 0 || share === 0) return chosen;
  return workloads.toSorted((a, b) => a.replicas - b.replicas).slice(0, 1);
}
