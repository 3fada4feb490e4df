import {
  type LabelSelector,
  labelSelectorOf,
  labelSetSelector,
  matchesLabels,
  type ParsedLabelSelector,
  type ReplicaSet,
  type ReplicationController,
  type Service,
  type StatefulSet,
} from '@kubets/api';
import type { PodInfo } from '../core/pod-info.ts';

/** What is known of services and workloads. */
export interface WorkloadLookup {
  servicesIn(namespace: string): readonly Service[];
  replicaSet(key: string): ReplicaSet | undefined;
  statefulSet(key: string): StatefulSet | undefined;
  replicationController(key: string): ReplicationController | undefined;
}

function ownerSelector(pod: PodInfo, lookup: WorkloadLookup): ParsedLabelSelector | undefined {
  const owner = pod.pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return undefined;
  const key = `${pod.namespace}/${owner.name}`;
  const of = (selector: LabelSelector | undefined): ParsedLabelSelector | undefined =>
    selector === undefined ? undefined : labelSelectorOf(selector);
  switch (owner.kind) {
    case 'ReplicaSet':
      return of(lookup.replicaSet(key)?.spec?.selector);
    case 'StatefulSet':
      return of(lookup.statefulSet(key)?.spec?.selector);
    case 'ReplicationController': {
      const labels = lookup.replicationController(key)?.spec?.selector;
      return labels === undefined ? undefined : labelSetSelector(labels);
    }
    default:
      return undefined;
  }
}

/** Selects the pods of the same services and the same workload; undefined when the pod belongs to none. */
export function defaultSelector(
  pod: PodInfo,
  lookup: WorkloadLookup,
): ParsedLabelSelector | undefined {
  const requirements = lookup
    .servicesIn(pod.namespace)
    .map(({ spec }) => spec?.selector ?? {})
    .filter((labels) => Object.keys(labels).length > 0)
    .map(labelSetSelector)
    .filter((selector) => matchesLabels(selector, pod.labels))
    .flatMap((selector) => selector.requirements);
  const owner = ownerSelector(pod, lookup);
  const all = [...requirements, ...(owner?.requirements ?? [])];
  return all.length === 0 ? undefined : { requirements: all };
}
