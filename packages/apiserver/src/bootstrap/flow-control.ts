/** Flow schemas and priority levels every cluster starts with, as upstream names and measures them. */
import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  SubjectFlowcontrol,
} from '@kubets/api';
import { MANDATORY_FLOW_SCHEMAS, MANDATORY_PRIORITY_LEVELS } from '@kubets/api';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { ensureObject } from './objects.ts';

const API_VERSION = 'flowcontrol.apiserver.k8s.io/v1';

type Queues = readonly [queues: number, handSize: number, lengthLimit: number];

const metadata = (name: string) => ({
  name,
  annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' },
});

function level(
  name: string,
  shares: number,
  lendablePercent: number,
  queuing?: Queues,
): PriorityLevelConfiguration {
  const [queues, handSize, queueLengthLimit] = queuing ?? [];
  const limitResponse =
    queuing === undefined
      ? { type: 'Reject' }
      : { type: 'Queue', queuing: { queues, handSize, queueLengthLimit } };
  const limited = { nominalConcurrencyShares: shares, lendablePercent, limitResponse };
  const spec = { type: 'Limited', limited };
  return {
    apiVersion: API_VERSION,
    kind: 'PriorityLevelConfiguration',
    metadata: metadata(name),
    spec,
  };
}

/** The levels; the first two must be there, whatever an administrator does. */
export const PRIORITY_LEVELS: readonly PriorityLevelConfiguration[] = [
  ...[...MANDATORY_PRIORITY_LEVELS].map(([name, spec]) => ({
    ...{ apiVersion: API_VERSION, kind: 'PriorityLevelConfiguration', metadata: metadata(name) },
    spec,
  })),
  level('system', 30, 33, [64, 6, 50]),
  level('node-high', 40, 25, [64, 6, 50]),
  level('leader-election', 10, 0, [16, 4, 50]),
  level('workload-high', 40, 50, [128, 6, 50]),
  level('workload-low', 100, 90, [128, 6, 50]),
  level('global-default', 20, 50, [128, 6, 50]),
];

const groups = (...names: string[]): SubjectFlowcontrol[] =>
  names.map((name) => ({ kind: 'Group', group: { name } }));
const users = (...names: string[]): SubjectFlowcontrol[] =>
  names.map((name) => ({ kind: 'User', user: { name } }));
const systemAccounts = (...names: string[]): SubjectFlowcontrol[] =>
  names.map((name) => ({
    kind: 'ServiceAccount',
    serviceAccount: { name, namespace: 'kube-system' },
  }));

const EVERYBODY = groups('system:unauthenticated', 'system:authenticated');
const EVERY_RESOURCE = {
  verbs: ['*'],
  apiGroups: ['*'],
  resources: ['*'],
  clusterScope: true,
  namespaces: ['*'],
};

const everything = (subjects: SubjectFlowcontrol[]): PolicyRulesWithSubjects => ({
  subjects,
  resourceRules: [EVERY_RESOURCE],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
});

const leases = (subjects: SubjectFlowcontrol[]): PolicyRulesWithSubjects => ({
  subjects,
  resourceRules: [
    {
      verbs: ['get', 'create', 'update'],
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      namespaces: ['*'],
    },
  ],
});

function schema(
  name: string,
  to: { level: string; precedence: number; by?: 'ByUser' | 'ByNamespace' },
  ...rules: PolicyRulesWithSubjects[]
): FlowSchema {
  return {
    apiVersion: API_VERSION,
    kind: 'FlowSchema',
    metadata: metadata(name),
    spec: {
      priorityLevelConfiguration: { name: to.level },
      matchingPrecedence: to.precedence,
      ...(to.by && { distinguisherMethod: { type: to.by } }),
      rules,
    },
  };
}

/** A node's own object and its lease come before everything else a node asks for. */
const NODE_HIGH: PolicyRulesWithSubjects = {
  subjects: groups('system:nodes'),
  resourceRules: [
    {
      verbs: ['*'],
      apiGroups: [''],
      resources: ['nodes', 'nodes/status'],
      clusterScope: true,
      namespaces: ['*'],
    },
    {
      verbs: ['*'],
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      namespaces: ['*'],
    },
  ],
};

const PROBES: PolicyRulesWithSubjects = {
  subjects: EVERYBODY,
  nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
};

const ENDPOINTS: PolicyRulesWithSubjects = {
  subjects: [
    ...users('system:kube-controller-manager'),
    ...systemAccounts('endpoint-controller', 'endpointslicemirroring-controller'),
  ],
  resourceRules: [
    {
      verbs: ['get', 'create', 'update'],
      apiGroups: [''],
      resources: ['endpoints'],
      namespaces: ['*'],
    },
  ],
};

const MANAGER = 'system:kube-controller-manager';
const SCHEDULER = 'system:kube-scheduler';
const CLOUD = 'system:cloud-controller-manager';

/** The schemas; the first two must be there, whatever an administrator does. */
export const FLOW_SCHEMAS: readonly FlowSchema[] = [
  ...[...MANDATORY_FLOW_SCHEMAS].map(([name, spec]) => ({
    ...{ apiVersion: API_VERSION, kind: 'FlowSchema', metadata: metadata(name) },
    spec,
  })),
  schema('probes', { level: 'exempt', precedence: 2 }, PROBES),
  schema(
    'system-leader-election',
    { level: 'leader-election', precedence: 100, by: 'ByUser' },
    leases([...users(MANAGER, SCHEDULER, CLOUD), ...systemAccounts('*')]),
  ),
  schema(
    'endpoint-controller',
    { level: 'workload-high', precedence: 150, by: 'ByUser' },
    ENDPOINTS,
  ),
  schema(
    'workload-leader-election',
    { level: 'leader-election', precedence: 200, by: 'ByUser' },
    leases(systemAccounts('*')),
  ),
  schema('system-node-high', { level: 'node-high', precedence: 400, by: 'ByUser' }, NODE_HIGH),
  schema(
    'system-nodes',
    { level: 'system', precedence: 500, by: 'ByUser' },
    everything(groups('system:nodes')),
  ),
  schema(
    'kube-controller-manager',
    { level: 'workload-high', precedence: 800, by: 'ByNamespace' },
    everything(users(MANAGER)),
  ),
  schema(
    'kube-scheduler',
    { level: 'workload-high', precedence: 800, by: 'ByNamespace' },
    everything(users(SCHEDULER)),
  ),
  schema(
    'kube-system-service-accounts',
    { level: 'workload-high', precedence: 900, by: 'ByNamespace' },
    everything(systemAccounts('*')),
  ),
  schema(
    'service-accounts',
    { level: 'workload-low', precedence: 9_000, by: 'ByUser' },
    everything(groups('system:serviceaccounts')),
  ),
  schema(
    'global-default',
    { level: 'global-default', precedence: 9_900, by: 'ByUser' },
    everything(EVERYBODY),
  ),
];

/** Puts the objects in place that are missing. */
export async function ensureFlowControl(store: ResourceStore): Promise<void> {
  await Promise.all([
    ...PRIORITY_LEVELS.map((one) => ensureObject(store, GVR.priorityLevels, one)),
    ...FLOW_SCHEMAS.map((one) => ensureObject(store, GVR.flowSchemas, one)),
  ]);
}
