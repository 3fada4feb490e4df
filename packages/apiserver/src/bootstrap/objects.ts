import type {
  ConfigMap,
  GroupVersionResource,
  KubeObject,
  Namespace,
  PriorityClass,
} from '@kubets/api';
import { isAlreadyExists, isNotFound } from '@kubets/api';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';

/** Namespaces every cluster has. */
export const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const PRIORITY_CLASSES: readonly PriorityClass[] = [
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
    preemptionPolicy: 'PreemptLowerPriority',
  },
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
    preemptionPolicy: 'PreemptLowerPriority',
  },
];

/** Creates an object unless one of its name is there. */
export async function ensureObject<T extends KubeObject>(
  store: ResourceStore,
  gvr: GroupVersionResource,
  object: T,
): Promise<void> {
  const { namespace = '', name = '' } = object.metadata;
  if (store.cache(gvr).get(namespace, name)) return;
  try {
    await store.get({ ...gvr, namespace, name });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await createIfAbsent(store, gvr, object);
  }
}

async function createIfAbsent<T extends KubeObject>(
  store: ResourceStore,
  gvr: GroupVersionResource,
  object: T,
): Promise<void> {
  try {
    await store.create(gvr, structuredClone(object));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/** The system's namespaces. */
export async function ensureNamespaces(store: ResourceStore): Promise<void> {
  await Promise.all(
    SYSTEM_NAMESPACES.map((name) => {
      const object: Namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      return ensureObject(store, GVR.namespaces, object);
    }),
  );
}

/** The two priority classes of the system's own pods. */
export async function ensurePriorityClasses(store: ResourceStore): Promise<void> {
  for (const one of PRIORITY_CLASSES) await ensureObject(store, GVR.priorityClasses, one);
}

/** Tells extension servers which CA signs the cluster's clients. */
export async function ensureAuthenticationConfig(
  store: ResourceStore,
  clientCa: string | undefined,
): Promise<void> {
  const object: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    ...(clientCa ? { data: { 'client-ca-file': clientCa } } : {}),
  };
  await ensureObject(store, GVR.configMaps, object);
}
