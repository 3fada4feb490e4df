import {
  type Container,
  type PersistentVolumeClaim,
  type Pod,
  Quantity,
  type ResourceQuota,
  type ScopedResourceSelectorRequirement,
  type Service,
} from '@kubets/api';
import type { AdmissionAttributes } from '../ports.ts';
import { podUsage } from './limit-ranger.ts';

/** Amounts by quota name (`pods`, `requests.cpu`, `count/jobs.batch`, …). */
export type Usage = Map<string, Quantity>;

const ONE = Quantity.of(1);

/** Resources of the core group whose count has a name of its own, besides `count/NAME`. */
const NAMED_COUNTS = new Set([
  ...['configmaps', 'persistentvolumeclaims', 'pods', 'replicationcontrollers'],
  ...['resourcequotas', 'secrets', 'services'],
]);

/** What an object of a resource uses, in the names quotas go by. */
export function usageOf(a: AdmissionAttributes, object: object): Usage {
  const { group, resource } = a.resource;
  const usage: Usage = new Map();
  usage.set(group ? `count/${resource}.${group}` : `count/${resource}`, ONE);
  if (group !== '') return usage;
  if (NAMED_COUNTS.has(resource)) usage.set(resource, ONE);
  if (resource === 'pods') addPod(usage, object as Pod);
  if (resource === 'services') addService(usage, object as Service);
  if (resource === 'persistentvolumeclaims') addClaim(usage, object as PersistentVolumeClaim);
  return usage;
}

function addPod(usage: Usage, pod: Pod): void {
  const { requests, limits } = podUsage(pod);
  const overhead = pod.spec?.overhead ?? {};
  for (const [name, text] of Object.entries(requests)) {
    const amount = Quantity.parse(text).add(Quantity.parse(overhead[name] ?? '0'));
    usage.set(`requests.${name}`, amount);
    const hasPlainName = ['cpu', 'memory', 'ephemeral-storage'].includes(name);
    if (hasPlainName || name.startsWith('hugepages-')) usage.set(name, amount);
  }
  for (const [name, text] of Object.entries(limits)) {
    const amount = Quantity.parse(text).add(Quantity.parse(overhead[name] ?? '0'));
    usage.set(`limits.${name}`, amount);
  }
}

function addService(usage: Usage, { spec }: Service): void {
  const ports = spec?.ports?.length ?? 0;
  const isBalancer = spec?.type === 'LoadBalancer';
  if (isBalancer) usage.set('services.loadbalancers', ONE);
  const opensPorts = isBalancer
    ? spec?.allocateLoadBalancerNodePorts !== false
    : spec?.type === 'NodePort';
  usage.set('services.nodeports', Quantity.of(opensPorts ? ports : 0));
}

function addClaim(usage: Usage, { spec }: PersistentVolumeClaim): void {
  const size = spec?.resources?.requests?.storage;
  const storageClass = spec?.storageClassName;
  const suffix = `${storageClass}.storageclass.storage.k8s.io`;
  if (storageClass) usage.set(`${suffix}/persistentvolumeclaims`, ONE);
  if (size === undefined) return;
  usage.set('requests.storage', Quantity.parse(size));
  if (storageClass) usage.set(`${suffix}/requests.storage`, Quantity.parse(size));
}

const MUST_BE_SET = [
  ...['cpu', 'limits.cpu', 'limits.memory', 'memory', 'requests.cpu', 'requests.memory'],
];

/** The complaint about containers that leave out what a quota limits; undefined when none does. */
export function missingText(hard: readonly string[], pod: Pod): string | undefined {
  const wanted = MUST_BE_SET.filter((name) => hard.includes(name));
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const texts = wanted.flatMap((name) => {
    const lacking = all.filter((container) => !sets(container, name)).map((one) => one.name);
    return lacking.length === 0 ? [] : [`${name} for: ${[...lacking].sort().join(',')}`];
  });
  return texts.length === 0 ? undefined : `must specify ${texts.join('; ')}`;
}

function sets({ resources }: Container, name: string): boolean {
  const [kind = '', rest] = name.split('.', 2);
  if (kind === 'limits' && rest) return resources?.limits?.[rest] !== undefined;
  return resources?.requests?.[rest ?? kind] !== undefined;
}

/** Whether a quota is about this pod at all: all its scopes hold. */
export function scopesHold(quota: ResourceQuota, pod: Pod): boolean {
  return scopesOf(quota).every((scope) => scopeHolds(scope, pod));
}

/** The scopes of a quota, plain ones as "exists". */
export function scopesOf(quota: ResourceQuota): ScopedResourceSelectorRequirement[] {
  const plain = (quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  return [...plain, ...(quota.spec?.scopeSelector?.matchExpressions ?? [])];
}

function scopeHolds(scope: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  const isTerminating = (pod.spec?.activeDeadlineSeconds ?? -1) >= 0;
  switch (scope.scopeName) {
    case 'Terminating':
      return isTerminating;
    case 'NotTerminating':
      return !isTerminating;
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      return priorityHolds(scope, pod.spec?.priorityClassName ?? '');
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(pod);
    default:
      return false;
  }
}

function isBestEffort({ spec }: Pod): boolean {
  const all = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const counts = (amounts: Record<string, unknown> | undefined): boolean =>
    amounts?.cpu !== undefined || amounts?.memory !== undefined;
  return !all.some(({ resources }) => counts(resources?.requests) || counts(resources?.limits));
}

function priorityHolds(scope: ScopedResourceSelectorRequirement, name: string): boolean {
  const listed = scope.values?.includes(name) ?? false;
  if (scope.operator === 'In') return listed;
  if (scope.operator === 'NotIn') return !listed;
  return scope.operator === 'Exists' ? name !== '' : name === '';
}

function crossesNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p) => p.podAffinityTerm),
  ]);
  return terms.some((term) => term.namespaces?.length || term.namespaceSelector !== undefined);
}
