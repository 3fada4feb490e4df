/** Environment variables of containers, and references to fields of the pod. */
import { invalid, notSupported, required } from '../field-error.ts';
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '../generated/types.ts';
import { parseQuantity } from '../quantity.ts';
import { addMessages, type Errors, requireText } from './common.ts';
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
const KNOWN_LABELS = [...ENV_FIELDS, 'metadata.annotations', 'metadata.labels', 'spec.host'];

/** `metadata.labels['key']` → path and key. */
function splitSubscript(path: string): [string, string] | undefined {
  const parts = /^(.*)\['(.*)'\]$/s.exec(path);
  return parts ? [parts[1] ?? '', parts[2] ?? ''] : undefined;
}

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
  const subscript = splitSubscript(ref.fieldPath);
  if (subscript) {
    const [base, key] = subscript;
    if (base === 'metadata.annotations') {
      addMessages(errors, path, key, qualifiedName(key.toLowerCase()));
    } else if (base === 'metadata.labels') addMessages(errors, path, key, qualifiedName(key));
    else errors.push(invalid(path, base, 'does not support subscript'));
    return;
  }
  if (!KNOWN_LABELS.includes(ref.fieldPath)) {
    const why = `error converting fieldPath: field label not supported: ${ref.fieldPath}`;
    errors.push(invalid(at, ref.fieldPath, why));
  } else if (!allowed.includes(ref.fieldPath)) {
    errors.push(notSupported(at, ref.fieldPath, allowed));
  }
}

const RESOURCE_FIELDS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const DIVISORS: Readonly<Record<string, readonly string[]>> = {
  cpu: ['1m', '1'],
  memory: ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'],
};

export function validateResourceFieldRef(
  errors: Errors,
  path: string,
  ref: ResourceFieldSelector,
  isVolume: boolean,
): void {
  if (isVolume && !ref.containerName) errors.push(required(`${path}.containerName`));
  if (!requireText(errors, `${path}.resource`, ref.resource)) return;
  const huge = /^(limits|requests)\.hugepages-/.test(ref.resource);
  if (!huge && !RESOURCE_FIELDS.includes(ref.resource)) {
    errors.push(notSupported(`${path}.resource`, ref.resource, RESOURCE_FIELDS));
    return;
  }
  const divisor = ref.divisor ?? '0';
  if (parseQuantity(divisor).nanos === 0n) return;
  const kind = ref.resource.endsWith('.cpu') ? 'cpu' : 'memory';
  if ((DIVISORS[kind] ?? []).includes(divisor)) return;
  const values = kind === 'cpu' ? '1m and 1' : (DIVISORS.memory ?? []).join(', ');
  const what = ref.resource.endsWith('.ephemeral-storage') ? 'local ephemeral storage' : kind;
  const why = `only divisor's values ${values} are supported with the ${what} resource`;
  errors.push(invalid(`${path}.divisor`, ref.resource, why));
}

function keyRef(
  errors: Errors,
  path: string,
  ref: { name?: string | undefined; key: string },
): void {
  if (requireText(errors, `${path}.name`, ref.name)) {
    addMessages(errors, `${path}.name`, ref.name, dns1123Subdomain(ref.name ?? ''));
  }
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
        addMessages(errors, `${at}.${kind}.name`, ref.name, dns1123Subdomain(ref.name ?? ''));
      }
    }
    if (count === 0) {
      errors.push(invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (count > 1) {
      errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
    }
  });
}
