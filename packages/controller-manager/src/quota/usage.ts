import {
  type Container,
  type KubeObject,
  type PersistentVolumeClaim,
  type Pod,
  Quantity,
  type ResourceQuota,
  type ScopedResourceSelectorRequirement,
  type Service,
} from '@kubets/api';
import { isFinished } from '../objects/pods.ts';

/** Amounts by the names quotas use: `pods`, `requests.cpu`, `count/jobs.batch`. */
export type Usage = Map<string, Quantity>;

const ONE = Quantity.of(1);
const SHORT_NAMES = new Set(['cpu', 'memory', 'ephemeral-storage']);

function add(to: Usage, name: string, amount: Quantity): void {
  to.set(name, to.get(name)?.add(amount) ?? amount);
}

/** Adds up what several objects use. */
export function sum(usages: Iterable<Usage>): Usage {
  const total: Usage = new Map();
  for (const usage of usages) for (const [name, amount] of usage) add(total, name, amount);
  return total;
}

/** What one object of a core resource uses besides its plain count. */
export function usageOf(resource: string, object: KubeObject): Usage {
  const usage: Usage = new Map();
  if (resource === 'pods') addPod(usage, object as Pod);
  else {
    add(usage, resource, ONE);
    if (resource === 'services') addService(usage, object as Service);
    if (resource === 'persistentvolumeclaims') addClaim(usage, object as PersistentVolumeClaim);
  }
  return usage;
}

/** A pod that ended uses nothing any more but its place in the count of objects. */
function addPod(usage: Usage, pod: Pod): void {
  if (isFinished(pod)) return;
  add(usage, 'pods', ONE);
  for (const kind of ['requests', 'limits'] as const) {
    for (const [name, amount] of podTotal(pod, kind)) {
      add(usage, `${kind}.${name}`, amount);
      const isShort = SHORT_NAMES.has(name) || name.startsWith('hugepages-');
      if (kind === 'requests' && isShort) add(usage, name, amount);
    }
  }
}

/**
 * All containers and side-cars together, or the neediest moment of initialisation if that is more:
 * an init container runs beside the side-cars started before it.
 */
function podTotal(pod: Pod, kind: 'requests' | 'limits'): Usage {
  const amounts = (c: Container): [string, Quantity][] =>
    Object.entries(c.resources?.[kind] ?? {}).map(([name, text]) => [name, Quantity.parse(text)]);
  const running: Usage = new Map();
  const sidecars: Usage = new Map();
  const peak: Usage = new Map();
  for (const container of pod.spec?.initContainers ?? []) {
    for (const [name, amount] of amounts(container)) {
      const moment = sidecars.get(name)?.add(amount) ?? amount;
      if ((peak.get(name)?.cmp(moment) ?? -1) < 0) peak.set(name, moment);
      if (container.restartPolicy === 'Always') add(sidecars, name, amount);
    }
  }
  for (const container of pod.spec?.containers ?? []) {
    for (const [name, amount] of amounts(container)) add(running, name, amount);
  }
  for (const [name, amount] of sidecars) add(running, name, amount);
  for (const [name, amount] of peak) {
    if ((running.get(name)?.cmp(amount) ?? -1) < 0) running.set(name, amount);
  }
  for (const [name, text] of Object.entries(pod.spec?.overhead ?? {})) {
    if (running.has(name)) add(running, name, Quantity.parse(text));
  }
  return running;
}

function addService(usage: Usage, { spec }: Service): void {
  const isBalancer = spec?.type === 'LoadBalancer';
  if (isBalancer) add(usage, 'services.loadbalancers', ONE);
  const opens = isBalancer
    ? spec?.allocateLoadBalancerNodePorts !== false
    : spec?.type === 'NodePort';
  if (opens) add(usage, 'services.nodeports', Quantity.of(spec?.ports?.length ?? 0));
}

function addClaim(usage: Usage, { spec }: PersistentVolumeClaim): void {
  const { storageClassName: storageClass } = spec ?? {};
  const prefix = storageClass ? `${storageClass}.storageclass.storage.k8s.io/` : undefined;
  if (prefix) add(usage, `${prefix}persistentvolumeclaims`, ONE);
  const size = spec?.resources?.requests?.storage;
  if (size === undefined) return;
  add(usage, 'requests.storage', Quantity.parse(size));
  if (prefix) add(usage, `${prefix}requests.storage`, Quantity.parse(size));
}

/** Whether a quota's scopes, if it has any, all hold for the pod. */
export function isInScope(quota: ResourceQuota, pod: Pod): boolean {
  const plain = (quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  const all = [...plain, ...(quota.spec?.scopeSelector?.matchExpressions ?? [])];
  return all.every((scope) => holds(scope, pod));
}

function holds(scope: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  const ends = pod.spec?.activeDeadlineSeconds !== undefined;
  switch (scope.scopeName) {
    case 'Terminating':
      return ends;
    case 'NotTerminating':
      return !ends;
    case 'BestEffort':
      return pod.status?.qosClass === 'BestEffort' || asksForNothing(pod);
    case 'NotBestEffort':
      return !asksForNothing(pod);
    case 'PriorityClass':
      return priorityMatches(scope, pod.spec?.priorityClassName);
    default:
      return false;
  }
}

function asksForNothing(pod: Pod): boolean {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const names = ['cpu', 'memory'];
  return !all.some(({ resources }) =>
    names.some(
      (n) => resources?.requests?.[n] !== undefined || resources?.limits?.[n] !== undefined,
    ),
  );
}

function priorityMatches(
  scope: ScopedResourceSelectorRequirement,
  name: string | undefined,
): boolean {
  const isListed = name !== undefined && (scope.values ?? []).includes(name);
  switch (scope.operator) {
    case 'In':
      return isListed;
    case 'NotIn':
      return !isListed;
    case 'Exists':
      return Boolean(name);
    default:
      return !name;
  }
}
