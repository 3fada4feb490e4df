/** ConfigMaps, Secrets, Namespaces, Nodes, quotas, limits, endpoints, service accounts, events. */
import { semanticEqual } from '../equal.ts';
import {
  duplicate,
  forbidden,
  GoText,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../field-error.ts';
import type {
  ConfigMap,
  EndpointSlice,
  EndpointSubset,
  Endpoints,
  LimitRange,
  LimitRangeItem,
  Node,
  ResourceQuota,
  Secret,
  Taint,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { MAX_DATA_BYTES } from '../limits.ts';
import { parseQuantity } from '../quantity.ts';
import {
  addMessages,
  type Errors,
  IMMUTABLE,
  UniqueNames,
  validateCidr,
  validateIp,
} from './common.ts';
import { goQuantity, goStrings } from './go-dump.ts';
import {
  configMapKey,
  dns1123Label,
  dns1123Subdomain,
  labelValue,
  portNumber,
  qualifiedName,
} from './names.ts';
import { TAINT_EFFECTS } from './pod-scheduling.ts';
import { validateAmount, validateResourceName } from './resources.ts';
import { validatePlainIp } from './service.ts';

const FROZEN = 'field is immutable when `immutable` is set';

function base64Bytes(text: string): number {
  return Buffer.byteLength(text, 'base64');
}

export function validateConfigMap(errors: Errors, map: ConfigMap): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(map.data ?? {})) {
    addMessages(errors, `data[${key}]`, key, configMapKey(key));
    if (map.binaryData && Object.hasOwn(map.binaryData, key)) {
      errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(map.binaryData ?? {})) {
    addMessages(errors, `binaryData[${key}]`, key, configMapKey(key));
    bytes += base64Bytes(value);
  }
  if (bytes > MAX_DATA_BYTES) errors.push(tooLong('[]', '', MAX_DATA_BYTES));
}

export function validateConfigMapUpdate(errors: Errors, map: ConfigMap, old: ConfigMap): void {
  if (!old.immutable) return;
  if (!map.immutable) errors.push(forbidden('immutable', FROZEN));
  for (const field of ['data', 'binaryData'] as const) {
    if (!semanticEqual(map[field], old[field])) errors.push(forbidden(field, FROZEN));
  }
}

/** Go's message for a text that is no JSON; only its common shapes. */
function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch {
    if (text === '') return 'unexpected end of JSON input';
    const literals: Record<string, string> = { n: 'null', t: 'true', f: 'false' };
    const literal = literals[text[0] ?? ''];
    if (literal) {
      const at = [...literal].findIndex((c, i) => text[i] !== c);
      const got = text[at];
      if (got === undefined) return 'unexpected end of JSON input';
      return `invalid character '${got}' in literal ${literal} (expecting '${literal[at]}')`;
    }
    return `invalid character '${text[0]}' looking for beginning of value`;
  }
}

function requireJson(errors: Errors, secret: Secret, key: string): void {
  const value = secret.data?.[key];
  if (value === undefined) {
    errors.push(required(`data[${key}]`));
    return;
  }
  const problem = jsonProblem(Buffer.from(value, 'base64').toString());
  if (problem) errors.push(invalid(`data[${key}]`, '<secret contents redacted>', problem));
}

function requireKeys(errors: Errors, secret: Secret, keys: readonly string[]): void {
  for (const key of keys) {
    if (secret.data?.[key] === undefined) errors.push(required(`data[${key}]`));
  }
}

function validateSecretType(errors: Errors, secret: Secret): void {
  switch (secret.type) {
    case 'kubernetes.io/service-account-token': {
      const key = 'kubernetes.io/service-account.name';
      if (!secret.metadata.annotations?.[key]) {
        errors.push(required(`metadata.annotations[${key}]`));
      }
      break;
    }
    case 'kubernetes.io/dockercfg':
      requireJson(errors, secret, '.dockercfg');
      break;
    case 'kubernetes.io/dockerconfigjson':
      requireJson(errors, secret, '.dockerconfigjson');
      break;
    case 'kubernetes.io/basic-auth':
      if (secret.data?.username === undefined && secret.data?.password === undefined) {
        requireKeys(errors, secret, ['username', 'password']);
      }
      break;
    case 'kubernetes.io/ssh-auth':
      if (!secret.data?.['ssh-privatekey']) errors.push(required('data[ssh-privatekey]'));
      break;
    case 'kubernetes.io/tls':
      requireKeys(errors, secret, ['tls.crt', 'tls.key']);
      break;
    default:
  }
}

export function validateSecret(errors: Errors, secret: Secret): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    addMessages(errors, `data[${key}]`, key, configMapKey(key));
    bytes += base64Bytes(value);
  }
  if (bytes > MAX_DATA_BYTES) errors.push(tooLong('data', '', MAX_DATA_BYTES));
  validateSecretType(errors, secret);
}

export function validateSecretUpdate(errors: Errors, secret: Secret, old: Secret): void {
  if (secret.type !== old.type) errors.push(invalid('type', secret.type ?? '', IMMUTABLE));
  if (!old.immutable) return;
  if (!secret.immutable) errors.push(forbidden('immutable', FROZEN));
  if (!semanticEqual(secret.data, old.data)) errors.push(forbidden('data', FROZEN));
}

function taintDump(t: Taint): GoText {
  const time = t.timeAdded ?? '<nil>';
  const body = `Key:${goQuote(t.key)}, Value:${goQuote(t.value ?? '')}, Effect:${goQuote(t.effect)}, TimeAdded:${time}`;
  return new GoText(`core.Taint{${body}}`);
}

function validateTaints(errors: Errors, taints: Taint[] | undefined): void {
  const seen = new Set<string>();
  (taints ?? []).forEach((t, i) => {
    const at = `metadata.taints[${i}]`;
    addMessages(errors, `${at}.key`, t.key, qualifiedName(t.key));
    const value = labelValue(t.value ?? '');
    if (value.length > 0) errors.push(invalid(`${at}.value`, t.value, value.join(';')));
    if (!TAINT_EFFECTS.includes(t.effect)) {
      if (t.effect === '') errors.push(required(`${at}.effect`));
      else errors.push(notSupported(`${at}.effect`, t.effect, TAINT_EFFECTS));
    }
    const key = `${t.key}:${t.effect}`;
    if (seen.has(key)) {
      const why = 'taints must be unique by key and effect pair';
      errors.push(duplicate(at, taintDump(t), why));
    }
    seen.add(key);
  });
}

export function validateNode(errors: Errors, node: Node): void {
  validateTaints(errors, node.spec?.taints);
  for (const field of ['capacity', 'allocatable'] as const) {
    for (const [name, amount] of Object.entries(node.status?.[field] ?? {})) {
      validateResourceName(errors, `status.${field}[${name}]`, name);
      validateAmount(errors, `status.${field}[${name}]`, name, amount);
    }
  }
  const cidrs = node.spec?.podCIDRs ?? [];
  cidrs.forEach((cidr, i) => {
    validateCidr(errors, `spec.podCIDRs[${i}]`, cidr);
  });
  if (cidrs.length > 2) {
    const why = 'may specify no more than one CIDR for each IP family';
    errors.push(invalid('spec.podCIDRs', goStrings(cidrs), why));
  }
}

export function validateNodeUpdate(errors: Errors, node: Node, old: Node): void {
  const before = old.spec?.podCIDRs ?? [];
  if (before.length > 0 && !semanticEqual(before, node.spec?.podCIDRs)) {
    const why = 'node updates may not change podCIDR except from "" to valid';
    errors.push(forbidden('spec.podCIDRs', why));
  }
  const provider = old.spec?.providerID;
  if (provider && node.spec?.providerID !== provider) {
    const why = 'node updates may not change providerID except from "" to valid';
    errors.push(forbidden('spec.providerID', why));
  }
}

const LIMIT_TYPES = ['Container', 'Pod', 'PersistentVolumeClaim'];

/** `[lower field, upper field, lower words, upper words]`: lower must not exceed upper. */
type Bound = readonly [keyof LimitRangeItem, keyof LimitRangeItem, string, string];

/** Which field is blamed, whose value is shown, and what is compared; in the order of the messages. */
const LIMIT_ORDER: readonly [
  blame: keyof LimitRangeItem,
  shown: keyof LimitRangeItem,
  bound: Bound,
][] = [
  ['min', 'min', ['min', 'max', 'min', 'max']],
  ['defaultRequest', 'defaultRequest', ['min', 'defaultRequest', 'min', 'default request']],
  ['defaultRequest', 'defaultRequest', ['defaultRequest', 'max', 'default request', 'max']],
  ['defaultRequest', 'defaultRequest', ['defaultRequest', 'default', 'default request', 'default']],
  ['default', 'min', ['min', 'default', 'min', 'default']],
  ['default', 'default', ['default', 'max', 'default', 'max']],
];

function amountOf(item: LimitRangeItem, field: keyof LimitRangeItem, name: string) {
  const list = item[field];
  return typeof list === 'object' ? list[name] : undefined;
}

function validateLimitAmounts(errors: Errors, path: string, item: LimitRangeItem): void {
  const names = new Set(
    (['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const).flatMap((f) =>
      Object.keys(item[f] ?? {}),
    ),
  );
  for (const name of names) {
    for (const [blame, shownField, [low, high, lowWord, highWord]] of LIMIT_ORDER) {
      const a = amountOf(item, low, name);
      const b = amountOf(item, high, name);
      if (a === undefined || b === undefined) continue;
      if (parseQuantity(a).cmp(parseQuantity(b)) <= 0) continue;
      const shown = goQuantity(amountOf(item, shownField, name) ?? '0', true);
      const why = `${lowWord} value ${a} is greater than ${highWord} value ${b}`;
      errors.push(invalid(`${path}.${blame}[${name}]`, shown, why));
    }
  }
}

export function validateLimitRange(errors: Errors, range: LimitRange): void {
  const types = new UniqueNames();
  (range.spec?.limits ?? []).forEach((item, i) => {
    const at = `spec.limits[${i}]`;
    if (!LIMIT_TYPES.includes(item.type) && !item.type.includes('/')) {
      const why = 'must be a standard limit type or fully qualified';
      errors.push(invalid(`${at}.type`, item.type, why));
    }
    types.add(errors, `${at}.type`, item.type);
    if (item.type === 'Pod') {
      for (const field of ['default', 'defaultRequest'] as const) {
        if (Object.keys(item[field] ?? {}).length === 0) continue;
        errors.push(forbidden(`${at}.${field}`, "may not be specified when `type` is 'Pod'"));
      }
    }
    if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage) {
      const why = 'either minimum or maximum storage value is required, but neither was provided';
      errors.push(required(`${at}.limits`, why));
    }
    validateLimitAmounts(errors, at, item);
  });
}

const QUOTA_SCOPES: ReadonlySet<string> = new Set([
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
]);
const POD_COUNTED: ReadonlySet<string> = new Set([
  'pods',
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
]);

function validateScopes(errors: Errors, quota: ResourceQuota): void {
  const scopes = quota.spec?.scopes ?? [];
  if (scopes.length === 0) return;
  const shown = goStrings(scopes, '[]core.ResourceQuotaScope');
  const fits = (name: string, scope: string) =>
    name === 'pods' || (scope !== 'BestEffort' && POD_COUNTED.has(name));
  const names = Object.keys(quota.spec?.hard ?? {}).filter((n) => STANDARD_QUOTA.test(n));
  for (const scope of scopes) {
    if (!QUOTA_SCOPES.has(scope)) {
      errors.push(invalid('spec.scopes', shown, 'unsupported scope'));
      continue;
    }
    for (const _ of names.filter((n) => !fits(n, scope))) {
      errors.push(invalid('spec.scopes', shown, 'unsupported scope applied to resource'));
    }
  }
  const set = new Set(scopes);
  const clash = [
    ['BestEffort', 'NotBestEffort'],
    ['Terminating', 'NotTerminating'],
  ].some(([a = '', b = '']) => set.has(a) && set.has(b));
  if (clash) errors.push(invalid('spec.scopes', shown, 'conflicting scopes'));
}

function isQuotaResource(name: string): boolean {
  return name.includes('/') || STANDARD_QUOTA.test(name);
}

const STANDARD_QUOTA =
  /^(cpu|memory|ephemeral-storage|(requests|limits)\.(cpu|memory|ephemeral-storage)|requests\.storage|pods|resourcequotas|services(\.(nodeports|loadbalancers))?|replicationcontrollers|secrets|configmaps|persistentvolumeclaims|(requests\.)?hugepages-.*)$/;

export function validateResourceQuota(errors: Errors, quota: ResourceQuota): void {
  for (const section of ['spec', 'status'] as const) {
    for (const [name, amount] of Object.entries(quota[section]?.hard ?? {})) {
      const at = `${section}.hard[${name}]`;
      validateResourceName(errors, at, name);
      if (!isQuotaResource(name)) {
        errors.push(invalid(at, new GoText(name), 'must be a standard resource for quota'));
      }
      validateAmount(errors, at, name, amount);
    }
  }
  validateScopes(errors, quota);
}

function validateSubset(errors: Errors, path: string, subset: EndpointSubset): void {
  const addresses = subset.addresses ?? [];
  const notReady = subset.notReadyAddresses ?? [];
  if (addresses.length + notReady.length === 0) {
    errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const field of ['addresses', 'notReadyAddresses'] as const) {
    (subset[field] ?? []).forEach((a, i) => {
      const at = `${path}.${field}[${i}]`;
      const before = errors.length;
      validateIp(errors, `${at}.ip`, a.ip);
      if (a.hostname) addMessages(errors, `${at}.hostname`, a.hostname, dns1123Label(a.hostname));
      if (a.nodeName !== undefined) {
        addMessages(errors, `${at}.nodeName`, a.nodeName, dns1123Subdomain(a.nodeName));
      }
      if (errors.length === before) validatePlainIp(errors, `${at}.ip`, a.ip);
    });
  }
  const ports = subset.ports ?? [];
  ports.forEach((p, i) => {
    const at = `${path}.ports[${i}]`;
    if (!p.name) {
      if (ports.length > 1) errors.push(required(`${at}.name`));
    } else addMessages(errors, `${at}.name`, p.name, dns1123Label(p.name));
    addMessages(errors, `${at}.port`, p.port, portNumber(p.port));
    const protocols = ['SCTP', 'TCP', 'UDP'];
    if (!p.protocol) errors.push(required(`${at}.protocol`));
    else if (!protocols.includes(p.protocol)) {
      errors.push(notSupported(`${at}.protocol`, p.protocol, protocols));
    }
  });
}

export function validateEndpoints(errors: Errors, endpoints: Endpoints): void {
  (endpoints.subsets ?? []).forEach((s, i) => {
    validateSubset(errors, `subsets[${i}]`, s);
  });
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];

export function validateEndpointSlice(errors: Errors, slice: EndpointSlice): void {
  if (!slice.addressType) errors.push(required('addressType'));
  else if (!ADDRESS_TYPES.includes(slice.addressType)) {
    errors.push(notSupported('addressType', slice.addressType, ADDRESS_TYPES));
  }
  (slice.endpoints ?? []).forEach((e, i) => {
    const at = `endpoints[${i}].addresses`;
    if ((e.addresses ?? []).length === 0)
      errors.push(required(at, 'must contain at least 1 address'));
    (e.addresses ?? []).forEach((a, j) => {
      if (slice.addressType === 'FQDN') addMessages(errors, `${at}[${j}]`, a, dns1123Subdomain(a));
      else validatePlainIp(errors, `${at}[${j}]`, a);
    });
    if (e.hostname !== undefined) {
      addMessages(errors, `endpoints[${i}].hostname`, e.hostname, dns1123Label(e.hostname));
    }
  });
  const names = new UniqueNames();
  (slice.ports ?? []).forEach((p, i) => {
    const at = `ports[${i}]`;
    if (p.name) addMessages(errors, `${at}.name`, p.name, dns1123Label(p.name));
    names.add(errors, `${at}.name`, p.name ?? '');
    const protocols = ['SCTP', 'TCP', 'UDP'];
    if (!protocols.includes(p.protocol ?? '')) {
      errors.push(notSupported(`${at}.protocol`, p.protocol, protocols));
    }
  });
}

export function validateEndpointSliceUpdate(
  errors: Errors,
  slice: EndpointSlice,
  old: EndpointSlice,
): void {
  if (slice.addressType === old.addressType) return;
  errors.push(invalid('addressType', slice.addressType, IMMUTABLE));
}

/** Names the objects an event is about must fit its own namespace. */
export function validateInvolved(
  errors: Errors,
  o: { namespace: string | undefined; involved: string | undefined },
): void {
  const home = o.namespace ?? '';
  const about = o.involved ?? '';
  if (about === '' ? home === 'default' || home === 'kube-system' : about === home) return;
  errors.push(invalid('involvedObject.namespace', about, 'does not match event.namespace'));
}
