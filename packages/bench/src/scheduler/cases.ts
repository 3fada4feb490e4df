/**
 * The workloads of the scheduler's benchmark, in the shape of the stock scheduler's own performance suite. Pure: plain objects that
 * the core is given as they are, and any API server as JSON.
 */
import type { Node, Pod, PodSpec } from '@kubets/api';

export const CASES = [
  'basic',
  'spread',
  'affinity',
  'anti-affinity',
  'taints',
  'preemption',
] as const;
export type Case = (typeof CASES)[number];

const ZONES = 3;
const HOSTNAME = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';
const TAINT = 'bench.kubets.dev/reserved';
/** Pods of one workload; a pod that keeps away from its own kind needs at least so many nodes. */
const WORKLOAD_PODS = 200;
/** Pods that fill a node in the preemption case, and the CPU they leave free is less than one wants. */
export const FILLERS_PER_NODE = 4;
export const LOW_PRIORITY = 1;
export const HIGH_PRIORITY = 1_000;

const labelName = (index: number): string => `workload-${Math.floor(index / WORKLOAD_PODS)}`;

/** A node of 4 CPUs as the stock suite has them; half of them are reserved in the case of taints. */
export function benchNode(which: Case, index: number): Node {
  const name = `bench-${index}`;
  const labels = { [HOSTNAME]: name, [ZONE]: `zone-${index % ZONES}` };
  const sizes = { cpu: '4', memory: '32Gi', pods: '110', 'ephemeral-storage': '100Gi' };
  const taints = [
    { key: TAINT, value: 'yes', effect: index % 2 === 0 ? 'NoSchedule' : 'PreferNoSchedule' },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: which === 'taints' && index % 4 < 2 ? { taints } : {},
    status: {
      capacity: sizes,
      allocatable: sizes,
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'hollow' }],
    },
  };
}

const selector = (app: string) => ({ matchLabels: { app } });

function placement(which: Case, app: string, index: number): Partial<PodSpec> {
  const term = (topologyKey: string) => [{ topologyKey, labelSelector: selector(app) }];
  switch (which) {
    case 'basic':
      return {};
    case 'spread':
      return {
        topologySpreadConstraints: [
          {
            maxSkew: 5,
            topologyKey: ZONE,
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: selector(app),
          },
        ],
      };
    case 'affinity':
      return {
        affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term(ZONE) } },
      };
    case 'anti-affinity':
      return {
        affinity: {
          podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term(HOSTNAME) },
        },
      };
    case 'taints':
      return index % 2 === 0 ? { tolerations: [{ key: TAINT, operator: 'Exists' }] } : {};
    case 'preemption':
      return { priority: HIGH_PRIORITY, priorityClassName: 'bench-high' };
  }
}

/** A pod of the case: small, but for the one of preemption, which only fits where another has left. */
export function benchPod(which: Case, index: number, namespace = 'default'): Pod {
  const app = labelName(index);
  const requests =
    which === 'preemption' ? { cpu: '900m', memory: '500Mi' } : { cpu: '100m', memory: '500Mi' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${which}-${index}`,
      namespace,
      uid: `uid-${which}-${index}`,
      labels: { app },
    },
    spec: {
      schedulerName: 'default-scheduler',
      containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10', resources: { requests } }],
      ...placement(which, app, index),
    },
  };
}

/** Pods that are there before: those of little importance that fill every node. */
export function fillerPod(index: number, namespace = 'default'): Pod {
  const requests = { cpu: '900m', memory: '500Mi' };
  const name = `filler-${index}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid: `uid-${name}`, labels: { app: 'filler' } },
    spec: {
      schedulerName: 'default-scheduler',
      priority: LOW_PRIORITY,
      priorityClassName: 'bench-low',
      // Nobody runs them: they are gone at once when told to go.
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10', resources: { requests } }],
    },
  };
}

/** The classes behind the priorities, which an API server wants to know. */
export function priorityClasses(): object[] {
  const of = (name: string, value: number) => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
  });
  return [of('bench-low', LOW_PRIORITY), of('bench-high', HIGH_PRIORITY)];
}
