/** ConfigMaps, Secrets, Nodes and namespaces. */
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
import type { ConfigMap, Namespace, Node, Secret, Taint } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { MAX_DATA_BYTES } from '../limits.ts';
import { goJsonError } from '../schema/json-error.ts';
import { addMessages, type Errors, IMMUTABLE, validateCidr } from './common.ts';
import { goStrings } from './go-dump.ts';
import { isBareFinalizer } from './metadata.ts';
import { configMapKey, labelValue, qualifiedName } from './names.ts';
import { TAINT_EFFECTS } from './pod-scheduling.ts';
import { validateAmount } from './resources.ts';

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

const GO_KINDS: Readonly<Record<string, string>> = { boolean: 'bool' };

/** Go's message for a text that is no JSON, or none of an object. */
function jsonProblem(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || (typeof value === 'object' && !Array.isArray(value))) return undefined;
    const what = Array.isArray(value) ? 'array' : (GO_KINDS[typeof value] ?? typeof value);
    return `json: cannot unmarshal ${what} into Go value of type map[string]interface {}`;
  } catch {
    return goJsonError(text);
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
  validateNodeAmounts(errors, node);
  const cidrs = node.spec?.podCIDRs ?? [];
  cidrs.forEach((cidr, i) => {
    validateCidr(errors, `spec.podCIDRs[${i}]`, cidr);
  });
  const families = new Set(cidrs.map((cidr) => cidr.includes(':')));
  if (cidrs.length > 2 || (cidrs.length === 2 && families.size < 2)) {
    const why = 'may specify no more than one CIDR for each IP family';
    errors.push(invalid('spec.podCIDRs', goStrings(cidrs), why));
  }
  cidrs.forEach((cidr, i) => {
    if (cidrs.indexOf(cidr) < i) errors.push(duplicate(`spec.podCIDRs[${i}]`, cidr));
  });
}

/** What is looked at again when a node or its status changes. */
function validateNodeAmounts(errors: Errors, node: Node): void {
  for (const field of ['capacity', 'allocatable'] as const) {
    for (const [name, amount] of Object.entries(node.status?.[field] ?? {})) {
      validateAmount(errors, `status.${field}.${name}`, name, amount);
    }
  }
}

export function validateNodeUpdate(errors: Errors, node: Node, old: Node): void {
  validateNodeAmounts(errors, node);
  const seen = new Set<string>();
  (node.status?.addresses ?? []).forEach(({ type, address }, i) => {
    const key = `${type}/${address}`;
    if (seen.has(key)) {
      const shown = `core.NodeAddress{Type:${goQuote(type)}, Address:${goQuote(address)}}`;
      errors.push(duplicate(`status.addresses[${i}]`, new GoText(shown)));
    }
    seen.add(key);
  });
  const before = old.spec?.podCIDRs ?? [];
  const after = node.spec?.podCIDRs ?? [];
  const isLonger = before.length > 0 && before.length !== after.length;
  for (const _ of isLonger ? [''] : before.filter((cidr, i) => cidr !== after[i])) {
    const why = 'node updates may not change podCIDR except from "" to valid';
    errors.push(forbidden('spec.podCIDRs', why));
  }
  const provider = old.spec?.providerID;
  if (provider && node.spec?.providerID !== provider) {
    const why = 'node updates may not change providerID except from "" to valid';
    errors.push(forbidden('spec.providerID', why));
  }
  validateTaints(errors, node.spec?.taints);
  if ((node.spec?.externalID ?? '') !== (old.spec?.externalID ?? '')) {
    errors.push(forbidden('spec.externalID', 'may not be updated'));
  }
}

const PHASE = 'status.Phase';

/** What keeps a namespace from going; `paths` says whether each is named by its place. */
export function validateNamespaceFinalizers(errors: Errors, ns: Namespace, paths: boolean): void {
  (ns.spec?.finalizers ?? []).forEach((name, i) => {
    const at = paths ? `spec.finalizers[${i}]` : 'spec.finalizers';
    addMessages(errors, at, name, qualifiedName(name));
    if (!isBareFinalizer(name)) return;
    const why = 'name is neither a standard finalizer name nor is it fully qualified';
    errors.push(invalid(at, name, why));
  });
}

export function validateNewNamespace(errors: Errors, ns: Namespace): void {
  validateNamespaceFinalizers(errors, ns, false);
}

export function validateNamespaceStatus(errors: Errors, ns: Namespace): void {
  const phase = ns.status?.phase ?? '';
  const [wanted, when] = ns.metadata.deletionTimestamp
    ? ['Terminating', 'is not empty']
    : ['Active', 'is empty'];
  if (phase === wanted) return;
  const why = `may only be '${wanted}' if \`deletionTimestamp\` ${when}`;
  errors.push(invalid(PHASE, phase, why));
}
