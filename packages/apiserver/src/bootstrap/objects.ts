import type {
  ConfigMap,
  GroupVersionResource,
  KubeObject,
  Namespace,
  PriorityClass,
} from '@kubets/api';
import { isAlreadyExists, isConflict, isNotFound } from '@kubets/api';
import type { FrontProxyOptions } from '../auth/front-proxy.ts';
import { dayOf } from '../auth/legacy-tokens.ts';
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

/** Tells since when the uses of tokens in Secrets are noted. */
export async function ensureTokenTracking(store: ResourceStore, nowMs: number): Promise<void> {
  const map: ConfigMap = {
    ...{ apiVersion: 'v1', kind: 'ConfigMap' },
    metadata: {
      namespace: 'kube-system',
      name: 'kube-apiserver-legacy-service-account-token-tracking',
    },
    data: { since: dayOf(nowMs) },
  };
  await ensureObject(store, GVR.configMaps, map);
}

/** What extension servers need to know to authenticate as this server does. */
export interface AuthenticationFacts {
  readonly clientCa?: string | undefined;
  readonly proxyCa?: string | undefined;
  readonly frontProxy?: FrontProxyOptions | undefined;
}

/** Tells extension servers which CAs sign the cluster's clients and proxies, and how proxies name users. */
export async function ensureAuthenticationConfig(
  store: ResourceStore,
  facts: AuthenticationFacts,
): Promise<void> {
  const data = authenticationData(facts);
  const object: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    ...(Object.keys(data).length > 0 ? { data } : {}),
  };
  await ensureObject(store, GVR.configMaps, object);
  await keepData(store, object.metadata, data);
}

function authenticationData(o: AuthenticationFacts): Record<string, string> {
  const { clientCa, proxyCa, frontProxy } = o;
  const list = (values: readonly string[]): string => JSON.stringify(values);
  return {
    ...(clientCa && { 'client-ca-file': clientCa }),
    ...(proxyCa &&
      frontProxy && {
        'requestheader-allowed-names': list(frontProxy.allowedNames),
        'requestheader-client-ca-file': proxyCa,
        'requestheader-extra-headers-prefix': list(frontProxy.extraPrefixes),
        'requestheader-group-headers': list(frontProxy.groupHeaders),
        'requestheader-username-headers': list(frontProxy.usernameHeaders),
      }),
  };
}

/** Brings an older object up to what this server was started with. */
async function keepData(
  store: ResourceStore,
  { namespace = '', name = '' }: KubeObject['metadata'],
  data: Readonly<Record<string, string>>,
): Promise<void> {
  const present = await store.get<ConfigMap>({ ...GVR.configMaps, namespace, name });
  const isSame = Object.entries(data).every(([key, value]) => present.data?.[key] === value);
  if (isSame) return;
  try {
    await store.update(GVR.configMaps, { ...present, data: { ...present.data, ...data } });
  } catch (error) {
    // Another apiserver writes the same.
    if (!isConflict(error)) throw error;
  }
}
