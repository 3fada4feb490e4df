/** Environment variables of containers, and references to fields of the pod. */

import { invalid, notSupported, required } from '../field-error.ts';
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '../generated/types.ts';
import { lookup } from '../own.ts';
import { parseQuantity } from '../quantity.ts';
import { addMessages, type Errors, requireText } from './common.ts';
import { maskTrailingDash } from './metadata.ts';
import { configMapKey, dns1123Subdomain, envVarName, qualifiedName } from './names.ts';

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const KNOWN_FIELDS = [
  ...ENV_FIELDS,
  ...['metadata.annotations', 'metadata.labels'],
  ...['spec.restartPolicy', 'spec.schedulerName', 'status.phase'],
];
/** Maps whose entries may be named one by one. */
const MAPS = ['metadata.annotations', 'metadata.labels'];

/** `metadata.labels['key']` → path and key. */
function splitSubscript(path: string): [string, string] | undefined {
  const parts = /^(.+?)\['(.*)'\]$/s.exec(path);
  return parts ? [parts[1] ?? '', parts[2] ?? ''] : undefined;
}

/** Why a path cannot be read as one of the pod's fields. */
function fieldProblem(ref: ObjectFieldSelector, path: string): string | undefined {
  if (ref.apiVersion !== 'v1') return `unsupported pod version: ${ref.apiVersion}`;
  const base = splitSubscript(path)?.[0];
  if (base !== undefined) {
    return MAPS.includes(base) ? undefined : `field label does not support subscript: ${path}`;
  }
  return KNOWN_FIELDS.includes(path) ? undefined : `field label not supported: ${path}`;
}

/** Where the node's name stood before there was a first version. */
const RENAMED: Readonly<Record<string, string>> = lookup({ 'spec.host': 'spec.nodeName' });

/** A reference to a field of the pod; `allowed` are the fields this place may use. */
export function validateFieldRef(
  errors: Errors,
  path: string,
  ref: ObjectFieldSelector,
  allowed: readonly string[] = ENV_FIELDS,
): void {
  if (!requireText(errors, `${path}.apiVersion`, ref.apiVersion)) return;
  if (!requireText(errors, `${path}.fieldPath`, ref.fieldPath)) return;
  const at = `${path}.fieldPath`;
  const field = RENAMED[ref.fieldPath] ?? ref.fieldPath;
  const problem = fieldProblem(ref, field);
  if (problem !== undefined) {
    errors.push(invalid(at, ref.fieldPath, `error converting fieldPath: ${problem}`));
    return;
  }
  const [base, given] = splitSubscript(field) ?? [];
  if (given !== undefined) {
    const key = base === 'metadata.annotations' ? given.toLowerCase() : given;
    addMessages(errors, path, key, qualifiedName(key));
  } else if (!allowed.includes(field)) errors.push(notSupported(at, field, allowed));
}

const RESOURCE_FIELDS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const HUGE_PAGES = /^(limits|requests)\.hugepages-/;
const DIVISORS: Readonly<Record<string, readonly string[]>> = lookup({
  cpu: ['1m', '1'],
  memory: ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'],
});

export function validateResourceFieldRef(
  errors: Errors,
  path: string,
  ref: ResourceFieldSelector,
  isVolume: boolean,
): void {
  if (isVolume && !ref.containerName) errors.push(required(`${path}.containerName`));
  else if (requireText(errors, `${path}.resource`, ref.resource)) {
    const isKnown = HUGE_PAGES.test(ref.resource) || RESOURCE_FIELDS.includes(ref.resource);
    if (!isKnown) errors.push(notSupported(`${path}.resource`, ref.resource, RESOURCE_FIELDS));
  }
  validateDivisor(errors, `${path}.divisor`, ref);
}

/** What the values of a resource are called in messages; nothing is said of the divisors of others. */
function dividedAs(resource: string): string | undefined {
  if (HUGE_PAGES.test(resource)) return 'hugepages';
  if (!RESOURCE_FIELDS.includes(resource)) return undefined;
  const name = resource.slice(resource.indexOf('.') + 1);
  return name === 'ephemeral-storage' ? 'local ephemeral storage' : name;
}

function validateDivisor(errors: Errors, path: string, ref: ResourceFieldSelector): void {
  const divisor = ref.divisor ?? '0';
  const what = dividedAs(ref.resource ?? '');
  if (what === undefined || parseQuantity(divisor).nanos === 0n) return;
  const kind = what === 'cpu' ? 'cpu' : 'memory';
  if ((DIVISORS[kind] ?? []).includes(divisor)) return;
  const values = kind === 'cpu' ? '1m and 1' : (DIVISORS.memory ?? []).join(', ');
  const why = `only divisor's values ${values} are supported with the ${what} resource`;
  errors.push(invalid(path, ref.resource, why));
}

function keyRef(
  errors: Errors,
  path: string,
  ref: { name?: string | undefined; key: string },
): void {
  addMessages(errors, `${path}.name`, ref.name ?? '', dns1123Subdomain(ref.name ?? ''));
  if (!ref.key) errors.push(required(`${path}.key`));
  else addMessages(errors, `${path}.key`, ref.key, configMapKey(ref.key));
}

function validateSource(errors: Errors, path: string, env: EnvVar, from: EnvVarSource): void {
  let count = 0;
  if (from.fieldRef) {
    count += 1;
    validateFieldRef(errors, `${path}.fieldRef`, from.fieldRef);
  }
  if (from.resourceFieldRef) {
    count += 1;
    validateResourceFieldRef(errors, `${path}.resourceFieldRef`, from.resourceFieldRef, false);
  }
  if (from.configMapKeyRef) {
    count += 1;
    keyRef(errors, `${path}.configMapKeyRef`, from.configMapKeyRef);
  }
  if (from.secretKeyRef) {
    count += 1;
    keyRef(errors, `${path}.secretKeyRef`, from.secretKeyRef);
  }
  if (count === 0) {
    const why =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`';
    errors.push(invalid(path, '', why));
  } else if (env.value) {
    errors.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  } else if (count > 1) {
    errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
  }
}

export function validateEnv(errors: Errors, path: string, env: EnvVar[] | undefined): void {
  (env ?? []).forEach((e, i) => {
    const at = `${path}[${i}]`;
    if (!e.name) errors.push(required(`${at}.name`));
    else addMessages(errors, `${at}.name`, e.name, envVarName(e.name));
    if (e.valueFrom) validateSource(errors, `${at}.valueFrom`, e, e.valueFrom);
  });
}

export function validateEnvFrom(
  errors: Errors,
  path: string,
  sources: EnvFromSource[] | undefined,
): void {
  (sources ?? []).forEach((s, i) => {
    const at = `${path}[${i}]`;
    if (s.prefix) addMessages(errors, `${at}.prefix`, s.prefix, envVarName(s.prefix));
    let count = 0;
    for (const kind of ['configMapRef', 'secretRef'] as const) {
      const ref = s[kind];
      if (!ref) continue;
      count += 1;
      if (requireText(errors, `${at}.${kind}.name`, ref.name)) {
        const messages = dns1123Subdomain(maskTrailingDash(ref.name ?? ''));
        addMessages(errors, `${at}.${kind}.name`, ref.name, messages);
      }
    }
    // The stock server does not say which of them it means.
    if (count === 0) {
      errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (count > 1) {
      errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
    }
  });
}
