import { isIPv4 } from 'node:net';
import type { EndpointSlice, Service } from '@kubets/api';
import type { Protocol, ProxyEndpoint, ProxyServicePort } from '../ports.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const DEFAULT_AFFINITY_SECONDS = 10_800;

type SpecPort = NonNullable<NonNullable<Service['spec']>['ports']>[number];

/** The key of the service a slice belongs to. */
export function serviceKeyOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}

const protocolOf = (text: string | undefined): Protocol | undefined => {
  const lower = (text ?? 'TCP').toLowerCase();
  return lower === 'tcp' || lower === 'udp' || lower === 'sctp' ? lower : undefined;
};

/** What tells a node which endpoints are near. */
export interface NodePlace {
  readonly name: string;
  /** Absent: not known, or none. */
  readonly zone?: string | undefined;
}

/** An endpoint, and the zones it is meant for. */
interface Hinted extends ProxyEndpoint {
  readonly zones: readonly string[];
}

/**
 * Keeps to the zones endpoints are meant for, if that leaves this node something: every ready endpoint must say what it is meant
 * for, and one of them must be for this node's zone (Kubernetes documentation, "Topology Aware Routing: constraints"; traffic
 * distribution, enhancement 4444, writes the same hints).
 */
function byZone(found: readonly Hinted[], zone: string | undefined): ProxyEndpoint[] {
  const ready = found.filter((one) => one.ready);
  const isFor = ({ zones }: Hinted): boolean => zone !== undefined && zones.includes(zone);
  const isKept = ready.every(({ zones }) => zones.length > 0) && ready.some(isFor);
  return found.map(({ zones, ...endpoint }) => ({
    ...endpoint,
    elsewhere: isKept && !isFor({ zones, ...endpoint }),
  }));
}

function endpointsOf(
  slices: readonly EndpointSlice[],
  port: SpecPort,
  node: NodePlace,
): ProxyEndpoint[] {
  const found = new Map<string, Hinted>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const target = (slice.ports ?? []).find(
      (one) =>
        (one.name ?? '') === (port.name ?? '') &&
        protocolOf(one.protocol) === protocolOf(port.protocol),
    );
    if (target?.port === undefined) continue;
    for (const { addresses, conditions, nodeName: at, hints } of slice.endpoints) {
      const [ip] = addresses;
      if (ip === undefined) continue;
      // Absent conditions count as ready and serving.
      const ready = conditions?.ready ?? true;
      const serving = conditions?.serving ?? ready;
      const servingTerminating = serving && conditions?.terminating === true;
      const local = at !== undefined && at === node.name;
      found.set(`${ip}:${target.port}`, {
        ip,
        port: target.port,
        ready,
        servingTerminating,
        local,
        elsewhere: false,
        zones: (hints?.forZones ?? []).map(({ name }) => name),
      });
    }
  }
  const sorted = [...found.values()].sort((a, b) =>
    `${a.ip}:${a.port}` < `${b.ip}:${b.port}` ? -1 : 1,
  );
  return byZone(sorted, node.zone);
}

function loadBalancerIPs({ status }: Service): string[] {
  return (status?.loadBalancer?.ingress ?? [])
    .filter(({ ipMode }) => ipMode !== 'Proxy')
    .flatMap(({ ip }) => (ip !== undefined && isIPv4(ip) ? [ip] : []));
}

/** Whether there is an address to be had: headless and external names have none. */
function hasVirtualIP({ spec }: Service): boolean {
  return spec?.type !== 'ExternalName' && isIPv4(spec?.clusterIP ?? '');
}

function portsOf(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodePlace,
): ProxyServicePort[] {
  const { spec, metadata } = service;
  if (spec === undefined || !hasVirtualIP(service)) return [];
  const sticky = spec.sessionAffinity === 'ClientIP';
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  return (spec.ports ?? []).flatMap((port): ProxyServicePort[] => {
    const protocol = protocolOf(port.protocol);
    if (protocol === undefined) return [];
    const suffix = port.name ? `:${port.name}` : '';
    return [
      {
        name: `${metadata.namespace}/${metadata.name}${suffix}`,
        protocol,
        clusterIP: spec.clusterIP ?? '',
        port: port.port,
        nodePort: port.nodePort ?? 0,
        externalIPs: (spec.externalIPs ?? []).filter((ip) => isIPv4(ip)),
        loadBalancerIPs: loadBalancerIPs(service),
        sourceRanges: (spec.loadBalancerSourceRanges ?? []).map((range) => range.trim()),
        internalLocal: spec.internalTrafficPolicy === 'Local',
        externalLocal: spec.externalTrafficPolicy === 'Local',
        affinitySeconds: sticky ? seconds : 0,
        endpoints: endpointsOf(slices, port, node),
      },
    ];
  });
}

/**
 * What a node has to route: every port of every service that has an IPv4 address, in the order of names. Pure.
 * @param node this one, to tell which endpoints are local, and which are near
 */
export function servicePorts(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  node: NodePlace,
): ProxyServicePort[] {
  const byService = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const list = byService.get(serviceKeyOf(slice)) ?? [];
    byService.set(serviceKeyOf(slice), list);
    list.push(slice);
  }
  return services
    .flatMap((service) => {
      const key = `${service.metadata.namespace}/${service.metadata.name}`;
      return portsOf(service, byService.get(key) ?? [], node);
    })
    .sort((a, b) => (`${a.name}/${a.protocol}` < `${b.name}/${b.protocol}` ? -1 : 1));
}

/** Endpoints that get traffic: ready ones, or those on their way out that still answer when there are no others. */
export function usable(endpoints: readonly ProxyEndpoint[]): ProxyEndpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  const near = ready.filter((endpoint) => !endpoint.elsewhere);
  return ready.length > 0 ? near : endpoints.filter((endpoint) => endpoint.servingTerminating);
}

/** The same, of this node only, whatever zone they are meant for. */
export function usableLocal(endpoints: readonly ProxyEndpoint[]): ProxyEndpoint[] {
  const local = endpoints.filter((endpoint) => endpoint.local);
  return usable(local.map((endpoint) => ({ ...endpoint, elsewhere: false })));
}
