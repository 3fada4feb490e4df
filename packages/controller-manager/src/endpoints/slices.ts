import type { Endpoint, EndpointPort, EndpointSlice, Pod, Service } from '@kubets/api';
import { SERVICE_NAME_LABEL } from '../host/informers.ts';
import { MAX_ENDPOINTS_PER_SLICE } from '../limits.ts';
import { shortHash } from '../objects/hash.ts';
import { sameJson } from '../objects/json.ts';
import {
  annotationsOf,
  compareText,
  isDeleting,
  labelsOf,
  nameOf,
  namespaceOf,
  newControllerRef,
  uidOf,
} from '../objects/meta.ts';
import {
  addressesOf,
  canServe,
  familiesOf,
  hostnameUnder,
  isHeadless,
  podMatcher,
  portsKey,
  type ResolvedPort,
  resolvePorts,
  servingConditions,
} from './pods.ts';

export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.k8s.io';
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';
const SERVICE_KIND = { apiVersion: 'v1', kind: 'Service' } as const;
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';
const NAME_HASH_LENGTH = 5;

/** What must change so that the slices show the pods. */
export interface SliceChanges {
  create: EndpointSlice[];
  update: EndpointSlice[];
  delete: EndpointSlice[];
}

export interface SliceView {
  service: Service;
  pods: readonly Pod[];
  /** Slices of this Service that this controller made. */
  slices: readonly EndpointSlice[];
  /** Zone of a node, when the cluster has zones. */
  zoneOf(node: string): string | undefined;
  hasNode(node: string): boolean;
}

/** Nobody can reach a pod whose node is gone; a Service that publishes all addresses shows it still. */
function isStray({ service, hasNode }: SliceView, pod: Pod): boolean {
  const node = pod.spec?.nodeName;
  return Boolean(node) && service.spec?.publishNotReadyAddresses !== true && !hasNode(node ?? '');
}

/** A pod left out because its node is not there, or not seen yet. */
export function strayPod(view: SliceView): Pod | undefined {
  const isSelected = podMatcher(view.service);
  return view.pods.find((pod) => isStray(view, pod) && isSelected(pod) && canServe(pod));
}

interface Group {
  addressType: 'IPv4' | 'IPv6';
  ports: ResolvedPort[];
  endpoints: Map<string, Endpoint>;
}

/**
 * Lays a Service's endpoints out over slices of at most {@link MAX_ENDPOINTS_PER_SLICE}. Endpoints
 * stay in the slice they are in, so that one pod's change rewrites one slice.
 *
 * Slices have names that follow from the Service and a number. Two controllers, or one with a stale
 * cache, can therefore not make the same slice twice under different names.
 */
export function decideSlices(view: SliceView): SliceChanges {
  const changes: SliceChanges = { create: [], update: [], delete: [] };
  const groups = groupEndpoints(view);
  const usable = new Map<string, EndpointSlice[]>();
  for (const slice of [...view.slices].sort((a, b) => compareText(nameOf(a), nameOf(b)))) {
    if (isDeleting(slice)) continue;
    const key = groupKey(slice.addressType, slicePorts(slice));
    if (!groups.has(key)) changes.delete.push(slice);
    else usable.set(key, [...(usable.get(key) ?? []), slice]);
  }
  const names = new Set(view.slices.map(nameOf));
  for (const [key, group] of groups) {
    layOut(view.service, group, { kept: usable.get(key) ?? [], names, changes });
  }
  return changes;
}

function groupEndpoints(view: SliceView): Map<string, Group> {
  const groups = new Map<string, Group>();
  const { service } = view;
  const isSelected = podMatcher(service);
  for (const pod of view.pods) {
    if (!isSelected(pod) || !canServe(pod) || isStray(view, pod)) continue;
    const ports = resolvePorts(service, pod);
    for (const family of familiesOf(service)) {
      const addresses = addressesOf(pod, family);
      if (addresses.length === 0) continue;
      const group = groupOf(groups, family, ports);
      group.endpoints.set(uidOf(pod), endpointOf(view, pod, addresses));
    }
  }
  // A Service without pods keeps one empty slice: "no endpoints" is an answer, not an absence.
  if (groups.size === 0) {
    const none: ResolvedPort[] = [];
    for (const family of familiesOf(service)) groupOf(groups, family, none);
  }
  return groups;
}

function groupOf(
  groups: Map<string, Group>,
  addressType: 'IPv4' | 'IPv6',
  ports: ResolvedPort[],
): Group {
  const key = groupKey(addressType, ports);
  const known = groups.get(key);
  if (known) return known;
  const group: Group = { addressType, ports, endpoints: new Map() };
  groups.set(key, group);
  return group;
}

const groupKey = (addressType: string, ports: readonly ResolvedPort[]): string =>
  `${addressType} ${portsKey(ports)}`;

function slicePorts(slice: EndpointSlice): ResolvedPort[] {
  return (slice.ports ?? []).map((p) => ({
    name: p.name ?? '',
    port: p.port ?? 0,
    protocol: p.protocol ?? 'TCP',
    ...(p.appProtocol === undefined ? {} : { appProtocol: p.appProtocol }),
  }));
}

function endpointOf(view: SliceView, pod: Pod, addresses: string[]): Endpoint {
  const node = pod.spec?.nodeName;
  const zone = node === undefined ? undefined : view.zoneOf(node);
  const hostname = hostnameUnder(view.service, pod);
  return {
    addresses,
    conditions: servingConditions(view.service, pod),
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: {
      kind: 'Pod',
      namespace: namespaceOf(pod),
      name: nameOf(pod),
      uid: uidOf(pod),
    },
    ...(node ? { nodeName: node } : {}),
    ...(zone === undefined ? {} : { zone }),
    // Whoever passes on to the Service keeps to the zone where it can.
    ...(zone !== undefined && prefersClose(view.service)
      ? { hints: { forZones: [{ name: zone }] } }
      : {}),
  };
}

/** `spec.trafficDistribution`; the older annotation goes before it, and is not followed here. */
function prefersClose(service: Service): boolean {
  const mode = annotationsOf(service)[TOPOLOGY_MODE] ?? 'Disabled';
  return mode.toLowerCase() === 'disabled' && service.spec?.trafficDistribution === 'PreferClose';
}

interface Layout {
  kept: readonly EndpointSlice[];
  names: Set<string>;
  changes: SliceChanges;
}

function layOut(service: Service, group: Group, layout: Layout): void {
  const wanted = new Map(group.endpoints);
  const contents = layout.kept.map((slice) => ({ slice, endpoints: takeKnown(slice, wanted) }));
  const rest = [...wanted.values()];
  for (const content of contents) {
    const room = MAX_ENDPOINTS_PER_SLICE - content.endpoints.length;
    if (room > 0) content.endpoints.push(...rest.splice(0, room));
  }
  let filled = contents.filter((c) => c.endpoints.length > 0);
  // Empty slices go, but the last one stays when there is nothing else to show.
  const spare = contents[0];
  if (filled.length === 0 && rest.length === 0 && spare) filled = [spare];
  for (const { slice, endpoints } of contents) {
    if (!filled.some((f) => f.slice === slice)) layout.changes.delete.push(slice);
    else updateIfChanged(service, group, { slice, endpoints, changes: layout.changes });
  }
  const chunks: Endpoint[][] = filled.length === 0 && rest.length === 0 ? [[]] : [];
  while (rest.length > 0) chunks.push(rest.splice(0, MAX_ENDPOINTS_PER_SLICE));
  for (const endpoints of chunks) {
    const name = freeName(service, group, layout.names);
    layout.changes.create.push(newSlice(service, group, { name, endpoints }));
  }
}

/** The slice's endpoints that are still wanted, as they should be now; takes them out of `wanted`. */
function takeKnown(slice: EndpointSlice, wanted: Map<string, Endpoint>): Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const endpoint of slice.endpoints ?? []) {
    const uid = endpoint.targetRef?.uid ?? '';
    const next = wanted.get(uid);
    if (!next || endpoints.length >= MAX_ENDPOINTS_PER_SLICE) continue;
    endpoints.push(next);
    wanted.delete(uid);
  }
  return endpoints;
}

function updateIfChanged(
  service: Service,
  group: Group,
  next: { slice: EndpointSlice; endpoints: Endpoint[]; changes: SliceChanges },
): void {
  const { slice, endpoints } = next;
  const fresh = newSlice(service, group, { name: nameOf(slice), endpoints });
  const same =
    sameJson(slice.endpoints ?? [], endpoints) &&
    sameJson(labelsOf(slice), fresh.metadata.labels) &&
    sameJson(slice.metadata.ownerReferences ?? [], fresh.metadata.ownerReferences);
  if (same) return;
  const { labels, ownerReferences } = fresh.metadata;
  const metadata = { ...slice.metadata, labels, ownerReferences };
  next.changes.update.push({ ...slice, metadata, endpoints });
}

function freeName(service: Service, group: Group, taken: Set<string>): string {
  for (let n = 0; ; n++) {
    const seed = [uidOf(service), group.addressType, portsKey(group.ports), n];
    const name = `${nameOf(service)}-${shortHash(seed, NAME_HASH_LENGTH)}`;
    if (taken.has(name)) continue;
    taken.add(name);
    return name;
  }
}

function newSlice(
  service: Service,
  group: Group,
  facts: { name: string; endpoints: Endpoint[] },
): EndpointSlice {
  const ports: EndpointPort[] = group.ports.map((p) => ({ ...p }));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: facts.name,
      generateName: `${nameOf(service)}-`,
      namespace: namespaceOf(service),
      labels: sliceLabels(service),
      ownerReferences: [newControllerRef(service, SERVICE_KIND)],
    },
    addressType: group.addressType,
    endpoints: facts.endpoints,
    ports,
  };
}

function sliceLabels(service: Service): Record<string, string> {
  return {
    ...labelsOf(service),
    [SERVICE_NAME_LABEL]: nameOf(service),
    [MANAGED_BY_LABEL]: MANAGER,
    ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}),
  };
}
