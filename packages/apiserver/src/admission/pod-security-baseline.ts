/** The rules of the level `baseline` of the Pod Security Standards, one by one. */
import type { SELinuxOptions } from '@kubets/api';
import {
  type AnyContainer,
  type CheckedPod,
  type Context,
  complaint,
  containersOf,
  containersThat,
  contextsOf,
  distinct,
  named,
  plural,
  quoted,
  type Rule,
  setters,
} from './pod-security-pod.ts';

export const APP_ARMOR_PREFIX = 'container.apparmor.security.beta.kubernetes.io/';
export const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
export const SECCOMP_PREFIX = 'container.seccomp.security.alpha.kubernetes.io/';

const DEFAULT_CAPABILITIES = new Set([
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD'],
  ...['NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
]);

/** Profiles that lift no protection. */
const isSafeProfile = (type: string): boolean => type === 'RuntimeDefault' || type === 'Localhost';

export const appArmor: Rule = (pod) => {
  const typeOf = (o: Context): string => o.appArmorProfile?.type ?? '';
  const isBad = (type: string): boolean => type !== '' && !isSafeProfile(type);
  const who = setters(pod, (context) => isBad(typeOf(context)));
  const values = distinct(contextsOf(pod).map(typeOf).filter(isBad));
  const annotations = Object.entries(pod.metadata?.annotations ?? {})
    .filter(([key, value]) => key.startsWith(APP_ARMOR_PREFIX) && !isAppArmorText(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const by = annotations.length === 0 ? '' : plural('annotation', annotations.length);
  const all = [who, by].filter((text) => text !== '').join(' and ');
  if (all === '') return undefined;
  const bad = [...values, ...annotations];
  const reason = plural('forbidden AppArmor profile', bad.length);
  return complaint(reason, `${all} must not set AppArmor profile type to ${quoted(bad)}`);
};

const isAppArmorText = (text: string): boolean =>
  text === '' || text === 'runtime/default' || text.startsWith('localhost/');

export const hostNamespaces: Rule = ({ spec }) => {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((key) => spec[key]);
  if (used.length === 0) return undefined;
  return complaint('host namespaces', used.map((key) => `${key}=true`).join(', '));
};

export const privileged: Rule = (pod) => {
  const who = containersThat(pod, (container) => container.securityContext?.privileged === true);
  if (who === '') return undefined;
  return complaint('privileged', `${who} must not set securityContext.privileged=true`);
};

/** The containers that add capabilities beyond some, and which those are. */
export function addedBeyond(pod: CheckedPod, allowed: ReadonlySet<string>): string {
  const names: string[] = [];
  const added: string[] = [];
  for (const container of containersOf(pod)) {
    const extra = (container.securityContext?.capabilities?.add ?? []).filter(
      (capability) => !allowed.has(capability),
    );
    if (extra.length > 0) names.push(container.name);
    added.push(...extra);
  }
  if (names.length === 0) return '';
  const what = `must not include ${quoted(distinct(added))} in securityContext.capabilities.add`;
  return `${named('container', names)} ${what}`;
}

export const defaultCapabilities: Rule = (pod) => {
  const detail = addedBeyond(pod, DEFAULT_CAPABILITIES);
  return detail === '' ? undefined : complaint('non-default capabilities', detail);
};

export const hostPathVolumes: Rule = ({ spec }) => {
  const names = (spec.volumes ?? []).filter((volume) => volume.hostPath).map(({ name }) => name);
  return names.length === 0 ? undefined : complaint('hostPath volumes', named('volume', names));
};

export const hostPorts: Rule = (pod) => {
  const names: string[] = [];
  const ports: string[] = [];
  for (const container of containersOf(pod)) {
    const used = (container.ports ?? []).map((port) => port.hostPort ?? 0).filter((n) => n !== 0);
    if (used.length > 0) names.push(container.name);
    ports.push(...used.map(String));
  }
  if (names.length === 0) return undefined;
  const list = distinct(ports);
  const verb = names.length === 1 ? 'uses' : 'use';
  const what = `${plural('hostPort', list.length)} ${list.join(', ')}`;
  return complaint('hostPort', `${named('container', names)} ${verb} ${what}`);
};

export const procMount: Rule = (pod) => {
  const typeOf = (container: AnyContainer): string =>
    container.securityContext?.procMount ?? 'Default';
  const who = containersThat(pod, (container) => typeOf(container) !== 'Default');
  if (who === '') return undefined;
  const bad = distinct(containersOf(pod).map(typeOf)).filter((type) => type !== 'Default');
  return complaint('procMount', `${who} must not set securityContext.procMount to ${quoted(bad)}`);
};

/** Refuses sysctls other than these. */
export const sysctlsBeyond =
  (safe: readonly string[]): Rule =>
  ({ spec }) => {
    const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name);
    const unsafe = names.filter((name) => !safe.includes(name));
    return unsafe.length === 0 ? undefined : complaint('forbidden sysctls', unsafe.join(', '));
  };

/** Refuses SELinux types other than these, and any user and role. */
export const seLinuxBeyond =
  (safe: readonly string[]): Rule =>
  (pod) => {
    const optionsOf = (context: Context): SELinuxOptions => context.seLinuxOptions ?? {};
    const isBadType = ({ type = '' }: SELinuxOptions): boolean =>
      type !== '' && !safe.includes(type);
    const isBad = (o: SELinuxOptions): boolean =>
      isBadType(o) || Boolean(o.user) || Boolean(o.role);
    const who = setters(pod, (context) => isBad(optionsOf(context)));
    if (who === '') return undefined;
    const all = contextsOf(pod).map(optionsOf);
    const types = distinct(all.filter(isBadType).map(({ type = '' }) => type));
    const what = [
      ...(types.length > 0 ? [named('type', types)] : []),
      ...(all.some(({ user }) => user) ? ['user may not be set'] : []),
      ...(all.some(({ role }) => role) ? ['role may not be set'] : []),
    ];
    const detail = `${who} set forbidden securityContext.seLinuxOptions: ${what.join('; ')}`;
    return complaint('seLinuxOptions', detail);
  };

/** Before there were fields, annotations said it. */
export const seccompAnnotations: Rule = (pod) => {
  const annotations = pod.metadata?.annotations ?? {};
  const keys = [SECCOMP_POD, ...containersOf(pod).map(({ name }) => SECCOMP_PREFIX + name)];
  const bad = keys.flatMap((key) => {
    const value = annotations[key];
    return value === undefined || isSeccompText(value) ? [] : [`${key}=${JSON.stringify(value)}`];
  });
  if (bad.length === 0) return undefined;
  const list = distinct(bad);
  const detail = `forbidden ${plural('annotation', list.length)} ${list.join(', ')}`;
  return complaint('seccompProfile', detail);
};

const isSeccompText = (text: string): boolean =>
  ['runtime/default', 'docker/default'].includes(text) || text.startsWith('localhost/');

/** Says who sets a seccomp profile that protects from nothing. */
export const seccompFields: Rule = (pod) => {
  const typeOf = (context: Context): string => context.seccompProfile?.type ?? '';
  const isBad = (type: string): boolean => type !== '' && !isSafeProfile(type);
  const who = setters(pod, (context) => isBad(typeOf(context)));
  if (who === '') return undefined;
  const values = quoted(distinct(contextsOf(pod).map(typeOf).filter(isBad)));
  const detail = `${who} must not set securityContext.seccompProfile.type to ${values}`;
  return complaint('seccompProfile', detail);
};

export const windowsHostProcess: Rule = (pod) => {
  const who = setters(pod, (context) => context.windowsOptions?.hostProcess === true);
  if (who === '') return undefined;
  const rule = 'must not set securityContext.windowsOptions.hostProcess=true';
  return complaint('hostProcess', `${who} ${rule}`);
};
