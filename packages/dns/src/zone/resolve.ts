import type { Answer, SoaData } from 'dns-packet';
import { CLUSTER_TTL_SECONDS } from '../limits.ts';
import {
  canonicalIp,
  dashed,
  labelsBelow,
  normalName,
  reverseAddress,
  undashedIPv4,
} from '../names.ts';
import type { ClusterView, EndpointInfo, ServiceInfo, ServicePort } from '../ports.ts';

/** The zone this server answers for. */
export interface Zone {
  /** Cluster domain in normal form, such as `cluster.local`. */
  domain: string;
  /** Address under which the cluster's name server is known. */
  serverIp: string;
}

/** What the cluster says to a question. */
export type Resolution =
  | { kind: 'answer'; answers: Answer[]; additionals?: Answer[] }
  /** The name exists, but not with records of this type. */
  | { kind: 'nodata' }
  | { kind: 'nxdomain' }
  /** An alias; the question goes on with `target`. */
  | { kind: 'alias'; answers: Answer[]; target: string }
  /** Not our name: ask elsewhere. */
  | { kind: 'outside' };

const NODATA: Resolution = { kind: 'nodata' };
const NXDOMAIN: Resolution = { kind: 'nxdomain' };
/** Version of the specification of DNS-based service discovery that the records follow. */
const SCHEMA_VERSION = '1.1.0';
const ttl = CLUSTER_TTL_SECONDS;

/** Context of one question below the zone. */
interface Ask {
  view: ClusterView;
  zone: Zone;
  /** As the client wrote it: answers carry the same spelling. */
  qname: string;
  type: string;
}

/**
 * Answers a question from the cluster's state, as the Kubernetes DNS specification lays down:
 * Services, their ports (SRV), endpoints of headless Services, pods by address, and addresses back
 * to names. Pure: no network, no clock.
 */
export function resolve(view: ClusterView, zone: Zone, qname: string, type: string): Resolution {
  const ask: Ask = { view, zone, qname, type };
  const name = normalName(qname);
  const labels = labelsBelow(name, zone.domain);
  if (labels) return resolveBelow(ask, labels);
  const ip = reverseAddress(name);
  return ip === undefined ? { kind: 'outside' } : resolveReverse(ask, ip);
}

function resolveBelow(ask: Ask, labels: string[]): Resolution {
  const path = [...labels].reverse();
  switch (path[0]) {
    case undefined:
      return apex(ask);
    case 'svc':
      return resolveService(ask, path.slice(1));
    case 'pod':
      return resolvePod(ask, path.slice(1));
    case 'dns':
      if (path.length === 1) return NODATA;
      if (path.length > 2 || path[1] !== 'ns') return NXDOMAIN;
      return addresses(ask, [ask.zone.serverIp]);
    case 'dns-version':
      if (path.length > 1) return NXDOMAIN;
      return ask.type === 'TXT' ? one(ask, { type: 'TXT', data: SCHEMA_VERSION }) : NODATA;
    default:
      return NXDOMAIN;
  }
}

function apex(ask: Ask): Resolution {
  if (ask.type === 'SOA') return { kind: 'answer', answers: [soaRecord(ask.zone)] };
  if (ask.type !== 'NS') return NODATA;
  return one(ask, { type: 'NS', data: `ns.dns.${ask.zone.domain}` });
}

/** The record that goes with every "no", so that resolvers know how long to remember it. */
export function soaRecord(zone: Zone): Answer {
  const data: SoaData = {
    mname: `ns.dns.${zone.domain}`,
    rname: `hostmaster.${zone.domain}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: CLUSTER_TTL_SECONDS,
  };
  return { type: 'SOA', name: zone.domain, ttl, data };
}

/** @param path labels after `svc`, outermost first: namespace, service, then endpoint or port */
function resolveService(ask: Ask, path: string[]): Resolution {
  const [namespace, name, third, fourth] = path;
  if (namespace === undefined) return NODATA;
  if (name === undefined) return ask.view.hasNamespace(namespace) ? NODATA : NXDOMAIN;
  const service = ask.view.service(namespace, name);
  if (!service || path.length > 4) return NXDOMAIN;
  if (third === undefined) return serviceName(ask, service);
  if (third.startsWith('_')) return portName(ask, service, { protocol: third, port: fourth });
  if (fourth !== undefined || service.externalName !== undefined) return NXDOMAIN;
  return endpointName(ask, service, third);
}

function serviceName(ask: Ask, service: ServiceInfo): Resolution {
  if (service.externalName !== undefined) {
    const target = normalName(service.externalName);
    const record: Answer = { type: 'CNAME', name: ask.qname, ttl, data: target };
    return { kind: 'alias', answers: [record], target };
  }
  const endpoints = service.headless ? endpointsOf(ask.view, service) : [];
  // A headless Service without ready endpoints has no name (specification §2.4.1).
  if (service.headless && endpoints.length === 0) return NXDOMAIN;
  if (ask.type === 'SRV') return srv(ask, service, () => true);
  const ips = service.headless ? endpoints.map((e) => e.ip) : service.clusterIps;
  return addresses(ask, ips);
}

/** `_port._protocol` below a Service. */
function portName(
  ask: Ask,
  service: ServiceInfo,
  asked: { protocol: string; port: string | undefined },
): Resolution {
  if (service.externalName !== undefined) return NXDOMAIN;
  const protocol = asked.protocol.slice(1);
  const ofProtocol = (p: ServicePort): boolean => p.protocol.toLowerCase() === protocol;
  const ports = service.headless
    ? endpointsOf(ask.view, service).flatMap((e) => e.ports)
    : service.ports;
  if (!ports.some(ofProtocol)) return NXDOMAIN;
  if (asked.port === undefined) return NODATA;
  if (!asked.port.startsWith('_')) return NXDOMAIN;
  const wanted = asked.port.slice(1);
  const matches = (p: ServicePort): boolean => ofProtocol(p) && p.name.toLowerCase() === wanted;
  if (!ports.some(matches)) return NXDOMAIN;
  return ask.type === 'SRV' ? srv(ask, service, matches) : NODATA;
}

/** A host name, or a dashed address, below a Service. */
function endpointName(ask: Ask, service: ServiceInfo, label: string): Resolution {
  const found = endpointsOf(ask.view, service).filter((e) => endpointLabel(e) === label);
  if (found.length === 0) return NXDOMAIN;
  return addresses(
    ask,
    found.map((e) => e.ip),
  );
}

const endpointsOf = (view: ClusterView, service: ServiceInfo): readonly EndpointInfo[] =>
  view.endpoints(service.namespace, service.name);

const endpointLabel = (endpoint: EndpointInfo): string =>
  endpoint.hostname?.toLowerCase() ?? dashed(endpoint.ip);

const serviceFqdn = (service: ServiceInfo, zone: Zone): string =>
  `${service.name}.${service.namespace}.svc.${zone.domain}`;

function srv(ask: Ask, service: ServiceInfo, matches: (p: ServicePort) => boolean): Resolution {
  const answers: Answer[] = [];
  const additionals: Answer[] = [];
  const fqdn = serviceFqdn(service, ask.zone);
  const add = (target: string, ports: readonly ServicePort[], ips: readonly string[]): void => {
    const chosen = ports.filter(matches);
    for (const { port } of chosen) {
      const data = { priority: 0, weight: 100, port, target };
      answers.push({ type: 'SRV', name: ask.qname, ttl, data });
    }
    if (chosen.length > 0) for (const ip of ips) additionals.push(addressRecord(target, ip));
  };
  if (service.headless) {
    for (const endpoint of endpointsOf(ask.view, service)) {
      add(`${endpointLabel(endpoint)}.${fqdn}`, endpoint.ports, [endpoint.ip]);
    }
  } else add(fqdn, service.ports, service.clusterIps);
  return answers.length === 0 ? NODATA : { kind: 'answer', answers, additionals };
}

/** `1-2-3-4.NAMESPACE.pod`: the address is in the name; only the namespace is looked up. */
function resolvePod(ask: Ask, path: string[]): Resolution {
  const [namespace, label] = path;
  if (namespace === undefined) return NODATA;
  if (!ask.view.hasNamespace(namespace) || path.length > 2) return NXDOMAIN;
  if (label === undefined) return NODATA;
  const ip = undashedIPv4(label);
  return ip === undefined ? NXDOMAIN : addresses(ask, [ip]);
}

function resolveReverse(ask: Ask, ip: string): Resolution {
  const address = canonicalIp(ip);
  const targets = ask.view.servicesByIp(address).map((service) => serviceFqdn(service, ask.zone));
  for (const { service, endpoint } of ask.view.endpointsByIp(address)) {
    if (!service.headless && endpoint.hostname === undefined) continue;
    targets.push(`${endpointLabel(endpoint)}.${serviceFqdn(service, ask.zone)}`);
  }
  if (targets.length === 0) return { kind: 'outside' };
  if (ask.type !== 'PTR') return NODATA;
  const answers = targets.map((data): Answer => ({ type: 'PTR', name: ask.qname, ttl, data }));
  return { kind: 'answer', answers };
}

/** The addresses of the family asked for. A name with only the other family is NODATA. */
function addresses(ask: Ask, ips: readonly string[]): Resolution {
  const wanted = [...new Set(ips)].filter((ip) => addressType(ip) === ask.type);
  if (wanted.length === 0) return NODATA;
  return { kind: 'answer', answers: wanted.map((ip) => addressRecord(ask.qname, ip)) };
}

const addressType = (ip: string): 'A' | 'AAAA' => (ip.includes(':') ? 'AAAA' : 'A');

const addressRecord = (name: string, ip: string): Answer => ({
  type: addressType(ip),
  name,
  ttl,
  data: ip,
});

function one(ask: Ask, record: { type: 'NS' | 'TXT'; data: string }): Resolution {
  return { kind: 'answer', answers: [{ ...record, name: ask.qname, ttl }] };
}
