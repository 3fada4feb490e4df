/** The PodSecurityConfiguration: what holds where labels say nothing, and for whom nothing holds. */
import { aggregateText, FieldError, fieldErrors, isJsonObject, type JsonObject } from '@kubets/api';
import { ConfigError } from '@kubets/platform';
import type { Level, Policy } from './pod-security-checks.ts';
import { levelFault, NO_POLICIES, type Policies, versionFault } from './pod-security-policy.ts';

/** Whose pods are not looked at. */
export interface Exemptions {
  readonly usernames: readonly string[];
  readonly namespaces: readonly string[];
  readonly runtimeClasses: readonly string[];
}

export interface PodSecurityConfig {
  readonly defaults: Policies;
  readonly exemptions: Exemptions;
}

export const NO_POD_SECURITY_CONFIG: PodSecurityConfig = {
  defaults: NO_POLICIES,
  exemptions: { usernames: [], namespaces: [], runtimeClasses: [] },
};

const VERSIONS = ['v1', 'v1beta1', 'v1alpha1'].map(
  (v) => `pod-security.admission.config.k8s.io/${v}`,
);

/** @throws ConfigError that begins with `where`, in upstream's words about the fields */
export function podSecurityConfigOf(where: string, config: JsonObject): PodSecurityConfig {
  const fits = VERSIONS.includes(String(config.apiVersion));
  if (config.kind !== 'PodSecurityConfiguration' || !fits) {
    throw new ConfigError(`${where}: want kind PodSecurityConfiguration of ${VERSIONS[0]}`);
  }
  const errors: FieldError[] = [];
  const defaults = partOf(config, 'defaults');
  const exemptions = partOf(config, 'exemptions');
  const read: PodSecurityConfig = {
    defaults: {
      enforce: policyOf(defaults, 'enforce', errors),
      warn: policyOf(defaults, 'warn', errors),
      audit: policyOf(defaults, 'audit', errors),
    },
    exemptions: {
      namespaces: namesOf(exemptions, 'namespaces', errors),
      runtimeClasses: namesOf(exemptions, 'runtimeClasses', errors),
      usernames: namesOf(exemptions, 'usernames', errors),
    },
  };
  if (errors.length > 0) throw new ConfigError(`${where}: ${aggregateText(errors)}`);
  return read;
}

function partOf(config: JsonObject, name: string): JsonObject {
  const part = config[name];
  return isJsonObject(part) ? part : {};
}

function policyOf(defaults: JsonObject, mode: keyof Policies, errors: FieldError[]): Policy {
  const level = String(defaults[mode] || 'privileged');
  const version = String(defaults[`${mode}-version`] || 'latest');
  const check = (name: string, value: string, fault: string | undefined): void => {
    if (fault !== undefined)
      errors.push(new FieldError('Invalid', `defaults.${name}`, value, fault));
  };
  check(mode, level, levelFault(level));
  check(`${mode}-version`, version, versionFault(version));
  return { level: level as Level, version };
}

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

function namesOf(part: JsonObject, list: keyof Exemptions, errors: FieldError[]): string[] {
  const given = part[list];
  const names = Array.isArray(given) ? given.map(String) : [];
  for (const [at, name] of names.entries()) {
    const path = `exemptions.${list}[${at}]`;
    const fault = list === 'usernames' || NAME.test(name) ? undefined : 'this is no name';
    if (name === '') errors.push(fieldErrors.required(path));
    else if (fault) errors.push(fieldErrors.invalid(path, name, fault));
    else if (names.indexOf(name) < at) errors.push(fieldErrors.duplicate(path, name));
  }
  return names;
}
