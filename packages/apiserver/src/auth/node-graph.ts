import type { Container, Pod, PodSpec, Volume } from '@kubets/api';
import type { CacheChange, CacheView } from '../ports.ts';
import { MIRROR_ANNOTATION } from './identity.ts';

/** Kinds of object a pod can make visible to its node. */
export type ReferencedKind =
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'resourceclaims'
  | 'secrets'
  | 'serviceaccounts';

type ContainerRefs = Pick<Container, 'env' | 'envFrom'>;

const keyOf = (kind: ReferencedKind, namespace: string, name: string): string =>
  `${kind}/${namespace}/${name}`;

/**
 * Keys of everything a pod refers to by name, in its own namespace. Mirror pods refer to nothing: a node makes them itself, and
 * must not give itself rights by that.
 */
export function podReferences(pod: Pod): Set<string> {
  const keys = new Set<string>();
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) return keys;
  const namespace = pod.metadata.namespace ?? '';
  const add = (kind: ReferencedKind, name: string | undefined): void => {
    if (name) keys.add(keyOf(kind, namespace, name));
  };
  const spec: Partial<PodSpec> = pod.spec ?? {};
  add('serviceaccounts', spec.serviceAccountName);
  for (const secret of spec.imagePullSecrets ?? []) add('secrets', secret.name);
  const containers: ContainerRefs[] = [
    ...(spec.containers ?? []),
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  for (const container of containers) addContainer(container, add);
  for (const volume of spec.volumes ?? []) addVolume(volume, pod.metadata.name ?? '', add);
  for (const { resourceClaimName } of spec.resourceClaims ?? []) {
    add('resourceclaims', resourceClaimName);
  }
  for (const { resourceClaimName } of pod.status?.resourceClaimStatuses ?? []) {
    add('resourceclaims', resourceClaimName);
  }
  return keys;
}

type Add = (kind: ReferencedKind, name: string | undefined) => void;

function addContainer(container: ContainerRefs, add: Add): void {
  for (const { valueFrom } of container.env ?? []) {
    add('secrets', valueFrom?.secretKeyRef?.name);
    add('configmaps', valueFrom?.configMapKeyRef?.name);
  }
  for (const from of container.envFrom ?? []) {
    add('secrets', from.secretRef?.name);
    add('configmaps', from.configMapRef?.name);
  }
}

function addVolume(volume: Volume, podName: string, add: Add): void {
  add('secrets', volume.secret?.secretName);
  add('secrets', volume.azureFile?.secretName);
  add('secrets', volume.csi?.nodePublishSecretRef?.name);
  const { cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos } = volume;
  for (const source of [cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos]) {
    add('secrets', source?.secretRef?.name);
  }
  add('configmaps', volume.configMap?.name);
  add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral) add('persistentvolumeclaims', `${podName}-${volume.name ?? ''}`);
  for (const source of volume.projected?.sources ?? []) {
    add('secrets', source.secret?.name);
    add('configmaps', source.configMap?.name);
  }
}

/** What the graph takes of a change. */
export type PodChange = Pick<CacheChange<Pod>, 'type' | 'namespace' | 'name' | 'object'>;

/** How many pods of each node hold a reference. */
interface Holders {
  readonly key: string;
  readonly podsOf: Map<string, number>;
}

/** Where a pod is, and what it refers to. */
interface Bound {
  readonly node: string;
  readonly references: readonly Holders[];
}

/**
 * Which nodes run a pod that refers to an object. Memory is proportional to the references of bound pods; a question costs one
 * lookup. What a pod referred to is remembered: reading it again out of the pod's former state would cost more than all the
 * rest of a change.
 */
export class NodeGraph {
  readonly #holders = new Map<string, Holders>();
  readonly #bound = new Map<string, Bound>();

  /** Takes a change of a pod; pods without a node refer to nothing yet. */
  apply(change: PodChange): void {
    const podKey = `${change.namespace}/${change.name}`;
    const before = this.#bound.get(podKey);
    const now = change.type === 'DELETED' ? undefined : this.#hold(change.object);
    if (now !== undefined) this.#bound.set(podKey, now);
    else if (before !== undefined) this.#bound.delete(podKey);
    if (before !== undefined) this.#release(before);
  }

  /** Nodes that hold a reference. */
  holders(kind: ReferencedKind, namespace: string, name: string): Iterable<string> {
    return this.#holders.get(keyOf(kind, namespace, name))?.podsOf.keys() ?? [];
  }

  /** The node a pod is bound to; undefined when it is unknown or not bound. */
  nodeOfPod(namespace: string, name: string): string | undefined {
    return this.#bound.get(`${namespace}/${name}`)?.node;
  }

  #hold(pod: Pod): Bound | undefined {
    const node = pod.spec?.nodeName;
    if (!node) return undefined;
    const references = [...podReferences(pod)].map((key) => {
      const holders = this.#holders.get(key) ?? { key, podsOf: new Map<string, number>() };
      this.#holders.set(holders.key, holders);
      holders.podsOf.set(node, (holders.podsOf.get(node) ?? 0) + 1);
      return holders;
    });
    return { node, references };
  }

  #release({ node, references }: Bound): void {
    for (const { key, podsOf } of references) {
      const count = (podsOf.get(node) ?? 0) - 1;
      if (count > 0) podsOf.set(node, count);
      else podsOf.delete(node);
      if (podsOf.size === 0) this.#holders.delete(key);
    }
  }
}

/** A graph fed by the cache of pods. */
export function watchNodeGraph(pods: CacheView<Pod>): NodeGraph {
  const graph = new NodeGraph();
  pods.onChange((change) => graph.apply(change));
  return graph;
}
