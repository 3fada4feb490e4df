/** Rows of services, endpoints, ingresses and network policies. */
import type {
  EndpointSlice,
  Endpoints,
  Ingress,
  IngressClass,
  IngressLoadBalancerStatus,
  IngressRule,
  LoadBalancerStatus,
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

/** Where a load balancer can be reached: each address or name once, in order. */
function balancerTexts(status: LoadBalancerStatus | IngressLoadBalancerStatus | undefined) {
  const all = (status?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  return [...new Set(all.filter((text) => text !== ''))].sort();
}

function externalText(service: Service): string {
  const spec = service.spec ?? {};
  const external = spec.externalIPs ?? [];
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  if (spec.type !== 'LoadBalancer') return external.join(',') || NONE;
  const all = [...balancerTexts(service.status?.loadBalancer), ...external];
  return all.join(',') || '<pending>';
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
  const text = (e.subsets ?? []).length === 0 ? NONE : firstFew(all, 3);
  return [e.metadata.name ?? '', text, since(e.metadata.creationTimestamp, nowMs)];
}

export function endpointSliceCells(s: EndpointSlice, nowMs: number): Cell[] {
  const ports = (s.ports ?? []).map(({ port, name }) => String(port ?? name ?? '*'));
  const addresses = (s.endpoints ?? []).flatMap((e) => e.addresses ?? []);
  return [
    s.metadata.name ?? '',
    s.addressType,
    firstFew(ports, 3) || UNSET,
    firstFew(addresses, 3) || UNSET,
    since(s.metadata.creationTimestamp, nowMs),
  ];
}

/** The first hosts; every rule behind those counts, with a host or without. */
function hostsText(rules: readonly IngressRule[]): string {
  const isNamed = ({ host }: IngressRule): boolean => (host ?? '') !== '';
  const last = rules.findIndex(
    (_, i) => rules.slice(0, i + 1).filter(isNamed).length === MAX_HOSTS,
  );
  const shown = last < 0 ? rules : rules.slice(0, last + 1);
  const hosts = shown.filter(isNamed).map(({ host }) => host);
  if (hosts.length === 0) return '*';
  if (shown.length === rules.length) return hosts.join(',');
  return `${hosts.join(',')} + ${rules.length - MAX_HOSTS} more...`;
}

const MAX_HOSTS = 3;

export function ingressCells(i: Ingress, nowMs: number): Cell[] {
  return [
    i.metadata.name ?? '',
    i.spec?.ingressClassName ?? NONE,
    hostsText(i.spec?.rules ?? []),
    balancerTexts(i.status?.loadBalancer).join(','),
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
