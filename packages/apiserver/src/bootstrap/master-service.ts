import {
  type EndpointSlice,
  type Endpoints,
  type GroupVersionResource,
  isAlreadyExists,
  isConflict,
  isInvalid,
  isNotFound,
  type KubeObject,
  type Service,
} from '@kubets/api';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';

const NAME = 'kubernetes';
const NAMESPACE = 'default';

/** An address under which an apiserver is reached. */
export interface MasterAddress {
  readonly address: string;
  readonly port: number;
}

/** Creates the `kubernetes` service if it is missing. */
export async function ensureMasterService(
  store: ResourceStore,
  o: { clusterIp: string; targetPort: number; nodePort?: number | undefined },
): Promise<void> {
  const { nodePort = 0 } = o;
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      type: nodePort > 0 ? 'NodePort' : 'ClusterIP',
      clusterIP: o.clusterIp,
      sessionAffinity: 'None',
      ports: [
        {
          ...{ name: 'https', protocol: 'TCP', port: 443, targetPort: o.targetPort },
          ...(nodePort > 0 && { nodePort }),
        },
      ],
    },
  };
  if (await read(store, GVR.services, NAME)) return;
  try {
    await store.create(GVR.services, service);
  } catch (error) {
    if (isAlreadyExists(error)) return;
    // Another apiserver may be creating it this moment: it has the address but not yet the object.
    if (isInvalid(error) && (await read(store, GVR.services, NAME))) return;
    throw error;
  }
}

async function read<T extends KubeObject>(
  store: ResourceStore,
  gvr: GroupVersionResource,
  name: string,
): Promise<T | undefined> {
  try {
    return await store.get<T>({ ...gvr, namespace: NAMESPACE, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function byPort(addresses: readonly MasterAddress[]): [number, string[]][] {
  const ports = new Map<number, Set<string>>();
  for (const { address, port } of addresses) {
    const known = ports.get(port) ?? new Set<string>();
    known.add(address);
    ports.set(port, known);
  }
  return [...ports]
    .sort(([a], [b]) => a - b)
    .map(([port, set]) => [port, [...set].sort()] as [number, string[]]);
}

/** The Endpoints object for these apiservers. */
export function masterEndpoints(addresses: readonly MasterAddress[]): Endpoints {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets: byPort(addresses).map(([port, ips]) => ({
      addresses: ips.map((ip) => ({ ip })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    })),
  };
}

/** The EndpointSlices for these apiservers: one a port, the first called like the service. */
export function masterSlices(addresses: readonly MasterAddress[]): EndpointSlice[] {
  return byPort(addresses).map(([port, ips], i) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: i === 0 ? NAME : `${NAME}-${port}`,
      namespace: NAMESPACE,
      labels: { 'kubernetes.io/service-name': NAME },
    },
    addressType: 'IPv4',
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  }));
}

const OWN_FIELDS = ['subsets', 'addressType', 'endpoints', 'ports'] as const;

/** Writes Endpoints and slices if they say anything else, and removes slices that are too many. */
export async function writeMasterEndpoints(
  store: ResourceStore,
  addresses: readonly MasterAddress[],
): Promise<void> {
  await put(store, GVR.endpoints, masterEndpoints(addresses));
  const slices = masterSlices(addresses);
  for (const slice of slices) await put(store, GVR.endpointSlices, slice);
  const wanted = new Set(slices.map((slice) => slice.metadata.name));
  const { items } = await store.list<EndpointSlice>(GVR.endpointSlices, NAMESPACE);
  for (const { metadata } of items) {
    const { name = '', labels } = metadata;
    const ours = name === NAME || name.startsWith(`${NAME}-`);
    if (!ours || labels?.['kubernetes.io/service-name'] !== NAME || wanted.has(name)) continue;
    if (labels['endpointslice.kubernetes.io/managed-by'] !== undefined) continue;
    await remove(store, name);
  }
}

async function remove(store: ResourceStore, name: string): Promise<void> {
  try {
    await store.delete({ ...GVR.endpointSlices, namespace: NAMESPACE, name });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function put(
  store: ResourceStore,
  gvr: GroupVersionResource,
  wanted: KubeObject,
): Promise<void> {
  const present = await read(store, gvr, wanted.metadata.name ?? '');
  try {
    if (!present) await store.create(gvr, wanted);
    else if (differs(present, wanted)) await store.update(gvr, merged(present, wanted));
  } catch (error) {
    // Another apiserver wrote at the same moment; it or the next round brings the same content.
    if (!isAlreadyExists(error) && !isConflict(error)) throw error;
  }
}

const field = (object: KubeObject, key: string): unknown =>
  (object as unknown as Record<string, unknown>)[key];

function differs(present: KubeObject, wanted: KubeObject): boolean {
  return OWN_FIELDS.some((key) => canonical(field(present, key)) !== canonical(field(wanted, key)));
}

/** JSON with sorted keys, so that the order of fields does not count. */
function canonical(value: unknown): string {
  return JSON.stringify(value ?? [], (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function merged(present: KubeObject, wanted: KubeObject): KubeObject {
  const labels = { ...present.metadata.labels, ...wanted.metadata.labels };
  return { ...wanted, metadata: { ...present.metadata, labels } };
}
