/** Ingresses and network policies. */
import { forbidden, GoText, invalid, notSupported, required, tooLong } from '../field-error.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../generated/types.ts';
import {
  addMessages,
  type Errors,
  IMMUTABLE,
  isCidr,
  isIp,
  isIpv4,
  validateCidr,
  validateDomainPath,
  validateIp,
  validatePortReference,
  validateSelector,
} from './common.ts';
import { goStrings } from './go-dump.ts';
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  pathSegmentName,
  portName,
  portNumber,
  wildcardSubdomain,
} from './names.ts';

/** A reference to an object of any kind in the same place. */
function validateTypedReference(
  errors: Errors,
  path: string,
  ref: { apiGroup?: string | undefined; kind?: string; name?: string },
): void {
  // A null is as good as nothing.
  const apiGroup = ref.apiGroup ?? undefined;
  if (apiGroup !== undefined) {
    addMessages(errors, `${path}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup));
  }
  for (const field of ['kind', 'name'] as const) {
    const value = ref[field] ?? '';
    if (value === '') errors.push(required(`${path}.${field}`, `${field} is required`));
    else addMessages(errors, `${path}.${field}`, value, pathSegmentName(value));
  }
}

function validateBackend(errors: Errors, path: string, b: IngressBackend | undefined): void {
  if (b?.resource && b.service) {
    errors.push(invalid(path, '', 'cannot set both resource and service backends'));
    return;
  }
  if (b?.resource) {
    validateTypedReference(errors, `${path}.resource`, b.resource);
    return;
  }
  if (!b?.service) {
    errors.push(invalid(path, '', 'resource or service backend is required'));
    return;
  }
  const { name, port } = b.service;
  if (!name) errors.push(required(`${path}.service.name`));
  else addMessages(errors, `${path}.service.name`, name, dns1035Label(name));
  const number = port?.number ?? 0;
  if (port?.name && number !== 0) {
    errors.push(invalid(path, '', 'cannot set both port name & port number'));
  } else if (port?.name) {
    addMessages(errors, `${path}.service.port.name`, port.name, portName(port.name));
  } else if (number !== 0) {
    addMessages(errors, `${path}.service.port.number`, number, portNumber(number));
  } else errors.push(required(path, 'port name or number is required'));
}

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const BAD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const BAD_SUFFIXES = ['/..', '/.'];

function validatePath(errors: Errors, at: string, p: HTTPIngressPath): void {
  const path = p.path ?? '';
  if (!p.pathType) {
    errors.push(required(`${at}.pathType`, 'pathType must be specified'));
    return;
  }
  if (p.pathType === 'Exact' || p.pathType === 'Prefix') {
    if (!path.startsWith('/')) errors.push(invalid(`${at}.path`, path, 'must be an absolute path'));
    for (const bad of BAD_SEQUENCES) {
      if (path.includes(bad)) errors.push(invalid(`${at}.path`, path, `must not contain '${bad}'`));
    }
    for (const bad of BAD_SUFFIXES) {
      if (path.endsWith(bad)) errors.push(invalid(`${at}.path`, path, `cannot end with '${bad}'`));
    }
  } else if (p.pathType === 'ImplementationSpecific') {
    if (path !== '' && !path.startsWith('/')) {
      errors.push(invalid(`${at}.path`, path, 'must be an absolute path'));
    }
  } else errors.push(notSupported(`${at}.pathType`, p.pathType, PATH_TYPES));
  validateBackend(errors, `${at}.backend`, p.backend);
}

function validateHost(errors: Errors, path: string, host: string): void {
  if (isIp(host)) errors.push(invalid(path, host, 'must be a DNS name, not an IP address'));
  const rule = host.includes('*') ? wildcardSubdomain : dns1123Subdomain;
  addMessages(errors, path, host, rule(host));
}

export function validateIngress(errors: Errors, ingress: Ingress): void {
  const spec = ingress.spec ?? {};
  const rules = spec.rules ?? [];
  if (rules.length === 0 && !spec.defaultBackend) {
    const why = 'either `defaultBackend` or `rules` must be specified';
    errors.push(invalid('spec', new GoText('[]networking.IngressRule(nil)'), why));
  }
  if (spec.defaultBackend) validateBackend(errors, 'spec.defaultBackend', spec.defaultBackend);
  rules.forEach((rule, i) => {
    const at = `spec.rules[${i}]`;
    if (rule.host) validateHost(errors, `${at}.host`, rule.host);
    if (!rule.http) return;
    const paths = rule.http.paths ?? [];
    if (paths.length === 0) errors.push(required(`${at}.http.paths`));
    paths.forEach((p, j) => {
      validatePath(errors, `${at}.http.paths[${j}]`, p);
    });
  });
  (spec.tls ?? []).forEach((tls, i) => {
    (tls.hosts ?? []).forEach((host, j) => {
      const rule = host.includes('*') ? wildcardSubdomain : dns1123Subdomain;
      addMessages(errors, `spec.tls[${i}].hosts[${j}]`, host, rule(host));
    });
    if (tls.secretName) {
      addMessages(
        errors,
        `spec.tls[${i}].secretName`,
        tls.secretName,
        dns1123Subdomain(tls.secretName),
      );
    }
  });
  const className = spec.ingressClassName;
  if (className !== undefined) {
    addMessages(errors, 'spec.ingressClassName', className, dns1123Subdomain(className));
  }
}

/** The name a load balancer answers at, if it has one. */
export function validateBalancerHost(errors: Errors, path: string, hostname: string): void {
  if (hostname === '') return;
  addMessages(errors, path, hostname, dns1123Subdomain(hostname));
  if (!isIp(hostname)) return;
  errors.push(invalid(path, hostname, 'must be a DNS name, not an IP address'));
}

function validateBalancerIngress(
  errors: Errors,
  path: string,
  { ip, hostname }: { ip?: string | undefined; hostname?: string | undefined },
): void {
  if (ip) validateIp(errors, `${path}.ip`, ip);
  validateBalancerHost(errors, `${path}.hostname`, hostname ?? '');
}

export function validateIngressStatus(errors: Errors, ingress: Ingress): void {
  (ingress.status?.loadBalancer?.ingress ?? []).forEach((one, i) => {
    validateBalancerIngress(errors, `status.loadBalancer.ingress[${i}]`, one);
  });
}

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

/** The class in the field and in the annotation before it must be one. */
export function validateNewIngress(errors: Errors, ingress: Ingress): void {
  const annotation = ingress.metadata.annotations?.[CLASS_ANNOTATION];
  const className = ingress.spec?.ingressClassName;
  if (annotation === undefined || className === undefined || annotation === className) return;
  const why = 'must match `ingressClassName` when both are specified';
  errors.push(invalid(`annotations.${CLASS_ANNOTATION}`, annotation, why));
}

const MAX_CONTROLLER = 250;

/** Who handles a class is never another one. */
export function validateIngressClassUpdate(
  errors: Errors,
  ic: IngressClass,
  old: IngressClass,
): void {
  const controller = ic.spec?.controller ?? '';
  if (controller === old.spec?.controller) return;
  errors.push(invalid('spec.controller', controller, IMMUTABLE));
}

export function validateIngressClass(errors: Errors, ic: IngressClass): void {
  const controller = ic.spec?.controller ?? '';
  const at = 'spec.controller';
  if (controller.length > MAX_CONTROLLER) errors.push(tooLong(at, '', MAX_CONTROLLER));
  validateDomainPath(errors, at, controller);
  const p = ic.spec?.parameters;
  if (!p) return;
  const path = 'spec.parameters';
  validateTypedReference(errors, path, p);
  if (p.scope !== 'Cluster' && p.scope !== 'Namespace') {
    errors.push(notSupported(`${path}.scope`, p.scope, ['Cluster', 'Namespace']));
  }
  const inside = `${path}.namespace`;
  if (p.scope === 'Namespace' && p.namespace === undefined) {
    errors.push(required(inside, "`parameters.scope` is set to 'Namespace'"));
  } else if (p.scope === 'Namespace') {
    addMessages(errors, inside, p.namespace, dns1123Label(p.namespace ?? ''));
  } else if (p.scope === 'Cluster' && p.namespace !== undefined) {
    const why = "`parameters.scope` is set to 'Cluster'";
    errors.push(forbidden(inside, why));
  }
}

/** An address as one number. */
function addressValue(ip: string): bigint {
  if (isIpv4(ip)) return ip.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const text = new URL(`http://[${ip}]/`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = Array(8 - front.length - back.length).fill('0');
  return [...front, ...zeros, ...back].reduce(
    (sum, part) => sum * 65_536n + BigInt(`0x${part}`),
    0n,
  );
}

interface Network {
  readonly width: number;
  readonly bits: number;
  /** The bits of the network alone. */
  readonly prefix: bigint;
}

function networkOf(cidr: string): Network {
  const [ip = '', text = ''] = cidr.split('/');
  const [width, bits] = [isIpv4(ip) ? 32 : 128, Number(text)];
  return { width, bits, prefix: addressValue(ip) >> BigInt(width - bits) };
}

function strictlyInside(inner: string, outer: string): boolean {
  const [a, b] = [networkOf(inner), networkOf(outer)];
  if (a.width !== b.width || a.bits <= b.bits) return false;
  return a.prefix >> BigInt(a.bits - b.bits) === b.prefix;
}

function validatePeer(errors: Errors, path: string, peer: NetworkPolicyPeer): void {
  let count = 0;
  for (const field of ['podSelector', 'namespaceSelector'] as const) {
    if (!peer[field]) continue;
    count += 1;
    validateSelector(errors, `${path}.${field}`, peer[field]);
  }
  const block = peer.ipBlock;
  if (block) {
    count += 1;
    const at = `${path}.ipBlock`;
    if (!block.cidr) errors.push(required(`${at}.cidr`));
    else validateCidr(errors, `${at}.cidr`, block.cidr);
    if (isCidr(block.cidr)) {
      (block.except ?? []).forEach((e, i) => {
        if (!isCidr(e)) validateCidr(errors, `${at}.except[${i}]`, e);
        else if (!strictlyInside(e, block.cidr)) {
          errors.push(invalid(`${at}.except[${i}]`, e, 'must be a strict subset of `cidr`'));
        }
      });
    }
  }
  if (count === 0) errors.push(required(path, 'must specify a peer'));
  else if (block && count > 1) {
    errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  }
}

function validatePolicyPort(errors: Errors, path: string, p: NetworkPolicyPort): void {
  const protocols = ['TCP', 'UDP', 'SCTP'];
  if (p.protocol !== undefined && !protocols.includes(p.protocol)) {
    errors.push(notSupported(`${path}.protocol`, p.protocol, protocols));
  }
  if (p.port === undefined) {
    const why = 'may not be specified when `port` is not specified';
    if (p.endPort !== undefined) errors.push(invalid(`${path}.endPort`, p.endPort, why));
    return;
  }
  if (typeof p.port === 'string') {
    const why = 'may not be specified when `port` is non-numeric';
    if (p.endPort !== undefined) errors.push(invalid(`${path}.endPort`, p.endPort, why));
    validatePortReference(errors, `${path}.port`, p.port);
    return;
  }
  validatePortReference(errors, `${path}.port`, p.port);
  if (p.endPort === undefined) return;
  if (p.endPort < p.port) {
    const why = 'must be greater than or equal to `port`';
    errors.push(invalid(`${path}.endPort`, p.port, why));
  }
  addMessages(errors, `${path}.endPort`, p.endPort, portNumber(p.endPort));
}

export function validateNetworkPolicy(errors: Errors, policy: NetworkPolicy): void {
  const spec = policy.spec;
  if (!spec) return;
  validateSelector(errors, 'spec.podSelector', spec.podSelector);
  (spec.ingress ?? []).forEach((rule, i) => {
    const at = `spec.ingress[${i}]`;
    (rule.ports ?? []).forEach((p, j) => {
      validatePolicyPort(errors, `${at}.ports[${j}]`, p);
    });
    (rule.from ?? []).forEach((p, j) => {
      validatePeer(errors, `${at}.from[${j}]`, p);
    });
  });
  (spec.egress ?? []).forEach((rule, i) => {
    const at = `spec.egress[${i}]`;
    (rule.ports ?? []).forEach((p, j) => {
      validatePolicyPort(errors, `${at}.ports[${j}]`, p);
    });
    (rule.to ?? []).forEach((p, j) => {
      validatePeer(errors, `${at}.to[${j}]`, p);
    });
  });
  const types = ['Ingress', 'Egress'];
  if ((spec.policyTypes ?? []).length > 2) {
    const why = 'may not specify more than two policyTypes';
    const shown = goStrings(spec.policyTypes, '[]networking.PolicyType');
    errors.push(invalid('spec.policyTypes', shown, why));
    return;
  }
  (spec.policyTypes ?? []).forEach((t, i) => {
    if (!types.includes(t)) errors.push(notSupported(`spec.policyTypes[${i}]`, t, types));
  });
}
