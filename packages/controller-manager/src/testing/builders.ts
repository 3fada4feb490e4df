/** Objects for tests: complete enough for the code under test, with what a test is about on top. */
import type {
  CustomResourceDefinition,
  Deployment,
  DeploymentSpec,
  Node,
  ObjectMeta,
  OwnerReference,
  Pod,
  PodSpec,
  PodStatus,
  ReplicaSet,
  Service,
  ServiceSpec,
} from '@kubets/api';
import { formatTime } from '../objects/meta.ts';

export const NOW_MS = Date.parse('2026-01-02T03:04:05Z');

/** A time relative to {@link NOW_MS}. */
export const at = (offsetSeconds: number): string => formatTime(NOW_MS + offsetSeconds * 1000);

let nextUid = 0;
export const uid = (): string => `uid-${++nextUid}`;

export interface PodParts {
  name?: string;
  meta?: ObjectMeta;
  spec?: Partial<PodSpec>;
  status?: PodStatus;
  /** Ready since this many seconds relative to now; absent: not ready. */
  readyAt?: number;
  ip?: string;
  node?: string;
  phase?: string;
}

export function pod(parts: PodParts = {}): Pod {
  const id = uid();
  const { readyAt, ip, node, phase = 'Running' } = parts;
  const ready =
    readyAt === undefined
      ? { type: 'Ready', status: 'False' }
      : { type: 'Ready', status: 'True', lastTransitionTime: at(readyAt) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: parts.name ?? `pod-${id}`,
      namespace: 'default',
      uid: id,
      creationTimestamp: at(-100),
      ...parts.meta,
    },
    spec: {
      containers: [{ name: 'c', image: 'i' }],
      ...(node === undefined ? {} : { nodeName: node }),
      ...parts.spec,
    },
    status: {
      phase,
      conditions: [ready],
      ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
      ...parts.status,
    },
  };
}

export const controllerRef = (owner: {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
}): OwnerReference => ({
  apiVersion: owner.apiVersion ?? '',
  kind: owner.kind ?? '',
  name: owner.metadata.name ?? '',
  uid: owner.metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
});

export function deployment(name: string, spec: Partial<DeploymentSpec> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', uid: `uid-of-${name}`, generation: 1 },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'c', image: 'v1' }] },
      },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' },
      },
      ...spec,
    },
  };
}

export function replicaSet(name: string, parts: Partial<ReplicaSet> = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-of-${name}`,
      generation: 1,
      creationTimestamp: at(-50),
      ...parts.metadata,
    },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'c', image: 'v1' }] },
      },
      ...parts.spec,
    },
    ...(parts.status ? { status: parts.status } : {}),
  };
}

export function service(name: string, spec: Partial<ServiceSpec> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', uid: `uid-of-${name}` },
    spec: {
      clusterIP: '10.96.1.1',
      ipFamilies: ['IPv4'],
      selector: { app: name },
      ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }],
      ...spec,
    },
  };
}

export interface NodeParts {
  ready?: 'True' | 'False' | 'Unknown';
  heartbeat?: string;
  labels?: Record<string, string>;
  taints?: { key: string; effect: string; value?: string; timeAdded?: string }[];
  unschedulable?: boolean;
  podCIDR?: string;
}

export function node(name: string, parts: NodeParts = {}): Node {
  const { ready = 'True', heartbeat = at(0), labels = {}, taints, unschedulable } = parts;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `uid-of-${name}`, labels, creationTimestamp: at(-1000) },
    spec: {
      ...(taints ? { taints } : {}),
      ...(unschedulable === undefined ? {} : { unschedulable }),
      ...(parts.podCIDR === undefined ? {} : { podCIDR: parts.podCIDR, podCIDRs: [parts.podCIDR] }),
    },
    status: {
      conditions: ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({
        type,
        status: type === 'Ready' ? ready : ready === 'Unknown' ? 'Unknown' : 'False',
        lastHeartbeatTime: heartbeat,
        lastTransitionTime: at(-900),
      })),
    },
  };
}

/** Widgets of example.com, namespaced, in two versions. */
export function widgetDefinition(): CustomResourceDefinition {
  const names = { plural: 'widgets', kind: 'Widget' };
  const versions = [
    { name: 'v1', served: true, storage: true },
    { name: 'v2', served: true, storage: false },
  ];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names, versions },
    status: { conditions: [{ type: 'Established', status: 'True' }] },
  } as CustomResourceDefinition;
}
