/** What may be set on pods that name their operating system. */
import { forbidden, invalid, notSupported, required } from '../field-error.ts';
import type { PodSpec } from '../generated/types.ts';
import type { Errors } from './common.ts';
import { containersOf } from './pod-annotations.ts';

const NOT_LINUX = 'windows options cannot be set for a linux pod';
const NOT_WINDOWS = 'cannot be set for a windows pod';

/** Fields of a pod's security context, and those of its spec among them, in the order of the messages. */
const POD_FIELDS: readonly (readonly ['spec' | 'context', string])[] = [
  ['context', 'appArmorProfile'],
  ['context', 'seLinuxOptions'],
  ['spec', 'hostUsers'],
  ['spec', 'hostPID'],
  ['spec', 'hostIPC'],
  ['context', 'seccompProfile'],
  ['context', 'fsGroup'],
  ['context', 'fsGroupChangePolicy'],
  ['context', 'sysctls'],
  ['spec', 'shareProcessNamespace'],
  ['context', 'runAsUser'],
  ['context', 'runAsGroup'],
  ['context', 'supplementalGroups'],
  ['context', 'supplementalGroupsPolicy'],
  ['context', 'seLinuxChangePolicy'],
];
/** Of these a false or an empty one is as none. */
const ONLY_WHEN_TRUE: ReadonlySet<string> = new Set(['hostPID', 'hostIPC', 'sysctls']);

const CONTAINER_FIELDS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

function isSet(name: string, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (!ONLY_WHEN_TRUE.has(name)) return true;
  return Array.isArray(value) ? value.length > 0 : value === true;
}

function validateLinux(errors: Errors, path: string, spec: PodSpec): void {
  if (spec.securityContext?.windowsOptions) {
    errors.push(forbidden(`${path}.securityContext.windowsOptions`, NOT_LINUX));
  }
  for (const { c, at } of containersOf(spec, path)) {
    if (!c.securityContext?.windowsOptions) continue;
    errors.push(forbidden(`${at}.securityContext.windowsOptions`, NOT_LINUX));
  }
}

function validateWindows(errors: Errors, path: string, spec: PodSpec): void {
  const context = spec.securityContext;
  if (context) {
    for (const [where, name] of POD_FIELDS) {
      const holder = (where === 'spec' ? spec : context) as unknown as Record<string, unknown>;
      if (!isSet(name, holder[name])) continue;
      const at = where === 'spec' ? path : `${path}.securityContext`;
      errors.push(forbidden(`${at}.${name}`, NOT_WINDOWS));
    }
  }
  for (const { c, at } of containersOf(spec, path)) {
    for (const name of CONTAINER_FIELDS) {
      if (c.securityContext?.[name] === undefined) continue;
      errors.push(forbidden(`${at}.securityContext.${name}`, NOT_WINDOWS));
    }
  }
}

/** `spec.os` and what depends on it; `path` is that of the spec. */
export function validateOs(errors: Errors, path: string, spec: PodSpec): void {
  if (!spec.os) return;
  const { name } = spec.os;
  if (!name) errors.push(required(`${path}.os.name`, 'cannot be empty'));
  else if (name === 'linux') validateLinux(errors, path, spec);
  else if (name === 'windows') validateWindows(errors, path, spec);
  else errors.push(notSupported(`${path}.os`, name, ['linux', 'windows']));
}

/** Containers that are processes of a Windows host: all or none, and on its network. */
export function validateHostProcesses(
  errors: Errors,
  path: string,
  spec: PodSpec,
  allowPrivileged: boolean,
): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const all = containersOf(spec, path);
  let count = 0;
  for (const { c, at } of all) {
    const own = c.securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      const why = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      errors.push(invalid(`${at}.securityContext.windowsOptions.hostProcess`, own, why));
    }
    if (own ?? ofPod) count += 1;
  }
  if (count === 0) return;
  if (count !== all.length) {
    const why =
      'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    errors.push(invalid(path, '', why));
  }
  if (!spec.hostNetwork) {
    const why = 'hostNetwork must be true if pod contains any hostProcess containers';
    errors.push(invalid(`${path}.hostNetwork`, false, why));
  }
  if (allowPrivileged) return;
  errors.push(forbidden(path, 'hostProcess containers are disallowed by cluster policy'));
}
