/**
 * Kubelets write to their own node, its lease and the like, and the pods bound to it. Rules and texts are those of the
 * stock plugin of 1.32; `ServiceAccountNodeAudienceRestriction` is off there unless it is switched on.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type CertificateSigningRequest,
  goQuote,
  type KubeObject,
  type Node,
  notFound,
  type PersistentVolumeClaim,
  type Pod,
  parseExact,
  type TokenRequest,
} from '@kubets/api';
import { MIRROR_ANNOTATION, nodeOf } from '../auth/identity.ts';
import { type NodeFacts, ownsNode } from '../auth/node-authorizer.ts';
import type { AdmissionAttributes, AdmissionPlugin, CacheView } from '../ports.ts';
import { requestedName } from './csr-subject.ts';
import { referenceFault } from './mirror-pod.ts';
import { forbiddenLabels } from './node-labels.ts';
import { objectAs, oldAs, refuse } from './support.ts';
import { audienceFault, type VolumeViews } from './token-audience.ts';

export interface NodeRestrictionOptions {
  readonly pods: CacheView<Pod>;
  readonly nodes: CacheView<Node>;
  /** Given: tokens are for the audiences only that a pod's volumes need. */
  readonly audiences?: VolumeViews | undefined;
}

/** A write of a kubelet. */
interface Write {
  readonly a: AdmissionAttributes;
  readonly node: string;
  readonly o: NodeRestrictionOptions;
  /** Whether the identity stands for the node of this name. */
  readonly owns: (name: string | undefined) => boolean;
}

const RULES: Readonly<Record<string, (write: Write) => void>> = {
  '/pods': checkPods,
  '/nodes': checkNode,
  '/persistentvolumeclaims': checkClaim,
  '/serviceaccounts': checkToken,
  'coordination.k8s.io/leases': checkLease,
  'storage.k8s.io/csinodes': (write) => checkName(write, 'CSINode'),
  'resource.k8s.io/resourceslices': checkSlice,
  'certificates.k8s.io/certificatesigningrequests': checkRequest,
};

export function nodeRestriction(o: NodeRestrictionOptions): AdmissionPlugin {
  const facts: Pick<NodeFacts, 'nodeExists'> = {
    nodeExists: (name) => o.nodes.get('', name) !== undefined,
  };
  return {
    name: 'NodeRestriction',
    admit(a) {
      const node = nodeOf(a.user);
      if (node === undefined) return;
      if (node === '') throw refuse(a, `could not determine node from user "${a.user.name}"`);
      const owns = (name: string | undefined): boolean =>
        name !== undefined && ownsNode(node, name, facts);
      RULES[`${a.resource.group}/${a.resource.resource}`]?.({ a, node, o, owns });
    },
  };
}

function checkPods(write: Write): void {
  const { a } = write;
  if (a.subresource === 'status') checkPodStatus(write);
  else if (a.subresource === 'eviction') checkEviction(write);
  else if (a.subresource === '') checkPod(write);
  else {
    const only = "only 'status' and 'eviction' are allowed";
    throw refuse(a, `unexpected pod subresource ${goQuote(a.subresource)}, ${only}`);
  }
}

function checkPod(write: Write): void {
  const { a, node, owns } = write;
  if (a.operation === 'CREATE') checkNewPod(write);
  else if (a.operation !== 'DELETE') {
    const only = `node "${node}" can only create and delete mirror pods`;
    throw refuse(a, `unexpected operation "${a.operation}", ${only}`);
  } else if (!owns(oldAs<Pod>(a)?.spec?.nodeName)) {
    throw refuse(a, `node "${node}" can only delete pods with spec.nodeName set to itself`);
  }
}

function checkNewPod(write: Write): void {
  const { a, node, owns } = write;
  const pod = objectAs<Pod>(a);
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] === undefined) {
    const why = `pod does not have "${MIRROR_ANNOTATION}" annotation, node "${node}" can only create mirror pods`;
    throw refuse(a, why);
  }
  if (!owns(pod.spec?.nodeName)) {
    throw refuse(a, `node "${node}" can only create pods with spec.nodeName set to itself`);
  }
  checkOwner(write, pod);
  const fault = referenceFault(pod);
  if (fault !== undefined) throw refuse(a, `node "${node}" can not create pods that ${fault}`);
}

/** A mirror pod belongs to its node alone, and goes with it. */
function checkOwner({ a, node, o }: Write, pod: Pod): void {
  const [owner, ...more] = pod.metadata.ownerReferences ?? [];
  const only = `node "${node}" can only create pods with`;
  if (more.length > 0) throw refuse(a, `${only} a single owner reference set to itself`);
  const name = pod.spec?.nodeName ?? '';
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== name) {
    throw refuse(a, `${only} an owner reference set to itself`);
  }
  if (!owner.controller) throw refuse(a, `${only} a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion) {
    const why = `node "${node}" must not set blockOwnerDeletion on an owner reference`;
    throw refuse(a, why);
  }
  const known = o.nodes.get('', name);
  if (known === undefined) throw notFound({ group: '', resource: 'nodes' }, name);
  if (known.metadata.uid === owner.uid) return;
  throw refuse(
    a,
    `node ${name} UID mismatch: expected ${owner.uid} got ${known.metadata.uid ?? ''}`,
  );
}

function checkPodStatus({ a, node, owns }: Write): void {
  if (a.operation !== 'UPDATE') throw refuse(a, `unexpected operation "${a.operation}"`);
  const [old, now] = [oldAs<Pod>(a), objectAs<Pod>(a)];
  if (!owns(old.spec?.nodeName)) {
    const why = `node "${node}" can only update pod status for pods with spec.nodeName set to itself`;
    throw refuse(a, why);
  }
  if (!isSame(old.metadata.labels ?? {}, now.metadata.labels ?? {})) {
    throw refuse(a, `node "${node}" cannot update labels through pod status`);
  }
  const claims = (pod: Pod): object[] =>
    (pod.status?.resourceClaimStatuses ?? []).map(({ name, resourceClaimName }) => ({
      ...{ name, resourceClaimName },
    }));
  if (isSame(claims(old), claims(now))) return;
  throw refuse(a, `node "${node}" cannot update resource claim statues`);
}

function checkEviction({ a, node, o, owns }: Write): void {
  if (a.operation !== 'CREATE') throw refuse(a, `unexpected operation ${a.operation}`);
  const name = a.name || (a.object?.metadata.name ?? '');
  if (name === '') throw refuse(a, 'could not determine pod from request data');
  const pod = o.pods.get(a.namespace, name);
  if (pod === undefined) throw notFound({ group: '', resource: 'pods' }, name);
  if (owns(pod.spec?.nodeName)) return;
  throw refuse(a, `node ${node} can only evict pods with spec.nodeName set to itself`);
}

function checkNode({ a, node, owns }: Write): void {
  const name = a.name || (a.object?.metadata.name ?? '');
  if (!owns(name)) throw refuse(a, `node "${node}" is not allowed to modify node "${name}"`);
  if (a.operation === 'CREATE') checkNewNode(a, node);
  else if (a.operation === 'UPDATE') checkChangedNode(a, node);
}

function checkNewNode(a: AdmissionAttributes, node: string): void {
  const now = objectAs<Node>(a);
  if (now.spec?.configSource) {
    throw refuse(a, `node "${node}" is not allowed to create pods with a non-nil configSource`);
  }
  const labels = forbiddenLabels(now.metadata.labels, undefined);
  if (labels.length === 0) return;
  const listed = labels.join(', ');
  throw refuse(a, `node "${node}" is not allowed to set the following labels: ${listed}`);
}

/** What steers pods to a node is none of its business, nor who it goes with. */
function checkChangedNode(a: AdmissionAttributes, node: string): void {
  const [old, now] = [oldAs<Node>(a), objectAs<Node>(a)];
  const configSource = now.spec?.configSource;
  if (configSource && !isSame(configSource, old.spec?.configSource)) {
    const why = `node "${node}" is not allowed to update configSource to a new non-nil configSource`;
    throw refuse(a, why);
  }
  if (!isSame(now.spec?.taints ?? [], old.spec?.taints ?? [])) {
    throw refuse(a, `node "${node}" is not allowed to modify taints`);
  }
  if (!isSame(now.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? [])) {
    throw refuse(a, `node "${node}" is not allowed to modify ownerReferences`);
  }
  const labels = forbiddenLabels(now.metadata.labels, old.metadata.labels);
  if (labels.length > 0) throw refuse(a, `is not allowed to modify labels: ${labels.join(', ')}`);
}

/** A kubelet that has grown a volume says how large it is now. */
function checkClaim({ a, node }: Write): void {
  if (a.subresource !== 'status') throw refuse(a, 'may only update PVC status');
  if (a.operation !== 'UPDATE') throw refuse(a, `unexpected operation "${a.operation}"`);
  const [old, now] = [withoutSize(oldAs(a)), withoutSize(objectAs(a))];
  if (isSame(old, now)) return;
  const fields = 'status.quantity and status.conditions';
  const dump = `${JSON.stringify(old)} became ${JSON.stringify(now)}`;
  throw refuse(a, `node "${node}" is not allowed to update fields other than ${fields}: ${dump}`);
}

function withoutSize({ metadata, status = {}, ...rest }: PersistentVolumeClaim): object {
  const { resourceVersion: _version, managedFields: _owners, ...kept } = metadata;
  const { capacity: _size, conditions: _conditions, ...more } = status;
  const { allocatedResources: _asked, allocatedResourceStatuses: _state, ...shown } = more;
  return { ...rest, metadata: kept, status: shown };
}

function checkToken({ a, o, owns }: Write): void {
  if (a.operation !== 'CREATE' || a.subresource !== 'token') return;
  const { boundObjectRef: ref, audiences } = objectAs<TokenRequest>(a).spec;
  if (ref?.kind !== 'Pod' || ref.apiVersion !== 'v1' || !ref.name) {
    throw refuse(a, 'node requested token not bound to a pod');
  }
  if (!ref.uid) throw refuse(a, 'node requested token with a pod binding without a uid');
  const pod = o.pods.get(a.namespace, ref.name);
  if (pod === undefined) throw notFound({ group: '', resource: 'pods' }, ref.name);
  if (pod.metadata.uid !== ref.uid) {
    const why = `the UID in the bound object reference (${ref.uid}) does not match the UID in record.`;
    throw refuse(a, `${why} The object might have been deleted and then recreated`);
  }
  if (!owns(pod.spec?.nodeName)) {
    throw refuse(a, 'node requested token bound to a pod scheduled on a different node');
  }
  const fault = o.audiences && audienceFault(audiences, pod, o.audiences);
  if (fault !== undefined) throw refuse(a, fault);
}

function checkLease(write: Write): void {
  const { a } = write;
  if (a.namespace !== 'kube-node-lease') {
    throw refuse(a, 'can only access leases in the "kube-node-lease" system namespace');
  }
  checkName(write, 'node lease');
}

function checkName({ a, owns }: Write, what: string): void {
  const name = a.operation === 'CREATE' ? a.object?.metadata.name : a.name;
  if (owns(name)) return;
  throw refuse(a, `can only access ${what} with the same name as the requesting node`);
}

/** The authoriser has looked at slices that are changed. */
function checkSlice({ a, owns }: Write): void {
  const nodeName = (object: KubeObject | undefined): string | undefined =>
    (object as (KubeObject & { spec?: { nodeName?: string } }) | undefined)?.spec?.nodeName;
  const isNew = a.operation === 'CREATE';
  if (!isNew && a.operation !== 'DELETE') return;
  if (owns(nodeName(isNew ? a.object : a.oldObject))) return;
  const verb = isNew ? 'create' : 'delete';
  throw refuse(a, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
}

const NODE_SIGNERS = [
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/kube-apiserver-client-kubelet',
];

/** Certificates of kubelets are for the kubelet that asks. */
function checkRequest({ a, node, owns }: Write): void {
  if (a.operation !== 'CREATE') return;
  const { signerName, request } = objectAs<CertificateSigningRequest>(a).spec;
  if (!NODE_SIGNERS.includes(signerName)) return;
  const name = requestedName(Buffer.from(String(request), 'base64').toString('latin1'));
  if (name === undefined) {
    throw refuse(a, 'unable to parse csr: PEM block type must be CERTIFICATE REQUEST');
  }
  const prefix = 'system:node:';
  if (name.startsWith(prefix) && owns(name.slice(prefix.length))) return;
  throw refuse(a, `can only create a node CSR with CN=${prefix}${node}`);
}

/** Order of fields does not count, that of lists does. */
function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(withoutGaps(a), withoutGaps(b));
}

function withoutGaps(value: unknown): unknown {
  return value === undefined ? undefined : parseExact(JSON.stringify(value));
}
