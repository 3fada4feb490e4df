/** Services: cluster addresses, families and node ports across changes of type. */
import type { Service, ServicePort, ServiceSpec } from '../generated/types.ts';

function wantsClusterIp(spec: ServiceSpec | undefined): boolean {
  return spec !== undefined && spec.type !== 'ExternalName';
}

function wantsNodePorts(spec: ServiceSpec | undefined): boolean {
  if (spec?.type === 'NodePort') return true;
  return spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false;
}

function wantsHealthPort(spec: ServiceSpec | undefined): boolean {
  return spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

/** Keeps `clusterIP` and `clusterIPs` in step, whichever of them the client changed. */
function normalizeClusterIps(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  const ips = spec.clusterIPs ?? [];
  if (!old) {
    if (spec.clusterIP && ips.length === 0) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const was = old.clusterIP ?? '';
  const now = spec.clusterIP ?? '';
  if (was === now) return;
  if (now === '' && ips.join() === (old.clusterIPs ?? []).join()) delete spec.clusterIPs;
  else if (now !== '' && was !== '' && ips.join() === (old.clusterIPs ?? []).join()) {
    spec.clusterIPs = [now];
  } else if (now !== '' && ips.length === 0) spec.clusterIPs = [now];
}

function sameKey(a: ServicePort, b: ServicePort): boolean {
  return a.protocol === b.protocol && a.port === b.port;
}

/** What was allocated before stays, unless the client says otherwise. */
function keepAllocated(spec: ServiceSpec, old: ServiceSpec): void {
  if (wantsClusterIp(spec) && wantsClusterIp(old)) {
    if (!spec.clusterIP && old.clusterIP) {
      spec.clusterIP = old.clusterIP;
    }
    if (!spec.clusterIPs && spec.clusterIP === old.clusterIP) spec.clusterIPs = old.clusterIPs;
    if (!spec.ipFamilies && old.ipFamilies) spec.ipFamilies = [...old.ipFamilies];
    spec.ipFamilyPolicy ??= old.ipFamilyPolicy;
  }
  if (wantsNodePorts(spec) && wantsNodePorts(old)) {
    const used = new Set((spec.ports ?? []).map((p) => p.nodePort).filter((n) => n));
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const before = (old.ports ?? []).find((p) => sameKey(p, port))?.nodePort;
      if (before && !used.has(before)) {
        port.nodePort = before;
        used.add(before);
      }
    }
  }
  if (wantsHealthPort(spec) && wantsHealthPort(old) && !spec.healthCheckNodePort) {
    spec.healthCheckNodePort = old.healthCheckNodePort;
  }
}

/** Fields that mean nothing to the new type go, when the type changed and the client did not touch them. */
function dropTypeDependent(spec: ServiceSpec, old: ServiceSpec): void {
  if (wantsClusterIp(old) && !wantsClusterIp(spec)) {
    if (spec.clusterIP === old.clusterIP) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
    delete spec.internalTrafficPolicy;
  }
  if (wantsNodePorts(old) && !wantsNodePorts(spec)) {
    const same = (spec.ports ?? []).every((p) =>
      (old.ports ?? []).some((o) => o.nodePort === p.nodePort),
    );
    if (same) for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (wantsHealthPort(old) && !wantsHealthPort(spec)) {
    if (spec.healthCheckNodePort === old.healthCheckNodePort) delete spec.healthCheckNodePort;
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    delete spec.allocateLoadBalancerNodePorts;
    delete spec.loadBalancerClass;
  }
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  if (!external && (spec.externalIPs ?? []).length === 0) delete spec.externalTrafficPolicy;
}

/** Single-stack defaults for the address families of a service that has addresses. */
function defaultFamilies(spec: ServiceSpec): void {
  if (!wantsClusterIp(spec)) return;
  const headless = spec.clusterIP === 'None';
  if (headless && Object.keys(spec.selector ?? {}).length === 0) {
    spec.ipFamilyPolicy ??= 'RequireDualStack';
    spec.ipFamilies ??= spec.ipFamilyPolicy === 'SingleStack' ? ['IPv4'] : ['IPv4', 'IPv6'];
    return;
  }
  spec.ipFamilyPolicy ??= 'SingleStack';
  const families = (spec.clusterIPs ?? []).filter((ip) => ip !== 'None');
  spec.ipFamilies ??= [families[0]?.includes(':') ? 'IPv6' : 'IPv4'];
}

export function prepareServiceForCreate(service: Service): void {
  if (!service.spec) return;
  normalizeClusterIps(service.spec, undefined);
  defaultFamilies(service.spec);
}

export function prepareServiceForUpdate(service: Service, old: Service): void {
  if (!service.spec || !old.spec) return;
  normalizeClusterIps(service.spec, old.spec);
  keepAllocated(service.spec, old.spec);
  dropTypeDependent(service.spec, old.spec);
  defaultFamilies(service.spec);
}
