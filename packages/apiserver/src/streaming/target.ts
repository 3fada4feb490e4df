import { badRequest, type Node, type Pod, unclassified } from '@kubets/api';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import type { KubeletClient } from './kubelet-client.ts';

/** Where a kubelet is reached. */
export interface KubeletAddress {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_KUBELET_PORT = 10_250;

/** What finding a kubelet takes. */
export interface KubeletLookup {
  readonly store: ResourceStore;
  /** Kinds of node address, the preferred first; others are not dialed. */
  readonly addressTypes: readonly string[];
}

/** What the handlers share. */
export interface StreamingDeps extends KubeletLookup {
  readonly client: KubeletClient;
}

/**
 * The container a request means: the one it names, or the only one.
 * @throws ApiError 400 when the pod has no such container, or several and none is named
 */
export function chooseContainer(pod: Pod, named: string): string {
  const containers = names(pod.spec?.containers);
  const init = names(pod.spec?.initContainers);
  const ephemeral = names(pod.spec?.ephemeralContainers);
  const podName = pod.metadata.name ?? '';
  if (named !== '') {
    if ([...containers, ...init, ...ephemeral].includes(named)) return named;
    throw badRequest(`container ${named} is not valid for pod ${podName}`);
  }
  const [only, ...more] = containers;
  if (only !== undefined && more.length === 0) return only;
  if (only === undefined) throw badRequest(`a container name must be specified for pod ${podName}`);
  const choices = [`choose one of: [${containers.join(' ')}]`];
  if (init.length > 0) choices.push(`one of the init containers: [${init.join(' ')}]`);
  if (ephemeral.length > 0)
    choices.push(`one of the ephemeral containers: [${ephemeral.join(' ')}]`);
  throw badRequest(
    `a container name must be specified for pod ${podName}, ${choices.join(' or ')}`,
  );
}

const names = (containers: readonly { name: string }[] | undefined): string[] =>
  (containers ?? []).map((container) => container.name);

/** The pod a request names, as it is right now. */
export function findPod(store: ResourceStore, namespace: string, name: string): Promise<Pod> {
  return store.get<Pod>({ ...GVR.pods, namespace, name });
}

/** The kubelet that runs a pod. @throws ApiError 400 when the pod has no node */
export async function kubeletOfPod(lookup: KubeletLookup, pod: Pod): Promise<KubeletAddress> {
  const nodeName = pod.spec?.nodeName;
  if (!nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  return kubeletOfNode(lookup, nodeName);
}

/** The kubelet of a node. @throws ApiError 404 without the node, 500 when it has no address */
export async function kubeletOfNode(lookup: KubeletLookup, name: string): Promise<KubeletAddress> {
  const { store, addressTypes } = lookup;
  const cached = store.cache<Node>(GVR.nodes).get('', name);
  const node = cached ?? (await store.get<Node>({ ...GVR.nodes, namespace: '', name }));
  return addressOf(node, addressTypes);
}

/** Address and port out of a node's status. */
export function addressOf(node: Node, types: readonly string[]): KubeletAddress {
  const addresses = node.status?.addresses ?? [];
  const ranked = types.map((type) => addresses.find((one) => one.type === type));
  const host = ranked.find((one) => one?.address)?.address;
  if (!host) {
    const known = addresses.map(({ type, address }) => `{${type} ${address}}`).join(' ');
    throw unclassified(`no preferred addresses found; known addresses: [${known}]`);
  }
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port || DEFAULT_KUBELET_PORT;
  return { host, port };
}

/** A flag in a query as upstream reads it: whatever is there means yes, but `0` and `false` in any case. */
export function isSet(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  return text !== null && text !== '0' && text.toLowerCase() !== 'false';
}
