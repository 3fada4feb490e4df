import type { Lease, Node, Pod, TokenRequest } from '@kubets/api';
import { nodeOf } from '../auth/identity.ts';
import { type NodeFacts, ownsNode } from '../auth/node-authorizer.ts';
import type { AdmissionAttributes, AdmissionPlugin, CacheView } from '../ports.ts';
import { concerns, MIRROR_ANNOTATION, objectAs, oldAs, refuse } from './support.ts';

/** Labels under this prefix say which pods a node may attract; only administrators set them. */
const RESTRICTED_PREFIX = 'node-restriction.kubernetes.io';
/** Labels of the system's domains a kubelet sets on its own node. */
const KUBELET_LABELS = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const KUBELET_LABEL_PREFIXES = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

type Facts = Pick<NodeFacts, 'nodeExists'>;

/** Kubelets write to their own node, its lease, and the pods bound to it. */
export function nodeRestriction(o: { pods: CacheView<Pod>; facts: Facts }): AdmissionPlugin {
  function check(a: AdmissionAttributes, node: string): void {
    const key = `${a.resource.group}/${a.resource.resource}`;
    if (key === '/pods') checkPod(a, node, o);
    else if (key === '/nodes') checkNode(a, node, o.facts);
    else if (key === '/serviceaccounts') checkToken(a, node, o);
    else if (key === 'coordination.k8s.io/leases') checkNamed(a, node, 'leases', o.facts);
    else if (key === 'storage.k8s.io/csinodes') checkNamed(a, node, 'CSINodes', o.facts);
  }
  return {
    name: 'NodeRestriction',
    admit(a) {
      const node = nodeOf(a.user);
      if (node !== undefined) check(a, node);
    },
  };
}

type Context = { pods: CacheView<Pod>; facts: Facts };

function checkPod(a: AdmissionAttributes, node: string, { pods, facts }: Context): void {
  const bound = (pod: Pod | undefined): boolean =>
    pod?.spec?.nodeName !== undefined && ownsNode(node, pod.spec.nodeName, facts);
  if (a.subresource === 'eviction') {
    if (bound(pods.get(a.namespace, a.name))) return;
    throw refuse(a, `node "${node}" can only evict pods with spec.nodeName set to itself`);
  }
  if (a.subresource === 'status') {
    if (a.operation === 'UPDATE' && bound(oldAs<Pod>(a))) return;
    throw refuse(
      a,
      `node "${node}" can only update pod status for pods with spec.nodeName set to itself`,
    );
  }
  if (a.subresource !== '')
    throw refuse(a, `unexpected pod subresource ${JSON.stringify(a.subresource)}`);
  if (a.operation === 'CREATE') checkNewPod(a, node, bound);
  if (a.operation === 'UPDATE')
    throw refuse(a, `unexpected operation ${JSON.stringify(a.operation)}`);
  if (a.operation === 'DELETE' && !bound(oldAs<Pod>(a))) {
    throw refuse(a, `node "${node}" can only delete pods with spec.nodeName set to itself`);
  }
}

function checkNewPod(a: AdmissionAttributes, node: string, bound: (pod: Pod) => boolean): void {
  const pod = objectAs<Pod>(a);
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] === undefined) {
    const why = `pod does not have "${MIRROR_ANNOTATION}" annotation, node "${node}" can only create mirror pods`;
    throw refuse(a, why);
  }
  if (bound(pod)) return;
  throw refuse(a, `node "${node}" can only create pods with spec.nodeName set to itself`);
}

function checkNode(a: AdmissionAttributes, node: string, facts: Facts): void {
  const name = a.name || objectAs<Node>(a)?.metadata.name || '';
  if (!ownsNode(node, name, facts)) {
    throw refuse(a, `node "${node}" is not allowed to modify node "${name}"`);
  }
  if (a.operation === 'DELETE') throw refuse(a, `node "${node}" is not allowed to delete itself`);
  const labels = objectAs<Node>(a).metadata.labels ?? {};
  const before = a.oldObject?.metadata.labels ?? {};
  const changed = changedKeys(labels, before).filter(isForbiddenLabel);
  if (changed.length > 0) {
    throw refuse(a, `is not allowed to modify labels: ${changed.sort().join(', ')}`);
  }
  if (a.operation !== 'UPDATE') return;
  const taints = JSON.stringify(objectAs<Node>(a).spec?.taints ?? []);
  if (taints === JSON.stringify(oldAs<Node>(a).spec?.taints ?? [])) return;
  throw refuse(a, `node "${node}" is not allowed to modify taints`);
}

function changedKeys(now: Record<string, string>, before: Record<string, string>): string[] {
  const keys = new Set([...Object.keys(now), ...Object.keys(before)]);
  return [...keys].filter((key) => now[key] !== before[key]);
}

function isForbiddenLabel(key: string): boolean {
  const [domain = '', name] = key.split('/', 2);
  if (name === undefined) return false;
  if (within(domain, RESTRICTED_PREFIX)) return true;
  if (!within(domain, 'kubernetes.io') && !within(domain, 'k8s.io')) return false;
  if (KUBELET_LABELS.has(key)) return false;
  return !KUBELET_LABEL_PREFIXES.some((prefix) => within(domain, prefix));
}

const within = (domain: string, parent: string): boolean =>
  domain === parent || domain.endsWith(`.${parent}`);

function checkToken(a: AdmissionAttributes, node: string, { pods, facts }: Context): void {
  if (a.subresource !== 'token') return;
  const ref = objectAs<TokenRequest>(a).spec.boundObjectRef;
  if (ref?.kind !== 'Pod' || !ref.name) throw refuse(a, 'node requested token not bound to a pod');
  if (!ref.uid) throw refuse(a, 'node requested token with a pod binding without a uid');
  const pod = pods.get(a.namespace, ref.name);
  if (!pod) throw refuse(a, `pod "${ref.name}" not found`);
  if (pod.metadata.uid !== ref.uid) {
    const why = `the UID in the bound object reference (${ref.uid}) does not match the UID in record.`;
    throw refuse(a, `${why} The object might have been deleted and then recreated`);
  }
  if (ownsNode(node, pod.spec?.nodeName ?? '', facts)) return;
  throw refuse(a, `node requested token bound to a pod scheduled on a different node`);
}

function checkNamed(a: AdmissionAttributes, node: string, what: string, facts: Facts): void {
  if (!concerns(a, a.resource.group, a.resource.resource, 'CREATE', 'UPDATE', 'DELETE')) return;
  const name = a.name || objectAs<Lease>(a)?.metadata.name || '';
  if (what === 'leases' && a.namespace !== 'kube-node-lease') {
    throw refuse(a, 'can only access leases in the "kube-node-lease" system namespace');
  }
  if (ownsNode(node, name, facts)) return;
  throw refuse(a, `can only access ${what} with the same name as the requesting node`);
}
