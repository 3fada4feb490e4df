import type {
  ContainerStatus,
  CustomResourceDefinition,
  EndpointSlice,
  KubeObject,
  ObjectMeta,
  Pod,
  ServiceAccount,
  Volume,
} from '@kubets/api';
import { POD_DELETION_COST } from '../objects/pods.ts';

const KEPT_ANNOTATIONS = [
  POD_DELETION_COST,
  'batch.kubernetes.io/job-completion-index',
  'batch.kubernetes.io/job-index-failure-count',
  'batch.kubernetes.io/job-index-ignored-failure-count',
];

/** Metadata the controllers look at; the rest of an object is most of its memory. */
function leanMeta(meta: ObjectMeta): ObjectMeta {
  const { managedFields: _managed, annotations: _annotations, ...rest } = meta;
  return rest;
}

/** Keeps identity, labels, owners and finalizers only. Never write such an object back whole. */
export function trimMetadata<T extends KubeObject>(object: T): T {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, metadata: leanMeta(metadata) } as T;
}

/** An account with the tokens that were made for it: hardly any has some. */
export function trimAccount(account: ServiceAccount): ServiceAccount {
  const { secrets } = account;
  return secrets?.length ? { ...trimMetadata(account), secrets } : trimMetadata(account);
}

/** A definition without its schemas, which are most of it. */
export function trimDefinition(definition: CustomResourceDefinition): CustomResourceDefinition {
  const { spec, status } = definition;
  const versions = spec.versions.map(({ name, served, storage }) => ({ name, served, storage }));
  const { group, scope, names } = spec;
  return { ...trimMetadata(definition), spec: { group, scope, names, versions }, status };
}

/** A slice that says on which nodes a Service has ready endpoints, and nothing else: one entry a node. */
export function trimToNodes(slice: EndpointSlice): EndpointSlice {
  const ready = slice.endpoints.filter((one) => one.conditions?.ready ?? true);
  const nodes = new Set(ready.flatMap(({ nodeName }) => nodeName ?? []));
  return {
    ...trimMetadata(slice),
    addressType: slice.addressType,
    endpoints: [...nodes].sort().map((nodeName) => ({ addresses: [], nodeName })),
  };
}

/** Those that are claims, or for which claims are made: most pods have none. */
function claimVolumes(volumes: Volume[] | undefined): Volume[] | undefined {
  const isClaim = ({ ephemeral, persistentVolumeClaim }: Volume): boolean =>
    ephemeral !== undefined || persistentVolumeClaim !== undefined;
  return volumes?.some(isClaim) ? volumes.filter(isClaim) : undefined;
}

/**
 * A pod without what no controller here reads: environments, volumes, probes, images, states. Pods
 * are the bulk of a cluster; they are changed by patches, never by writing this back.
 */
export function trimPod(pod: Pod): Pod {
  const kept = KEPT_ANNOTATIONS.flatMap((key) => {
    const value = pod.metadata.annotations?.[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  const annotations = kept.length === 0 ? undefined : Object.fromEntries(kept);
  const { spec, status } = pod;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...leanMeta(pod.metadata), annotations },
    spec: spec && {
      nodeName: spec.nodeName,
      hostname: spec.hostname,
      subdomain: spec.subdomain,
      restartPolicy: spec.restartPolicy,
      tolerations: spec.tolerations,
      affinity: spec.affinity?.nodeAffinity
        ? { nodeAffinity: spec.affinity.nodeAffinity }
        : undefined,
      volumes: claimVolumes(spec.volumes),
      containers: spec.containers.map(({ name, ports }) => ({ name, ports })),
      initContainers: spec.initContainers
        ?.filter((c) => c.restartPolicy === 'Always')
        .map(({ name, ports, restartPolicy }) => ({ name, ports, restartPolicy })),
    },
    status: status && {
      phase: status.phase,
      reason: status.reason,
      podIP: status.podIP,
      podIPs: status.podIPs,
      startTime: status.startTime,
      conditions: status.conditions,
      containerStatuses: status.containerStatuses?.map(trimStatus),
      // Jobs count restarts and look at exit codes; their pods are never restarted for ever.
      ...(spec?.restartPolicy === 'Always' || status.initContainerStatuses === undefined
        ? {}
        : { initContainerStatuses: status.initContainerStatuses.map(trimStatus) }),
    },
  };
}

function trimStatus(status: ContainerStatus): ContainerStatus {
  const { name, ready, restartCount, state } = status;
  const trimmed: ContainerStatus = { name, image: '', imageID: '', ready, restartCount };
  if (!state?.terminated) return trimmed;
  const { exitCode, finishedAt } = state.terminated;
  return { ...trimmed, state: { terminated: { exitCode, finishedAt } } };
}
