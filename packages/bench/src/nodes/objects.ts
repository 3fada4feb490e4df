/** The objects a run makes, and what a kubelet writes about them. Pure. */
import { LEASE_SECONDS } from '../limits.ts';

export type Json = Record<string, unknown>;

/** Everything a run makes carries this label with the run's name. */
export const RUN_LABEL = 'bench.kubets.dev/run';
export const NODE_PREFIX = 'hollow-bench';
export const LEASE_NAMESPACE = 'kube-node-lease';
export const SYSTEM_NAMESPACE = 'kube-system';
export const IMAGE = 'registry.k8s.io/pause:3.10';
/** Seconds a pod has between the wish to delete it and its end. */
const GRACE_SECONDS = 1;
const ZONES = 3;

export const nodeName = (index: number): string => `${NODE_PREFIX}-${index}`;

/** The address of a pod on a node: a /24 a node out of 10.128.0.0/9. */
export function podIp(node: number, slot: number): string {
  const high = 128 + (node >> 8);
  return `10.${Math.min(255, high)}.${node & 255}.${(slot % 254) + 1}`;
}

export const nodeIp = (node: number): string => `172.16.${(node >> 8) & 255}.${node & 255}`;

const seconds = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
const micros = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

export function node(index: number, run: string): Json {
  const name = nodeName(index);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        [RUN_LABEL]: run,
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/zone': `zone-${index % ZONES}`,
        // Agents of every node, such as proxies, are not for hollow ones.
        'bench.kubets.dev/hollow': 'true',
      },
    },
    spec: {},
  };
}

export function nodeStatus(index: number, nowMs: number): Json {
  const now = seconds(nowMs);
  const condition = (type: string, status: string, reason: string, message: string): Json => ({
    ...{ type, status, reason, message },
    ...{ lastHeartbeatTime: now, lastTransitionTime: now },
  });
  const fine = (type: string, reason: string, message: string): Json =>
    condition(type, 'False', reason, message);
  const sizes = { cpu: '32', memory: '256Gi', pods: '110', 'ephemeral-storage': '500Gi' };
  return {
    status: {
      capacity: sizes,
      allocatable: sizes,
      addresses: [
        { type: 'InternalIP', address: nodeIp(index) },
        { type: 'Hostname', address: nodeName(index) },
      ],
      conditions: [
        fine(
          'MemoryPressure',
          'KubeletHasSufficientMemory',
          'kubelet has sufficient memory available',
        ),
        fine('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
        fine('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
        condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
      nodeInfo: {
        ...{ architecture: 'amd64', operatingSystem: 'linux', osImage: 'hollow' },
        ...{ bootID: 'hollow', machineID: nodeName(index), systemUUID: nodeName(index) },
        ...{ kernelVersion: 'hollow', kubeletVersion: 'v1.32.6', kubeProxyVersion: 'v1.32.6' },
        containerRuntimeVersion: 'hollow://1.0',
      },
    },
  };
}

export function lease(index: number, uid: string, nowMs: number): Json {
  const name = nodeName(index);
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace: LEASE_NAMESPACE,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
    },
    spec: {
      holderIdentity: name,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: micros(nowMs),
    },
  };
}

/** The same lease, renewed. */
export function renewed(known: Json, nowMs: number): Json {
  return { ...known, spec: { ...(known.spec as Json), renewTime: micros(nowMs) } };
}

interface PodPlace {
  readonly node: number;
  readonly ip: string;
  readonly nowMs: number;
}

const condition = (type: string, status: string, now: string): Json => ({
  type,
  status,
  lastProbeTime: null,
  lastTransitionTime: now,
});

function containerStatuses(pod: Json, state: Json, ready: boolean): Json[] {
  const spec = pod.spec as { containers?: { name: string; image: string }[] } | undefined;
  const { uid = '' } = pod.metadata as { uid?: string };
  return (spec?.containers ?? []).map(({ name, image }) => ({
    ...{ name, image, ready, started: ready, restartCount: 0 },
    imageID: `hollow://${image}`,
    containerID: `hollow://${uid}-${name}`,
    state,
    lastState: {},
  }));
}

/** What a kubelet says once all containers of the pod run. */
export function runningPatch(pod: Json, { node, ip, nowMs }: PodPlace): Json {
  const now = seconds(nowMs);
  const { uid } = pod.metadata as { uid?: string };
  return {
    metadata: { uid },
    status: {
      phase: 'Running',
      startTime: now,
      hostIP: nodeIp(node),
      hostIPs: [{ ip: nodeIp(node) }],
      podIP: ip,
      podIPs: [{ ip }],
      qosClass: 'Burstable',
      conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'].map(
        (type) => condition(type, 'True', now),
      ),
      containerStatuses: containerStatuses(pod, { running: { startedAt: now } }, true),
    },
  };
}

/** What a kubelet says once all containers of a pod that was told to go have ended. */
export function endedPatch(pod: Json, nowMs: number): Json {
  const now = seconds(nowMs);
  const { uid } = pod.metadata as { uid?: string };
  const terminated = { exitCode: 0, reason: 'Completed', finishedAt: now };
  return {
    metadata: { uid },
    status: {
      phase: 'Succeeded',
      conditions: ['Ready', 'ContainersReady'].map((type) => condition(type, 'False', now)),
      containerStatuses: containerStatuses(pod, { terminated }, false),
    },
  };
}

/** An event as a kubelet writes it. @param unique tells events of one pod apart */
export function podEvent(
  pod: Json,
  event: { reason: string; message: string; node: number; unique: string; nowMs: number },
): Json {
  const { name = '', namespace = '', uid } = pod.metadata as Record<string, string>;
  const { reason, message, node, unique, nowMs } = event;
  const now = seconds(nowMs);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${unique}`, namespace },
    involvedObject: {
      ...{ apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
      fieldPath: 'spec.containers{main}',
    },
    ...{ reason, message, type: 'Normal', count: 1, firstTimestamp: now, lastTimestamp: now },
    source: { component: 'kubelet', host: nodeName(node) },
    reportingComponent: 'kubelet',
    reportingInstance: nodeName(node),
  };
}

function podSpec(): Json {
  return {
    terminationGracePeriodSeconds: GRACE_SECONDS,
    automountServiceAccountToken: false,
    nodeSelector: { 'bench.kubets.dev/hollow': 'true' },
    containers: [
      {
        name: 'main',
        image: IMAGE,
        resources: { requests: { cpu: '10m', memory: '16Mi' } },
      },
    ],
  };
}

export function namespace(name: string, run: string): Json {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [RUN_LABEL]: run } } };
}

export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  /** Whether a Service is in front of it. */
  readonly service: boolean;
}

export function deployment(workload: Workload, run: string): Json {
  const { name, namespace, replicas } = workload;
  const labels = { app: name, [RUN_LABEL]: run };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      replicas,
      revisionHistoryLimit: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels }, spec: podSpec() },
    },
  };
}

export function service({ name, namespace }: Workload, run: string): Json {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { [RUN_LABEL]: run } },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8_080 }] },
  };
}

export function plainPod(name: string, namespace: string, run: string): Json {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { [RUN_LABEL]: run, app: 'latency' } },
    spec: podSpec(),
  };
}
