/** The environment of a container. Pure: the objects it refers to come in. */
import type { ConfigMap, Container, EnvVar, Pod, Secret } from '@kubets/api';
import { type DownwardFacts, fieldValue, resourceValue } from './downward.ts';
import { expandVariables } from './expand.ts';
import { namespaceOf } from './pod.ts';

/** What a container's environment refers to is missing: tried again later. */
export class EnvError extends Error {
  override readonly name = 'EnvError';
}

export interface EnvInput {
  readonly pod: Pod;
  readonly container: Container;
  /** By name; undefined: there is none. */
  readonly configMaps: ReadonlyMap<string, ConfigMap | undefined>;
  readonly secrets: ReadonlyMap<string, Secret | undefined>;
  readonly services: ReadonlyMap<string, string>;
  readonly facts: DownwardFacts;
}

// Anything a process can have in its environment: printable, and no equals sign.
const ENV_NAME = /^[ -<>-~]+$/;

/** Names of the ConfigMaps and Secrets an environment reads. */
export function envReferences(container: Container): { configMaps: string[]; secrets: string[] } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef?.name) configMaps.add(configMapRef.name);
    if (secretRef?.name) secrets.add(secretRef.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name) configMaps.add(valueFrom.configMapKeyRef.name);
    if (valueFrom?.secretKeyRef?.name) secrets.add(valueFrom.secretKeyRef.name);
  }
  return { configMaps: [...configMaps], secrets: [...secrets] };
}

/** A Secret's value is base64 in the API. */
export const secretText = (value: string): string => Buffer.from(value, 'base64').toString('utf8');

function keyOfConfigMap(
  input: EnvInput,
  ref: NonNullable<EnvVar['valueFrom']>,
): string | undefined {
  const selector = ref.configMapKeyRef;
  if (selector === undefined) return undefined;
  const name = selector.name ?? '';
  const map = input.configMaps.get(name);
  const value = map?.data?.[selector.key];
  if (value !== undefined || selector.optional) return value;
  if (map === undefined) throw new EnvError(`configmap "${name}" not found`);
  const where = `${namespaceOf(input.pod)}/${name}`;
  throw new EnvError(`couldn't find key ${selector.key} in ConfigMap ${where}`);
}

function keyOfSecret(input: EnvInput, ref: NonNullable<EnvVar['valueFrom']>): string | undefined {
  const selector = ref.secretKeyRef;
  if (selector === undefined) return undefined;
  const name = selector.name ?? '';
  const secret = input.secrets.get(name);
  const value = secret?.data?.[selector.key];
  if (value !== undefined) return secretText(value);
  if (selector.optional) return undefined;
  if (secret === undefined) throw new EnvError(`secret "${name}" not found`);
  const where = `${namespaceOf(input.pod)}/${name}`;
  throw new EnvError(`couldn't find key ${selector.key} in Secret ${where}`);
}

function valueFrom(input: EnvInput, ref: NonNullable<EnvVar['valueFrom']>): string | undefined {
  const { pod, container, facts } = input;
  if (ref.fieldRef !== undefined) return fieldValue(pod, ref.fieldRef, facts);
  if (ref.resourceFieldRef !== undefined) {
    return resourceValue(pod, ref.resourceFieldRef, container, facts);
  }
  return keyOfConfigMap(input, ref) ?? keyOfSecret(input, ref);
}

function addFrom(input: EnvInput, result: Map<string, string>): void {
  for (const { prefix = '', configMapRef, secretRef } of input.container.envFrom ?? []) {
    const add = (key: string, value: string): void => {
      if (ENV_NAME.test(prefix + key)) result.set(prefix + key, value);
    };
    if (configMapRef !== undefined) {
      const map = input.configMaps.get(configMapRef.name ?? '');
      if (map === undefined && !configMapRef.optional) {
        throw new EnvError(`configmap "${configMapRef.name}" not found`);
      }
      for (const [key, value] of Object.entries(map?.data ?? {})) add(key, value);
    }
    if (secretRef !== undefined) {
      const secret = input.secrets.get(secretRef.name ?? '');
      if (secret === undefined && !secretRef.optional) {
        throw new EnvError(`secret "${secretRef.name}" not found`);
      }
      for (const [key, value] of Object.entries(secret?.data ?? {})) add(key, secretText(value));
    }
  }
}

/**
 * Names and values in the order the container gets them. Later sources win: `envFrom`, then `env`; Services fill what is left.
 * @throws EnvError, DownwardError when a reference leads nowhere
 */
export function containerEnv(input: EnvInput): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  addFrom(input, result);
  const lookup = (name: string): string | undefined => result.get(name) ?? input.services.get(name);
  for (const variable of input.container.env ?? []) {
    const value =
      variable.valueFrom === undefined
        ? expandVariables(variable.value ?? '', lookup)
        : valueFrom(input, variable.valueFrom);
    if (value !== undefined) result.set(variable.name, value);
  }
  for (const [name, value] of input.services) {
    if (!result.has(name)) result.set(name, value);
  }
  return result;
}
