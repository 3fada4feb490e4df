import type { Service, ServicePort, ServiceSpec } from '@kubets/api';

/** A cluster address that says "none, on purpose". */
export const HEADLESS = 'None';

/** All types but ExternalName have cluster addresses (or explicitly none). */
export function needsClusterIp(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName';
}

/** Whether the service's type exposes node ports at all. */
export function needsNodePort(spec: ServiceSpec): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer';
}

/** Whether ports without a number get one. */
export function allocatesNodePorts(spec: ServiceSpec): boolean {
  if (spec.type === 'NodePort') return true;
  return spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false;
}

/** Balancers that keep traffic local probe the nodes on a port of its own. */
export function needsHealthCheckPort(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

export const isHeadless = (spec: ServiceSpec): boolean =>
  spec.clusterIP === HEADLESS || spec.clusterIPs?.[0] === HEADLESS;

const sameList = (a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): boolean =>
  JSON.stringify(a ?? []) === JSON.stringify(b ?? []);

const nodePorts = (spec: ServiceSpec): number[] =>
  (spec.ports ?? []).map((port) => port.nodePort ?? 0);

/** The spec of a service, made if it has none. */
export function specOf(service: Service): ServiceSpec {
  service.spec ??= {};
  return service.spec;
}

/** `clusterIP` and `clusterIPs` say the same: whichever the client changed wins. */
export function syncClusterIps(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  const listed = spec.clusterIPs ?? [];
  if (!old) {
    if (spec.clusterIP && listed.length === 0) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const oneChanged = (spec.clusterIP ?? '') !== (old.clusterIP ?? '');
  const listChanged = !sameList(listed, old.clusterIPs);
  if (oneChanged && !listChanged) {
    if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
    else delete spec.clusterIPs;
  }
  if (!oneChanged && listChanged && listed.length === 0) delete spec.clusterIP;
}

/** An update that leaves out what the server had chosen keeps it. */
export function keepAllocated(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(old) && needsClusterIp(spec)) {
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP;
    const listed = spec.clusterIPs ?? [];
    if (listed.length === 0 && spec.clusterIP === old.clusterIP && old.clusterIPs) {
      spec.clusterIPs = [...old.clusterIPs];
    }
  }
  if (needsNodePort(old) && needsNodePort(spec)) keepNodePorts(spec, old);
  if (needsHealthCheckPort(old) && needsHealthCheckPort(spec) && !spec.healthCheckNodePort) {
    assign(spec, 'healthCheckNodePort', old.healthCheckNodePort);
  }
}

/** Ports keep their number by name, unless the client gave the number to another port. */
function keepNodePorts(spec: ServiceSpec, old: ServiceSpec): void {
  const before = new Set(nodePorts(old));
  const used = new Set(nodePorts(spec).filter((port) => before.has(port)));
  const byName = new Map((old.ports ?? []).map((port) => [port.name ?? '', port.nodePort ?? 0]));
  for (const port of spec.ports ?? []) {
    if (port.nodePort) continue;
    const known = byName.get(port.name ?? '') ?? 0;
    if (known === 0 || used.has(known)) continue;
    port.nodePort = known;
    used.add(known);
  }
}

function assign<K extends keyof ServiceSpec>(spec: ServiceSpec, key: K, value: ServiceSpec[K]) {
  if (value === undefined) delete spec[key];
  else spec[key] = value;
}

/** A change of type takes away what only the old type had, where the client left it as it was. */
export function dropForType(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    if (spec.clusterIP === old.clusterIP && sameList(spec.clusterIPs, old.clusterIPs)) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (sameList(spec.ipFamilies, old.ipFamilies)) delete spec.ipFamilies;
    dropIfSame(spec, old, 'ipFamilyPolicy');
    dropIfSame(spec, old, 'internalTrafficPolicy');
  }
  if (needsNodePort(old) && !needsNodePort(spec) && sameList(nodePorts(spec), nodePorts(old))) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(spec)) {
    dropIfSame(spec, old, 'healthCheckNodePort');
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    dropIfSame(spec, old, 'allocateLoadBalancerNodePorts');
    dropIfSame(spec, old, 'loadBalancerClass');
  }
  if (needsNodePort(old) && !needsNodePort(spec)) dropIfSame(spec, old, 'externalTrafficPolicy');
}

function dropIfSame(spec: ServiceSpec, old: ServiceSpec, key: keyof ServiceSpec): void {
  if (spec[key] === old[key]) delete spec[key];
}

/** Defaults that hang on the type, for objects whose type has just changed. */
export function defaultForType(spec: ServiceSpec): void {
  if (needsClusterIp(spec)) spec.internalTrafficPolicy ||= 'Cluster';
  if (needsNodePort(spec)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** Fills the address families of a cluster that has IPv4 only. */
export function defaultFamilies(spec: ServiceSpec): void {
  if (!needsClusterIp(spec)) return;
  const selectorless = Object.keys(spec.selector ?? {}).length === 0;
  if (isHeadless(spec) && selectorless) {
    spec.ipFamilyPolicy ??= 'RequireDualStack';
    const families = spec.ipFamilies?.length ? [...spec.ipFamilies] : ['IPv4'];
    if (spec.ipFamilyPolicy !== 'SingleStack' && families.length === 1) {
      families.push(families[0] === 'IPv4' ? 'IPv6' : 'IPv4');
    }
    spec.ipFamilies = families;
    return;
  }
  spec.ipFamilyPolicy ??= 'SingleStack';
  if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4'];
}

/** Node ports of a service with the path of each, for messages. */
export function portsWithPaths(spec: ServiceSpec): { port: ServicePort; path: string }[] {
  return (spec.ports ?? []).map((port, i) => ({ port, path: `spec.ports[${i}].nodePort` }));
}
