import type {
  Endpoint,
  EndpointAddress,
  EndpointPort,
  EndpointPortDiscovery,
  EndpointSlice,
  EndpointSubset,
  Endpoints,
  Service,
} from '@kubets/api';
import { SERVICE_NAME_LABEL } from '../host/informers.ts';
import { MAX_MIRRORED_ADDRESSES } from '../limits.ts';
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
import { familyOf, portsKey, type ResolvedPort } from './pods.ts';
import { MANAGED_BY_LABEL, type SliceChanges } from './slices.ts';

export const MIRROR_MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SKIP_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';
const ENDPOINTS_KIND = { apiVersion: 'v1', kind: 'Endpoints' } as const;
const NAME_HASH_LENGTH = 5;
const NOT_MIRRORED: ReadonlySet<string> = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]);

export interface MirrorView {
  /** The Service of the same name, if there is one. */
  service: Service | undefined;
  endpoints: Endpoints | undefined;
  /** Slices made of this object before. */
  slices: readonly EndpointSlice[];
}

interface Group {
  addressType: 'IPv4' | 'IPv6';
  ports: ResolvedPort[];
  /** By address: one that is listed twice is one endpoint. */
  endpoints: Map<string, Endpoint>;
}

/**
 * Shows Endpoints that somebody wrote for a Service without a selector as slices, since that is where
 * proxies and name servers look (KEP-0752). One slice a set of ports and address family.
 */
export function decideMirror(view: MirrorView): SliceChanges {
  const { endpoints } = view;
  const changes: SliceChanges = { create: [], update: [], delete: [] };
  const open = new Map<string, EndpointSlice>();
  for (const slice of [...view.slices].sort((a, b) => compareText(nameOf(a), nameOf(b)))) {
    const key = groupKey(slice.addressType, (slice.ports ?? []).map(resolved));
    if (open.has(key)) changes.delete.push(slice);
    else open.set(key, slice);
  }
  const groups = endpoints && isMirrored(view) ? groupsOf(endpoints) : new Map<string, Group>();
  for (const [key, group] of groups) {
    const slice = open.get(key);
    open.delete(key);
    if (!endpoints) continue;
    const wanted = sliceOf(endpoints, group, slice);
    if (!slice) changes.create.push(wanted);
    else if (!isSame(slice, wanted)) changes.update.push(wanted);
  }
  changes.delete.push(...open.values());
  return changes;
}

/** Services with a selector have slices of their own; some objects ask not to be shown. */
function isMirrored({ service, endpoints }: MirrorView): boolean {
  if (!service || !endpoints || isDeleting(endpoints)) return false;
  if (service.spec?.selector !== undefined) return false;
  if (labelsOf(endpoints)[SKIP_LABEL] === 'true') return false;
  return annotationsOf(endpoints)[LEADER_ANNOTATION] === undefined;
}

function groupsOf(endpoints: Endpoints): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const subset of endpoints.subsets ?? []) addSubset(groups, subset);
  return groups;
}

function addSubset(groups: Map<string, Group>, subset: EndpointSubset): void {
  const ports = (subset.ports ?? []).map(resolved);
  const all = [
    ...(subset.addresses ?? []).map((address) => ({ address, ready: true })),
    ...(subset.notReadyAddresses ?? []).map((address) => ({ address, ready: false })),
  ];
  for (const { address, ready } of all.slice(0, MAX_MIRRORED_ADDRESSES)) {
    const addressType = familyOf(address.ip);
    const key = groupKey(addressType, ports);
    const group = groups.get(key) ?? { addressType, ports, endpoints: new Map() };
    groups.set(key, group);
    group.endpoints.set(address.ip, endpointOf(address, ready));
  }
}

function endpointOf(address: EndpointAddress, ready: boolean): Endpoint {
  const { ip, hostname, nodeName, targetRef } = address;
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(targetRef ? { targetRef } : {}),
    ...(nodeName ? { nodeName } : {}),
  };
}

const resolved = (port: EndpointPort | EndpointPortDiscovery): ResolvedPort => ({
  name: port.name ?? '',
  port: port.port ?? 0,
  protocol: port.protocol ?? 'TCP',
  ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
});

const groupKey = (addressType: string, ports: readonly ResolvedPort[]): string =>
  `${addressType} ${portsKey(ports)}`;

function sliceOf(
  endpoints: Endpoints,
  group: Group,
  present: EndpointSlice | undefined,
): EndpointSlice {
  const seed = [uidOf(endpoints), group.addressType, portsKey(group.ports)];
  const annotations = Object.entries(annotationsOf(endpoints));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${nameOf(endpoints)}-`,
      ...present?.metadata,
      name: present ? nameOf(present) : `${nameOf(endpoints)}-${shortHash(seed, NAME_HASH_LENGTH)}`,
      namespace: namespaceOf(endpoints),
      labels: {
        ...labelsOf(endpoints),
        [SERVICE_NAME_LABEL]: nameOf(endpoints),
        [MANAGED_BY_LABEL]: MIRROR_MANAGER,
      },
      annotations: Object.fromEntries(annotations.filter(([key]) => !NOT_MIRRORED.has(key))),
      ownerReferences: [newControllerRef(endpoints, ENDPOINTS_KIND)],
    },
    addressType: group.addressType,
    endpoints: [...group.endpoints.values()].sort(byAddress),
    ports: group.ports.map((port) => ({ ...port })),
  };
}

const byAddress = (a: Endpoint, b: Endpoint): number =>
  compareText(a.addresses[0] ?? '', b.addresses[0] ?? '');

function isSame(present: EndpointSlice, wanted: EndpointSlice): boolean {
  return (
    sameJson([...(present.endpoints ?? [])].sort(byAddress), wanted.endpoints) &&
    sameJson(labelsOf(present), wanted.metadata.labels) &&
    sameJson(annotationsOf(present), wanted.metadata.annotations) &&
    sameJson(present.metadata.ownerReferences ?? [], wanted.metadata.ownerReferences)
  );
}
