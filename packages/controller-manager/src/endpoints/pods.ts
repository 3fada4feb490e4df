import type { Pod, Service } from '@kubets/api';
import { compareText, isDeleting, nameOf } from '../objects/meta.ts';
import { isFinished, isReady } from '../objects/pods.ts';

/** A port of a Service as one pod serves it. */
export interface ResolvedPort {
  name: string;
  port: number;
  protocol: string;
  appProtocol?: string;
}

/** Services with a selector have their endpoints made here; all others are kept by someone else. */
export function isManaged(service: Service): boolean {
  const spec = service.spec;
  if (!spec || spec.type === 'ExternalName') return false;
  return spec.selector !== undefined && Object.keys(spec.selector).length > 0;
}

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === 'None';

/** Whether the Service's selector matches a pod's labels. */
export function podMatcher(service: Service): (pod: Pod) => boolean {
  const wanted = Object.entries(service.spec?.selector ?? {});
  return ({ metadata: { labels } }) => wanted.every(([key, value]) => labels?.[key] === value);
}

/** Has an address and may still serve. */
export function canServe(pod: Pod): boolean {
  return !isFinished(pod) && Boolean(pod.status?.podIP);
}

/**
 * The ports as this pod serves them. A named target port is looked up in the pod's containers
 * (side-car init containers included) and left out when the pod has none of that name.
 */
export function resolvePorts(service: Service, pod: Pod): ResolvedPort[] {
  const ports: ResolvedPort[] = [];
  for (const declared of service.spec?.ports ?? []) {
    const protocol = declared.protocol ?? 'TCP';
    const port = targetPort(declared.targetPort ?? declared.port, protocol, pod);
    if (port === undefined) continue;
    const { appProtocol } = declared;
    ports.push({
      name: declared.name ?? '',
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    });
  }
  return ports;
}

function targetPort(target: number | string, protocol: string, pod: Pod): number | undefined {
  if (typeof target === 'number') return target;
  const sidecars = (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    for (const port of container.ports ?? []) {
      if (port.name === target && (port.protocol ?? 'TCP') === protocol) return port.containerPort;
    }
  }
  return undefined;
}

/** The pod's own DNS name below a headless Service; only for pods that ask for that Service. */
export function hostnameUnder(service: Service, pod: Pod): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  return hostname && subdomain === nameOf(service) ? hostname : undefined;
}

/** What an address may be used for. `serving` ignores that the pod is on its way out. */
export function servingConditions(
  service: Service,
  pod: Pod,
): { ready: boolean; serving: boolean; terminating: boolean } {
  const terminating = isDeleting(pod);
  const serving = isReady(pod);
  const publishes = service.spec?.publishNotReadyAddresses === true;
  return { ready: publishes || (serving && !terminating), serving, terminating };
}

/** Addresses of the pod in one IP family. */
export function addressesOf(pod: Pod, family: 'IPv4' | 'IPv6'): string[] {
  const all = pod.status?.podIPs?.map((p) => p.ip) ?? [];
  if (all.length === 0 && pod.status?.podIP) all.push(pod.status.podIP);
  return all.filter((ip) => ip !== undefined && familyOf(ip) === family).slice(0, 1);
}

export const familyOf = (ip: string): 'IPv4' | 'IPv6' => (ip.includes(':') ? 'IPv6' : 'IPv4');

/** Families the Service asks for; IPv4 when it does not say. */
export function familiesOf(service: Service): ('IPv4' | 'IPv6')[] {
  const families = service.spec?.ipFamilies ?? [];
  const known = families.filter((f) => f === 'IPv4' || f === 'IPv6');
  return known.length > 0 ? known : ['IPv4'];
}

/** One spelling per set of ports, independent of order. */
export function portsKey(ports: readonly ResolvedPort[]): string {
  return ports
    .map((p) => `${p.name}/${p.protocol}/${p.port}/${p.appProtocol ?? ''}`)
    .sort(compareText)
    .join(',');
}
