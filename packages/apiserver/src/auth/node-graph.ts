import type { Container, Pod, PodSpec, Volume } from '@kubets/api';
import type { CacheChange, CacheView } from '../ports.ts';

/** Kinds of object a pod can make visible to its node. */
export type ReferencedKind =
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'secrets'
  | 'serviceaccounts';

type ContainerRefs = Pick<Container, 'env' | 'envFrom'>;

const keyOf = (kind: ReferencedKind, namespace: string, name: string): string =>
  `${kind}/${namespace}/${name}`;

/** Keys of everything a pod refers to by name, in its own namespace. */
export function podReferences(pod: Pod): Set<string> {
  const keys = new Set<string>();
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
  add('configmaps', volume.configMap?.name);
  add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral) add('persistentvolumeclaims', `${podName}-${volume.name ?? ''}`);
  for (const source of volume.projected?.sources ?? []) {
    add('secrets', source.secret?.name);
    add('configmaps', source.configMap?.name);
  }
}

/**
 * Which nodes run a pod that refers to an object. Memory is proportional to the references of bound pods;
 * a question costs one lookup.
 */
export class NodeGraph {
  /** reference → node → number of pods there that hold it */
  readonly #holders = new Map<string, Map<string, number>>();
  readonly #podNodes = new Map<string, string>();

  /** Takes a change of a pod; pods without a node refer to nothing yet. */
  apply(type: CacheChange['type'], pod: Pod, old?: Pod): void {
    const before = old ?? (type === 'DELETED' ? pod : undefined);
    if (before) this.#count(before, -1);
    if (type !== 'DELETED') this.#count(pod, 1);
  }

  /** Nodes that hold a reference. */
  holders(kind: ReferencedKind, namespace: string, name: string): Iterable<string> {
    return this.#holders.get(keyOf(kind, namespace, name))?.keys() ?? [];
  }

  /** The node a pod is bound to; undefined when it is unknown or not bound. */
  nodeOfPod(namespace: string, name: string): string | undefined {
    return this.#podNodes.get(`${namespace}/${name}`);
  }

  #count(pod: Pod, step: 1 | -1): void {
    const node = pod.spec?.nodeName;
    if (!node) return;
    const podKey = `${pod.metadata.namespace ?? ''}/${pod.metadata.name ?? ''}`;
    if (step === 1) this.#podNodes.set(podKey, node);
    else this.#podNodes.delete(podKey);
    for (const key of podReferences(pod)) {
      const nodes = this.#holders.get(key) ?? new Map<string, number>();
      this.#holders.set(key, nodes);
      const count = (nodes.get(node) ?? 0) + step;
      if (count > 0) nodes.set(node, count);
      else nodes.delete(node);
      if (nodes.size === 0) this.#holders.delete(key);
    }
  }
}

/** A graph fed by the cache of pods. */
export function watchNodeGraph(pods: CacheView<Pod>): NodeGraph {
  const graph = new NodeGraph();
  pods.onChange(({ type, object, old }) => graph.apply(type, object, old));
  return graph;
}
