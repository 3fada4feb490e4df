import { type NodeMatcher, type Pod, requiredNodes, type Toleration } from '@kubets/api';
import { namedNodes, preferredNodes, type WeightedMatcher } from './node-match.ts';
import { affinitiesOf, type PodAffinities, type SpreadConstraint, spreadOf } from './pod-terms.ts';
import { podRequests, type ResourceNames, scoredRequests } from './resources.ts';

/** A port the pod takes on its node. */
export interface HostPort {
  readonly protocol: string;
  readonly ip: string;
  readonly port: number;
}

/** Everything scheduling wants to know of a pod, worked out once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  /** Column and amount, only what is not 0. */
  readonly requests: readonly (readonly [column: number, amount: number])[];
  readonly scoredCpu: number;
  readonly scoredMemory: number;
  readonly hostPorts: readonly HostPort[];
  /** Whether some of its volumes are claims. */
  readonly hasClaims: boolean;
  /** Its claims, `NAMESPACE/NAME`. */
  readonly claimKeys: readonly string[];
  /** The nodes its affinity names, by name; undefined: it names none, empty: names that exclude each other. */
  readonly namedNodes: ReadonlySet<string> | undefined;
  readonly tolerations: readonly Toleration[];
  readonly requiredNodes: NodeMatcher | undefined;
  readonly preferredNodes: readonly WeightedMatcher[];
  readonly affinities: PodAffinities;
  readonly hardSpread: readonly SpreadConstraint[];
  readonly softSpread: readonly SpreadConstraint[];
  /** Marked for deletion: it holds its resources but no longer counts as a neighbour to spread from. */
  readonly terminating: boolean;
  /** Since when it runs; infinity before it does. */
  readonly startMs: number;
}

const NO_CLAIMS: readonly string[] = [];

/** The claims of a pod; those it has for itself are made for it by name. */
export function claimsIn({ metadata, spec }: Pod): { name: string; isOwn: boolean }[] {
  return (spec?.volumes ?? []).flatMap((volume): { name: string; isOwn: boolean }[] => {
    if (volume.persistentVolumeClaim) {
      return [{ name: volume.persistentVolumeClaim.claimName, isOwn: false }];
    }
    return volume.ephemeral ? [{ name: `${metadata.name}-${volume.name}`, isOwn: true }] : [];
  });
}

function hostPortsOf(pod: Pod): HostPort[] {
  const containers = [...(pod.spec?.containers ?? [])];
  for (const container of pod.spec?.initContainers ?? []) {
    if (container.restartPolicy === 'Always') containers.push(container);
  }
  return containers
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort = 0 }) => hostPort > 0)
    .map(({ hostPort = 0, hostIP, protocol }) => ({
      protocol: protocol ?? 'TCP',
      ip: hostIP || '0.0.0.0',
      port: hostPort,
    }));
}

function startOf({ status }: Pod): number {
  if (status?.startTime === undefined) return Number.POSITIVE_INFINITY;
  const ms = Date.parse(status.startTime);
  return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms;
}

/** Parses a pod. @throws QuantityError for quantities no API would have let in */
export function podInfo(pod: Pod, names: ResourceNames): PodInfo {
  const { namespace = '', name = '', uid = '', labels = {} } = pod.metadata;
  const spec = pod.spec ?? { containers: [] };
  const scored = scoredRequests(pod, names);
  const claims = claimsIn(pod);
  return {
    pod,
    key: `${namespace}/${name}`,
    uid,
    namespace,
    name,
    labels,
    priority: spec.priority ?? 0,
    requests: [...podRequests(pod, names)].filter(([, amount]) => amount > 0),
    scoredCpu: scored.cpu,
    scoredMemory: scored.memory,
    hostPorts: hostPortsOf(pod),
    hasClaims: claims.length > 0,
    claimKeys: claims.length === 0 ? NO_CLAIMS : claims.map((one) => `${namespace}/${one.name}`),
    namedNodes: namedNodes(spec),
    tolerations: spec.tolerations ?? [],
    requiredNodes: requiredNodes(spec),
    preferredNodes: preferredNodes(spec),
    affinities: affinitiesOf(pod),
    hardSpread: spreadOf(pod, 'DoNotSchedule'),
    softSpread: spreadOf(pod, 'ScheduleAnyway'),
    terminating: pod.metadata.deletionTimestamp !== undefined,
    startMs: startOf(pod),
  };
}
