/** Rows of services, endpoints, ingresses and network policies. */
import type {
  EndpointSlice,
  Endpoints,
  Ingress,
  IngressClass,
  NetworkPolicy,
  Service,
} from '../generated/types.ts';
import {
  type Cell,
  firstFew,
  hostPort,
  labelsText,
  NONE,
  selectorText,
  since,
  UNSET,
} from './cells.ts';

function externalText(service: Service): string {
  const spec = service.spec ?? {};
  const external = spec.externalIPs ?? [];
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  if (spec.type !== 'LoadBalancer') return external.join(',') || NONE;
  const balancer = (service.status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname);
  return [...new Set([...balancer, ...external])].filter((t) => t).join(',') || '<pending>';
}

function portsText(service: Service): string {
  const ports = (service.spec?.ports ?? []).map((p) => {
    const node = p.nodePort ? `:${p.nodePort}` : '';
    return `${p.port}${node}/${p.protocol}`;
  });
  return ports.join(',') || NONE;
}

export function serviceCells(s: Service, nowMs: number): Cell[] {
  return [
    s.metadata.name ?? '',
    s.spec?.type ?? '',
    s.spec?.clusterIPs?.[0] || s.spec?.clusterIP || NONE,
    externalText(s),
    portsText(s),
    since(s.metadata.creationTimestamp, nowMs),
    labelsText(s.spec?.selector),
  ];
}

export function endpointsCells(e: Endpoints, nowMs: number): Cell[] {
  const all: string[] = [];
  for (const subset of e.subsets ?? []) {
    const ports = subset.ports ?? [];
    if (ports.length === 0) all.push(...(subset.addresses ?? []).map((a) => a.ip));
    for (const port of ports) {
      all.push(...(subset.addresses ?? []).map((a) => hostPort(a.ip, port.port)));
    }
  }
  const text = all.length === 0 ? NONE : firstFew(all, 3);
  return [e.metadata.name ?? '', text, since(e.metadata.creationTimestamp, nowMs)];
}

export function endpointSliceCells(s: EndpointSlice, nowMs: number): Cell[] {
  const ports = (s.ports ?? []).map((p) => (p.port === undefined ? '*' : String(p.port)));
  const addresses = (s.endpoints ?? []).flatMap((e) => e.addresses ?? []);
  return [
    s.metadata.name ?? '',
    s.addressType,
    ports.length === 0 ? UNSET : firstFew(ports, 3),
    addresses.length === 0 ? UNSET : firstFew(addresses, 3),
    since(s.metadata.creationTimestamp, nowMs),
  ];
}

export function ingressCells(i: Ingress, nowMs: number): Cell[] {
  const hosts = (i.spec?.rules ?? []).map((r) => r.host ?? '').filter((h) => h !== '');
  const addresses = (i.status?.loadBalancer?.ingress ?? []).map((a) => a.ip || a.hostname || '');
  return [
    i.metadata.name ?? '',
    i.spec?.ingressClassName ?? NONE,
    hosts.length === 0 ? '*' : firstFew(hosts, 3),
    addresses.filter((a) => a !== '').join(','),
    (i.spec?.tls ?? []).length > 0 ? '80, 443' : '80',
    since(i.metadata.creationTimestamp, nowMs),
  ];
}

export function ingressClassCells(c: IngressClass, nowMs: number): Cell[] {
  const p = c.spec?.parameters;
  const kind = p?.apiGroup ? `${p.kind}.${p.apiGroup}` : p?.kind;
  return [
    c.metadata.name ?? '',
    c.spec?.controller ?? '',
    p ? `${kind}/${p.name}` : NONE,
    since(c.metadata.creationTimestamp, nowMs),
  ];
}

export function networkPolicyCells(p: NetworkPolicy, nowMs: number): Cell[] {
  return [
    p.metadata.name ?? '',
    selectorText(p.spec?.podSelector),
    since(p.metadata.creationTimestamp, nowMs),
  ];
}
