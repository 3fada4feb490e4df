import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from '@kubets/api';
import { MAX_ENDPOINTS_PER_OBJECT } from '../limits.ts';
import { sameJson } from '../objects/json.ts';
import {
  annotationsOf,
  compareText,
  isDeleting,
  labelsOf,
  nameOf,
  namespaceOf,
  uidOf,
} from '../objects/meta.ts';
import { isReady } from '../objects/pods.ts';
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
} from './pods.ts';
import { HEADLESS_LABEL } from './slices.ts';

export const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';

interface Group {
  ports: ResolvedPort[];
  ready: EndpointAddress[];
  notReady: EndpointAddress[];
}

/**
 * The Endpoints object that shows the pods, or `undefined` when the present one does already. Pods
 * on their way out are left out, unless the Service publishes addresses that are not ready.
 */
export function decideEndpoints(
  service: Service,
  pods: readonly Pod[],
  present: Endpoints | undefined,
): Endpoints | undefined {
  const { subsets, isCut } = subsetsOf(service, pods);
  const labels = {
    ...labelsOf(service),
    ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}),
  };
  const annotations = { ...(present ? annotationsOf(present) : {}) };
  if (isCut) annotations[OVER_CAPACITY] = 'truncated';
  else delete annotations[OVER_CAPACITY];
  const same =
    present !== undefined &&
    sameJson(present.subsets ?? [], subsets) &&
    sameJson(labelsOf(present), labels) &&
    sameJson(annotationsOf(present), annotations);
  if (same) return undefined;
  const { name, namespace } = { name: nameOf(service), namespace: namespaceOf(service) };
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { ...present?.metadata, name, namespace, labels, annotations },
    subsets,
  };
}

function subsetsOf(
  service: Service,
  pods: readonly Pod[],
): { subsets: EndpointSubset[]; isCut: boolean } {
  const groups = new Map<string, Group>();
  const family = familiesOf(service)[0] ?? 'IPv4';
  const publishes = service.spec?.publishNotReadyAddresses === true;
  let count = 0;
  let isCut = false;
  // A namespace may hold thousands of pods of others: they are left out before anything is sorted.
  const selected = pods.filter(podMatcher(service));
  for (const pod of selected.sort((a, b) => compareText(nameOf(a), nameOf(b)))) {
    const ip = addressesOf(pod, family)[0];
    if (ip === undefined || !canServe(pod)) continue;
    if (isDeleting(pod) && !publishes) continue;
    if (count === MAX_ENDPOINTS_PER_OBJECT) {
      isCut = true;
      break;
    }
    const ports = resolvePorts(service, pod);
    if (ports.length === 0 && !isHeadless(service)) continue;
    count++;
    const group = groupOf(groups, ports);
    (publishes || isReady(pod) ? group.ready : group.notReady).push(addressOf(service, pod, ip));
  }
  const sorted = [...groups.entries()].sort(([a], [b]) => compareText(a, b));
  return { subsets: sorted.map(([, group]) => subsetOf(group)), isCut };
}

function groupOf(groups: Map<string, Group>, ports: ResolvedPort[]): Group {
  const key = portsKey(ports);
  const known = groups.get(key);
  if (known) return known;
  const group: Group = { ports, ready: [], notReady: [] };
  groups.set(key, group);
  return group;
}

function addressOf(service: Service, pod: Pod, ip: string): EndpointAddress {
  const hostname = hostnameUnder(service, pod);
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace: namespaceOf(pod), name: nameOf(pod), uid: uidOf(pod) },
  };
}

function subsetOf(group: Group): EndpointSubset {
  const byIp = (a: EndpointAddress, b: EndpointAddress): number => compareText(a.ip, b.ip);
  const ports = group.ports
    .map((p) => {
      const { name, ...rest } = p;
      return name === '' ? rest : { name, ...rest };
    })
    .sort((a, b) => compareText(portText(a), portText(b)));
  return {
    ...(group.ready.length > 0 ? { addresses: group.ready.sort(byIp) } : {}),
    ...(group.notReady.length > 0 ? { notReadyAddresses: group.notReady.sort(byIp) } : {}),
    ...(ports.length > 0 ? { ports } : {}),
  };
}

const portText = (p: { name?: string; port: number }): string => `${p.name ?? ''}/${p.port}`;
