/** What objects use up of a quota, and which pods a quota is about: for admission, which counts ahead, and its controller. */
import type {
  Container,
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
  Service,
} from './generated/types.ts';
import type { GroupResource, KubeObject } from './meta.ts';
import { podResourcesWithOverhead } from './pod-resources.ts';
import { Quantity } from './quantity.ts';

/** Amounts by quota name (`pods`, `requests.cpu`, `count/jobs.batch`, …). */
export type QuotaUsage = Map<string, Quantity>;

const ONE = Quantity.of(1);

/** Resources of the core group whose count has a name of its own, besides `count/NAME`. */
const NAMED_COUNTS: ReadonlySet<string> = new Set([
  ...['configmaps', 'persistentvolumeclaims', 'replicationcontrollers'],
  ...['resourcequotas', 'secrets', 'services'],
]);

/** The name a quota counts objects of a resource by. */
export function countName({ group, resource }: GroupResource): string {
  return group ? `count/${resource}.${group}` : `count/${resource}`;
}

/** Whether a resource is one of somebody's own devices, and none that Kubernetes knows itself. */
export function isExtendedResource(name: string): boolean {
  const isNative = !name.includes('/') || name.includes('kubernetes.io/');
  return !isNative && !name.startsWith('requests.');
}

/** What an object of a resource uses at a time (milliseconds since the epoch), in the names quotas go by. */
export function quotaUsage(gr: GroupResource, object: KubeObject, nowMs: number): QuotaUsage {
  const usage: QuotaUsage = new Map([[countName(gr), ONE]]);
  if (gr.group !== '') return usage;
  if (NAMED_COUNTS.has(gr.resource)) usage.set(gr.resource, ONE);
  if (gr.resource === 'pods' && !isOver(object as Pod, nowMs)) addPod(usage, object as Pod);
  if (gr.resource === 'services') addService(usage, object as Service);
  if (gr.resource === 'persistentvolumeclaims') addClaim(usage, object as PersistentVolumeClaim);
  return usage;
}

/** Pods that have ended, or should have by now, keep nothing but their place among the objects. */
function isOver({ status, metadata }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (!deletionTimestamp || typeof deletionGracePeriodSeconds !== 'number') return false;
  return nowMs > Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

const COMPUTE: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);

function addPod(usage: QuotaUsage, pod: Pod): void {
  usage.set('pods', ONE);
  for (const [name, amount] of podResourcesWithOverhead(pod, 'requests')) {
    const hasPlainName = COMPUTE.has(name) || name.startsWith('hugepages-');
    if (hasPlainName) usage.set(name, amount);
    if (hasPlainName || isExtendedResource(name)) usage.set(`requests.${name}`, amount);
  }
  for (const [name, amount] of podResourcesWithOverhead(pod, 'limits')) {
    if (COMPUTE.has(name)) usage.set(`limits.${name}`, amount);
  }
}

function addService(usage: QuotaUsage, { spec }: Service): void {
  const ports = spec?.ports ?? [];
  const isBalancer = spec?.type === 'LoadBalancer';
  const allocates = spec?.allocateLoadBalancerNodePorts !== false;
  usage.set('services.loadbalancers', isBalancer ? ONE : Quantity.zero);
  const opened = isBalancer && !allocates ? ports.filter(({ nodePort }) => nodePort) : ports;
  const opens = isBalancer || spec?.type === 'NodePort';
  usage.set('services.nodeports', Quantity.of(opens ? opened.length : 0));
}

const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class';

function addClaim(usage: QuotaUsage, claim: PersistentVolumeClaim): void {
  const { spec, metadata } = claim;
  const storageClass = metadata.annotations?.[BETA_CLASS] ?? spec?.storageClassName;
  const prefix = storageClass ? `${storageClass}.storageclass.storage.k8s.io/` : undefined;
  if (prefix) usage.set(`${prefix}persistentvolumeclaims`, ONE);
  const size = sizeOf(claim);
  if (size === undefined) return;
  usage.set('requests.storage', size);
  if (prefix) usage.set(`${prefix}requests.storage`, size);
}

/** What is asked for, or what is being allocated if that is more; whole bytes. */
function sizeOf({ spec, status }: PersistentVolumeClaim): Quantity | undefined {
  const asked = spec?.resources?.requests?.storage;
  if (asked === undefined) return undefined;
  const allocated = status?.allocatedResources?.storage;
  const sizes = [asked, ...(allocated === undefined ? [] : [allocated])].map(Quantity.parse);
  return sizes.reduce((one, other) => (other.cmp(one) > 0 ? other : one)).roundedUp();
}

/** The scopes of a quota, plain ones as "exists". */
export function scopesOf({ spec }: ResourceQuota): ScopedResourceSelectorRequirement[] {
  const plain = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  return [...plain, ...(spec?.scopeSelector?.matchExpressions ?? [])];
}

/** Whether a pod is in a scope. */
export function scopeHolds(scope: ScopedResourceSelectorRequirement, pod: Pod): boolean {
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

/** Amounts of nothing ask for nothing. */
function isBestEffort({ spec, status }: Pod): boolean {
  if (status?.qosClass) return status.qosClass === 'BestEffort';
  const asks = ({ resources }: Container): boolean =>
    [resources?.requests, resources?.limits].some((amounts) =>
      ['cpu', 'memory'].some((name) => Quantity.parse(amounts?.[name] ?? '0').nanos > 0n),
    );
  return ![...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(asks);
}

function priorityHolds({ operator, values }: ScopedResourceSelectorRequirement, name: string) {
  const isListed = name !== '' && (values ?? []).includes(name);
  if (operator === 'In') return isListed;
  if (operator === 'NotIn') return !isListed;
  return operator === 'Exists' ? name !== '' : name === '';
}

function crossesNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p) => p.podAffinityTerm),
  ]);
  return terms.some((term) => term.namespaces?.length || term.namespaceSelector !== undefined);
}
