/** Services. */
import { duplicate, forbidden, GoText, invalid, notSupported, required } from '../field-error.ts';
import type { Service, ServicePort, ServiceSpec } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import {
  addMessages,
  type Errors,
  isCidr,
  isIp,
  UniqueNames,
  validateCidr,
  validateIp,
  validateLabels,
  validatePortReference,
} from './common.ts';
import { goStrings } from './go-dump.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from './names.ts';
import { validateBalancerHost } from './network.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const AFFINITIES = ['ClientIP', 'None'];
const MAX_AFFINITY_SECONDS = 86_400;

function isHeadless(spec: ServiceSpec): boolean {
  return spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';
}

const KUBELET_PORT = 10_250;

function validateType(errors: Errors, spec: ServiceSpec): void {
  (spec.type === 'LoadBalancer' ? (spec.ports ?? []) : []).forEach(({ port }, i) => {
    if (port !== KUBELET_PORT) return;
    const why = `may not expose port ${KUBELET_PORT} externally since it is used by kubelet`;
    errors.push(invalid(`spec.ports[${i}]`, port, why));
  });
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(spec)) {
    const why = `may not be set to 'None' for ${spec.type} services`;
    errors.push(invalid('spec.clusterIPs[0]', 'None', why));
  }
  if (spec.type !== 'ExternalName') return;
  if ((spec.clusterIPs ?? []).length > 0) {
    errors.push(forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
  }
  for (const field of ['ipFamilies', 'ipFamilyPolicy'] as const) {
    const value = spec[field];
    if (value === undefined || value.length === 0) continue;
    errors.push(forbidden(`spec.${field}`, 'may not be set for ExternalName services'));
  }
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName'));
  else addMessages(errors, 'spec.externalName', name, dns1123Subdomain(name));
}

function validatePort(
  errors: Errors,
  path: string,
  p: ServicePort,
  o: { nameNeeded: boolean; names: UniqueNames },
): void {
  if (!p.name) {
    if (o.nameNeeded) errors.push(required(`${path}.name`));
  } else {
    addMessages(errors, `${path}.name`, p.name, dns1123Label(p.name));
    o.names.add(errors, `${path}.name`, p.name);
  }
  addMessages(errors, `${path}.port`, p.port, portNumber(p.port));
  if (!p.protocol) errors.push(required(`${path}.protocol`));
  else if (!PROTOCOLS.includes(p.protocol)) {
    errors.push(notSupported(`${path}.protocol`, p.protocol, PROTOCOLS));
  }
  validatePortReference(errors, `${path}.targetPort`, p.targetPort);
  if (p.appProtocol !== undefined) {
    addMessages(errors, `${path}.appProtocol`, p.appProtocol, qualifiedName(p.appProtocol));
  }
}

function validateAffinity(errors: Errors, spec: ServiceSpec): void {
  const affinity = spec.sessionAffinity ?? '';
  if (affinity === '') errors.push(required('spec.sessionAffinity'));
  else if (!AFFINITIES.includes(affinity)) {
    errors.push(notSupported('spec.sessionAffinity', affinity, AFFINITIES));
  }
  if (affinity === 'ClientIP') {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
    if (seconds === undefined) {
      const why = 'when session affinity type is ClientIP';
      errors.push(required('spec.sessionAffinityConfig', why));
    } else if (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS) {
      const why = `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`;
      errors.push(invalid('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, why));
    }
  } else if (spec.sessionAffinityConfig) {
    const why = 'must not be set when session affinity is None';
    errors.push(forbidden('spec.sessionAffinityConfig', why));
  }
}

/** The cluster has IPv4 service addresses only. */
function validateSingleStack(errors: Errors, spec: ServiceSpec): void {
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) return;
  const missing = (spec.ipFamilies ?? []).indexOf('IPv6');
  if (missing >= 0) {
    errors.push(invalid(`spec.ipFamilies[${missing}]`, 'IPv6', 'not configured on this cluster'));
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack') {
    const why = 'this cluster is not configured for dual-stack services';
    errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why));
  }
}

function validateClusterIps(errors: Errors, spec: ServiceSpec): void {
  const ips = spec.clusterIPs ?? [];
  const families = spec.ipFamilies ?? [];
  if (spec.type === 'ExternalName') return;
  const shownIps = goStrings(ips);
  if (spec.clusterIP && ips.length === 0) errors.push(required('spec.clusterIPs'));
  else if (spec.clusterIP && ips[0] !== spec.clusterIP) {
    errors.push(invalid('spec.clusterIPs', shownIps, 'first value must match `clusterIP`'));
  } else if (!spec.clusterIP && ips.length > 0) {
    const why = 'must be empty when `clusterIP` is not specified';
    errors.push(invalid('spec.clusterIPs', shownIps, why));
  }
  families.forEach((family, i) => {
    if (family !== 'IPv4' && family !== 'IPv6') {
      errors.push(notSupported(`spec.ipFamilies[${i}]`, family, ['IPv4', 'IPv6']));
    }
    if (families.indexOf(family) !== i) {
      errors.push(duplicate(`spec.ipFamilies[${i}]`, family));
    }
  });
  const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
  const policy = spec.ipFamilyPolicy;
  if (policy !== undefined && !policies.includes(policy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', policy, policies));
  }
  validateSingleStack(errors, spec);
  const before = errors.length;
  ips.forEach((ip, i) => {
    if (i > 0 || ip !== 'None') validateIp(errors, `spec.clusterIPs[${i}]`, ip);
    else if (ips.length > 1) {
      errors.push(invalid('spec.clusterIPs', shownIps, "'None' must be the first and only value"));
    }
  });
  const allFine = errors.length === before;
  if (ips.length > 2) {
    errors.push(invalid('spec.clusterIPs', shownIps, 'may only hold up to 2 values'));
  }
  if (allFine) validateFamilies(errors, spec);
}

function validateFamilies(errors: Errors, spec: ServiceSpec): void {
  const ips = spec.clusterIPs ?? [];
  const of = ips.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'));
  if (ips.length > 1 && new Set(of).size < 2) {
    const why = 'may specify no more than one IP for each IP family';
    errors.push(invalid('spec.clusterIPs', goStrings(ips), why));
  }
  if (isHeadless(spec)) return;
  ips.forEach((ip, i) => {
    const wanted = spec.ipFamilies?.[i];
    if ((wanted !== 'IPv4' && wanted !== 'IPv6') || wanted === of[i]) return;
    const why = `expected an ${wanted} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(invalid(`spec.clusterIPs[${i}]`, ip, why));
  });
}

/** Addresses that are never those of a host elsewhere. */
function specialIpProblem(ip: string): string | undefined {
  if (ip === '0.0.0.0' || ip === '::') return `may not be unspecified (${ip})`;
  if (ip.startsWith('127.') || ip === '::1') {
    return 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
  }
  if (ip.startsWith('169.254.') || /^fe[89ab][\da-f]:/i.test(ip)) {
    return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)';
  }
  if (/^224\.0\.0\./.test(ip) || /^ff[\da-f]2:/i.test(ip)) {
    return 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)';
  }
  return undefined;
}

/** An address packets of others may be sent to. */
export function validatePlainIp(errors: Errors, path: string, ip: string): void {
  const problem = isIp(ip) ? specialIpProblem(ip) : 'must be a valid IP address';
  if (problem) errors.push(invalid(path, ip, problem));
}

function portKey(p: ServicePort): GoText {
  const rest =
    'AppProtocol:(*string)(nil), Port:%P, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}';
  return new GoText(
    `core.ServicePort{Name:"", Protocol:${goQuote(p.protocol ?? '')}, ${rest.replace('%P', String(p.port))}`,
  );
}

function validatePortPairs(errors: Errors, spec: ServiceSpec): void {
  const ports = spec.ports ?? [];
  if (spec.type === 'ClusterIP') {
    ports.forEach((p, i) => {
      if (!p.nodePort) return;
      const why = "may not be used when `type` is 'ClusterIP'";
      errors.push(forbidden(`spec.ports[${i}].nodePort`, why));
    });
  }
  const nodePorts = new Set<string>();
  ports.forEach((p, i) => {
    if (!p.nodePort) return;
    const key = `${p.protocol}/${p.nodePort}`;
    if (nodePorts.has(key)) errors.push(duplicate(`spec.ports[${i}].nodePort`, p.nodePort));
    nodePorts.add(key);
  });
  const seen = new Set<string>();
  ports.forEach((p, i) => {
    const key = `${p.protocol}/${p.port}`;
    if (seen.has(key)) errors.push(duplicate(`spec.ports[${i}]`, portKey(p)));
    seen.add(key);
  });
}

const HEALTH_PORT = 'spec.healthCheckNodePort';

function needsHealthPort(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

function validateTraffic(errors: Errors, spec: ServiceSpec): void {
  const policy = spec.externalTrafficPolicy ?? '';
  const exposed = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  const external = exposed || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
  if (!external) {
    const why = 'may only be set for externally-accessible services';
    if (policy !== '') errors.push(invalid('spec.externalTrafficPolicy', policy, why));
  } else if (policy === '') errors.push(required('spec.externalTrafficPolicy'));
  else if (policy !== 'Cluster' && policy !== 'Local') {
    errors.push(notSupported('spec.externalTrafficPolicy', policy, ['Cluster', 'Local']));
  }
  const port = spec.healthCheckNodePort ?? 0;
  if (needsHealthPort(spec)) {
    if (port !== 0) addMessages(errors, HEALTH_PORT, port, portNumber(port));
  } else if (port !== 0) {
    const why =
      "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid(HEALTH_PORT, port, why));
  }
  const inside = spec.internalTrafficPolicy;
  if (inside === undefined && (exposed || spec.type === 'ClusterIP')) {
    errors.push(required('spec.internalTrafficPolicy'));
  }
  if (inside !== undefined && inside !== 'Cluster' && inside !== 'Local') {
    errors.push(notSupported('spec.internalTrafficPolicy', inside, ['Cluster', 'Local']));
  }
}

const RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const ONLY_BALANCED = "may only be used when `type` is 'LoadBalancer'";

/** In the field, or in the annotation that came before it; both may be padded. */
function validateRanges(errors: Errors, service: Service): void {
  const spec = service.spec ?? {};
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const annotation = service.metadata.annotations?.[RANGES_ANNOTATION];
  const check = (at: string, text: string): void => {
    const range = text.trim();
    if (!isCidr(range)) validateCidr(errors, at, range);
  };
  if (ranges.length > 0) {
    const at = 'spec.LoadBalancerSourceRanges';
    if (spec.type !== 'LoadBalancer') errors.push(forbidden(at, ONLY_BALANCED));
    ranges.forEach((range, i) => {
      check(`${at}[${i}]`, range);
    });
  } else if (annotation !== undefined) {
    const at = `metadata.annotations[${RANGES_ANNOTATION}]`;
    if (spec.type !== 'LoadBalancer') errors.push(forbidden(at, ONLY_BALANCED));
    if (annotation.trim() !== '') for (const range of annotation.split(',')) check(at, range);
  }
}

function validateLoadBalancer(errors: Errors, spec: ServiceSpec): void {
  const balanced = spec.type === 'LoadBalancer';
  const allocate = spec.allocateLoadBalancerNodePorts;
  if (!balanced && allocate !== undefined) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', ONLY_BALANCED));
  }
  if (balanced && allocate === undefined) errors.push(required('allocateLoadBalancerNodePorts'));
  validateBalancerClass(errors, spec);
}

function validateBalancerClass(errors: Errors, spec: ServiceSpec): void {
  const name = spec.loadBalancerClass;
  if (name === undefined) return;
  if (spec.type !== 'LoadBalancer') {
    errors.push(forbidden('spec.loadBalancerClass', ONLY_BALANCED));
  } else addMessages(errors, 'spec.loadBalancerClass', name, qualifiedName(name));
}

const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints';
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';

/** The annotation and the one it came after must agree. */
function validateTopologyMode(errors: Errors, service: Service): void {
  const { [TOPOLOGY_HINTS]: hints, [TOPOLOGY_MODE]: mode } = service.metadata.annotations ?? {};
  if (hints === undefined || mode === undefined || hints === mode) return;
  const why = `must match annotations[${TOPOLOGY_HINTS}] when both are specified`;
  errors.push(invalid(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, why));
}

export function validateService(errors: Errors, service: Service): void {
  const spec = service.spec ?? {};
  validateTopologyMode(errors, service);
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') {
    errors.push(required('spec.ports'));
  }
  validateType(errors, spec);
  const names = new UniqueNames();
  ports.forEach((p, i) => {
    validatePort(errors, `spec.ports[${i}]`, p, { nameNeeded: ports.length > 1, names });
  });
  validateLabels(errors, 'spec.selector', spec.selector);
  validateAffinity(errors, spec);
  validateClusterIps(errors, spec);
  (spec.externalIPs ?? []).forEach((ip, i) => {
    const at = `spec.externalIPs[${i}]`;
    (isIp(ip) ? validatePlainIp : validateIp)(errors, at, ip);
  });
  if (!spec.type) errors.push(required('spec.type'));
  else if (!TYPES.includes(spec.type)) errors.push(notSupported('spec.type', spec.type, TYPES));
  validatePortPairs(errors, spec);
  validateRanges(errors, service);
  validateLoadBalancer(errors, spec);
  validateTraffic(errors, spec);
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && distribution !== 'PreferClose') {
    errors.push(notSupported('spec.trafficDistribution', distribution, ['PreferClose']));
  }
}

const FIXED = 'may not change once set';
const SECOND_FREED = (what: string) =>
  `must be set to 'SingleStack' when releasing the secondary ${what}`;

/** What happens to cluster addresses, or to their families: the first stays, the second may come and go. */
function validateStack(
  errors: Errors,
  pair: { now: ServiceSpec; was: ServiceSpec },
  field: 'clusterIPs' | 'ipFamilies',
): void {
  const { now, was } = pair;
  const [after, before] = [now[field] ?? [], was[field] ?? []];
  const isAddress = field === 'clusterIPs';
  const first = `spec.${field}[0]`;
  const shown = goStrings(now[field], isAddress ? '[]string' : '[]core.IPFamily');
  const other = isAddress ? shown : goStrings(now.clusterIPs);
  if (after.length === before.length) {
    before.forEach((value, i) => {
      if (value === after[i]) return;
      errors.push(invalid(isAddress ? `spec.${field}[${i}]` : first, shown, FIXED));
    });
    return;
  }
  const what = isAddress ? 'clusterIP' : 'ipFamily';
  const isLess = after.length < before.length;
  if (isLess && (now.clusterIPs ?? []).length === 0) {
    errors.push(invalid(first, shown, `primary ${what} can not be unset`));
  }
  if (before.length > 0 && after.length > 0 && after[0] !== before[0]) {
    errors.push(invalid(first, other, FIXED));
  }
  if (isLess && after.length === 1 && now.ipFamilyPolicy !== 'SingleStack') {
    const policy = now.ipFamilyPolicy ?? null;
    errors.push(invalid('spec.ipFamilyPolicy', policy, SECOND_FREED(what)));
  }
}

export function validateServiceUpdate(errors: Errors, service: Service, old: Service): void {
  const now = service.spec ?? {};
  const was = old.spec ?? {};
  const heads = [now, was].filter(isHeadless).length;
  if (now.type !== 'ExternalName' && was.type !== 'ExternalName') {
    if (heads < 2) validateStack(errors, { now, was }, 'clusterIPs');
    if (heads === 0) validateStack(errors, { now, was }, 'ipFamilies');
  }
  const kept = now.type === 'LoadBalancer' && was.type === 'LoadBalancer';
  if (kept && now.loadBalancerClass !== was.loadBalancerClass) {
    errors.push(invalid('spec.loadBalancerClass', now.loadBalancerClass ?? null, FIXED));
  }
  validateBalancerClass(errors, now);
  const checked = needsHealthPort(now) && needsHealthPort(was);
  if (checked && now.healthCheckNodePort !== was.healthCheckNodePort) {
    errors.push(forbidden(HEALTH_PORT, 'field is immutable'));
  }
}

const IP_MODES = ['Proxy', 'VIP'];

export function validateServiceStatus(errors: Errors, service: Service): void {
  const entries = service.status?.loadBalancer?.ingress ?? [];
  const path = 'status.loadBalancer.ingress';
  if (service.spec?.type !== 'LoadBalancer' && entries.length > 0) {
    errors.push(forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'"));
    return;
  }
  entries.forEach(({ ip, ipMode, hostname }, i) => {
    const at = `${path}[${i}]`;
    if (ip) validateIp(errors, `${at}.ip`, ip);
    if (ipMode === undefined) {
      const why = 'must be specified when `ip` is set';
      if (ip) errors.push(required(`${at}.ipMode`, why));
    } else if (!ip) {
      errors.push(forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set'));
    } else if (!IP_MODES.includes(ipMode)) {
      errors.push(notSupported(`${at}.ipMode`, ipMode, IP_MODES));
    }
    validateBalancerHost(errors, `${at}.hostname`, hostname ?? '');
  });
}
