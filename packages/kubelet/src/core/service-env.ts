/** Environment variables that tell a container where Services are: `NAME_SERVICE_HOST` and the older link style. Pure. */
import type { Service, ServicePort } from '@kubets/api';
import { nameOf, namespaceOf } from './pod.ts';

const MASTER_NAMESPACE = 'default';
const MASTER_NAME = 'kubernetes';

const upper = (name: string): string => name.toUpperCase().replaceAll('-', '_');

function hostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function linkVariables(
  prefix: string,
  ip: string,
  ports: readonly ServicePort[],
): [string, string][] {
  const out: [string, string][] = [];
  ports.forEach((port, index) => {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${hostPort(ip, port.port)}`;
    if (index === 0) out.push([`${prefix}_PORT`, url]);
    const base = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    out.push(
      [base, url],
      [`${base}_PROTO`, protocol.toLowerCase()],
      [`${base}_PORT`, String(port.port)],
      [`${base}_ADDR`, ip],
    );
  });
  return out;
}

function variablesOf(service: Service): [string, string][] {
  const ip = service.spec?.clusterIP ?? '';
  const ports = service.spec?.ports ?? [];
  const [first] = ports;
  if (ip === '' || ip === 'None' || first === undefined) return [];
  const prefix = upper(nameOf(service));
  const out: [string, string][] = [
    [`${prefix}_SERVICE_HOST`, ip],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
  ];
  for (const { name, port } of ports) {
    if (name) out.push([`${prefix}_SERVICE_PORT_${upper(name)}`, String(port)]);
  }
  return [...out, ...linkVariables(prefix, ip, ports)];
}

/**
 * @param namespace the pod's
 * @param links whether the pod wants all Services of its namespace; the API server's own is always told
 */
export function serviceEnv(
  services: readonly Service[],
  namespace: string,
  links: boolean,
): ReadonlyMap<string, string> {
  const isMaster = (one: Service): boolean =>
    namespaceOf(one) === MASTER_NAMESPACE && nameOf(one) === MASTER_NAME;
  const own = services.filter((one) => links && namespaceOf(one) === namespace && !isMaster(one));
  const ordered = [...services.filter(isMaster), ...own];
  return new Map(ordered.flatMap(variablesOf));
}
