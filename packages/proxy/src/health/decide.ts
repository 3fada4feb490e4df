/**
 * What load balancers are told of this node, service by service. Pure. The contract is the Service documentation's
 * `healthCheckNodePort` ("Preserving the client source IP") and enhancement 3836.
 */
import type { EndpointSlice, Service } from '@kubets/api';
import { serviceKeyOf } from '../model/service-ports.ts';

/** One port of this node that answers for one service. */
export interface HealthPort {
  readonly port: number;
  readonly namespace: string;
  readonly name: string;
  /** Ready endpoints on this node, each address once. */
  readonly localEndpoints: number;
}

/** Health ports are for services whose traffic from outside stays on the node it came to. */
function healthPortOf({ spec }: Service): number {
  const isLocal = spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
  return isLocal ? (spec.healthCheckNodePort ?? 0) : 0;
}

function localAddresses(slices: readonly EndpointSlice[], nodeName: string): Set<string> {
  const found = new Set<string>();
  for (const { addressType, endpoints } of slices) {
    if (addressType !== 'IPv4') continue;
    for (const { addresses, conditions, nodeName: at } of endpoints ?? []) {
      const [address] = addresses;
      // Endpoints on their way out are not ready: a load balancer is to turn elsewhere before they are gone.
      if (at === nodeName && address !== undefined && conditions?.ready !== false) {
        found.add(address);
      }
    }
  }
  return found;
}

/**
 * The ports to answer on, in the order of services; of two services with one port the first has it.
 * @param nodeName this node, to tell which endpoints are local
 */
export function healthPorts(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  nodeName: string,
): HealthPort[] {
  const asking = new Map<string, Service>();
  for (const service of services) {
    const { namespace, name } = service.metadata;
    if (healthPortOf(service) > 0) asking.set(`${namespace}/${name}`, service);
  }
  const relevant = slices.filter((slice) => asking.has(serviceKeyOf(slice)));
  const byService = Map.groupBy(relevant, serviceKeyOf);
  const found = new Map<number, HealthPort>();
  for (const [key, service] of [...asking].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const port = healthPortOf(service);
    if (found.has(port)) continue;
    const { namespace = '', name = '' } = service.metadata;
    const localEndpoints = localAddresses(byService.get(key) ?? [], nodeName).size;
    found.set(port, { port, namespace, name, localEndpoints });
  }
  return [...found.values()];
}

/** An answer over HTTP. */
export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * What a load balancer is told: to send traffic here (200), or not (503).
 * @param isProxyHealthy whether the rules of this node follow the cluster
 */
export function healthAnswer(of: HealthPort, isProxyHealthy: boolean): HealthAnswer {
  const { namespace, name, localEndpoints } = of;
  return {
    status: localEndpoints > 0 && isProxyHealthy ? 200 : 503,
    headers: {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': `${localEndpoints}`,
    },
    body: JSON.stringify({
      service: { namespace, name },
      localEndpoints,
      serviceProxyHealthy: isProxyHealthy,
    }),
  };
}
