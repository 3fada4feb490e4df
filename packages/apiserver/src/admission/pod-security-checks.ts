import type { Container, PodSpec, Volume } from '@kubets/api';

/** The parts of a pod the standards look at. */
export interface CheckedPod {
  readonly spec: PodSpec;
}

/** One complaint: what is forbidden, and where it is used. */
export interface Complaint {
  readonly reason: string;
  readonly detail: string;
}

type Check = (pod: CheckedPod) => Complaint | undefined;

type AnyContainer = Pick<Container, 'name' | 'securityContext' | 'ports'>;

const containersOf = ({ spec }: CheckedPod): AnyContainer[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...(spec.ephemeralContainers ?? []),
];

const quoted = (values: readonly string[]): string =>
  values.map((value) => JSON.stringify(value)).join(', ');

/** `container "a"` or `containers "a", "b"`. */
const named = (kind: string, names: readonly string[]): string =>
  `${kind}${names.length === 1 ? '' : 's'} ${quoted(names)}`;

/** Complains about the containers a test picks. */
function perContainer(
  pod: CheckedPod,
  o: { bad: (container: AnyContainer) => boolean; reason: string; rule: string },
): Complaint | undefined {
  const names = containersOf(pod)
    .filter(o.bad)
    .map((container) => container.name);
  if (names.length === 0) return undefined;
  return { reason: o.reason, detail: `${named('container', names)} ${o.rule}` };
}

const DEFAULT_CAPABILITIES = new Set([
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD'],
  ...['NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
]);

const SAFE_SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_syncookies',
]);

const SAFE_SELINUX_TYPES = new Set([
  ...['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'],
]);

const SAFE_VOLUMES = new Set([
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'image'],
  ...['persistentVolumeClaim', 'projected', 'secret'],
]);

const hostNamespaces: Check = ({ spec }) => {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((key) => spec[key]);
  if (used.length === 0) return undefined;
  return { reason: 'host namespaces', detail: used.map((key) => `${key}=true`).join(', ') };
};

const privileged: Check = (pod) =>
  perContainer(pod, {
    bad: (container) => container.securityContext?.privileged === true,
    reason: 'privileged',
    rule: 'must not set securityContext.privileged=true',
  });

function addedBeyond(pod: CheckedPod, allowed: ReadonlySet<string>) {
  const names: string[] = [];
  const added = new Set<string>();
  for (const container of containersOf(pod)) {
    const extra = (container.securityContext?.capabilities?.add ?? []).filter(
      (capability) => !allowed.has(capability),
    );
    if (extra.length > 0) names.push(container.name);
    for (const capability of extra) added.add(capability);
  }
  return { names, added: [...added].sort() };
}

const baselineCapabilities: Check = (pod) => {
  const { names, added } = addedBeyond(pod, DEFAULT_CAPABILITIES);
  if (names.length === 0) return undefined;
  const rule = `must not include ${quoted(added)} in securityContext.capabilities.add`;
  return { reason: 'non-default capabilities', detail: `${named('container', names)} ${rule}` };
};

const restrictedCapabilities: Check = (pod) => {
  const details: string[] = [];
  const keeping = containersOf(pod)
    .filter(({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'))
    .map((container) => container.name);
  if (keeping.length > 0) {
    const rule = 'must set securityContext.capabilities.drop=["ALL"]';
    details.push(`${named('container', keeping)} ${rule}`);
  }
  const { names, added } = addedBeyond(pod, new Set(['NET_BIND_SERVICE']));
  if (names.length > 0) {
    const rule = `must not include ${quoted(added)} in securityContext.capabilities.add`;
    details.push(`${named('container', names)} ${rule}`);
  }
  if (details.length === 0) return undefined;
  return { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

const hostPathVolumes: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter((volume) => volume.hostPath).map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: 'hostPath volumes', detail: named('volume', names) };
};

const hostPorts: Check = (pod) => {
  const names: string[] = [];
  const ports = new Set<number>();
  for (const container of containersOf(pod)) {
    const used = (container.ports ?? []).map((port) => port.hostPort ?? 0).filter((n) => n !== 0);
    if (used.length > 0) names.push(container.name);
    for (const port of used) ports.add(port);
  }
  if (names.length === 0) return undefined;
  const list = [...ports].sort((a, b) => a - b).join(', ');
  const what = `hostPort${ports.size === 1 ? '' : 's'} ${list}`;
  const verb = names.length === 1 ? 'uses' : 'use';
  return { reason: 'hostPort', detail: `${named('container', names)} ${verb} ${what}` };
};

const procMount: Check = (pod) =>
  perContainer(pod, {
    bad: ({ securityContext }) => (securityContext?.procMount ?? 'Default') !== 'Default',
    reason: 'procMount',
    rule: 'must not set securityContext.procMount to "Unmasked"',
  });

const sysctls: Check = ({ spec }) => {
  const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name);
  const unsafe = names.filter((name) => !SAFE_SYSCTLS.has(name));
  if (unsafe.length === 0) return undefined;
  return { reason: 'forbidden sysctls', detail: unsafe.join(', ') };
};

const seLinux: Check = (pod) => {
  const contexts = [pod.spec.securityContext, ...containersOf(pod).map((c) => c.securityContext)];
  const options = contexts.map((context) => context?.seLinuxOptions ?? {});
  const types = options
    .map(({ type = '' }) => type)
    .filter((type) => !SAFE_SELINUX_TYPES.has(type));
  const details: string[] = [];
  if (types.length > 0) details.push(`type ${quoted([...new Set(types)].sort())}`);
  if (options.some(({ user }) => user)) details.push('user may not be set');
  if (options.some(({ role }) => role)) details.push('role may not be set');
  if (details.length === 0) return undefined;
  return { reason: 'seLinuxOptions', detail: details.join('; ') };
};

const baselineSeccomp: Check = (pod) => {
  const isBad = (type: string | undefined): boolean => type === 'Unconfined';
  const rule = 'must not set securityContext.seccompProfile.type to "Unconfined"';
  const names = containersOf(pod)
    .filter((container) => isBad(container.securityContext?.seccompProfile?.type))
    .map((container) => container.name);
  const subjects = isBad(pod.spec.securityContext?.seccompProfile?.type) ? ['pod'] : [];
  if (names.length > 0) subjects.push(named('container', names));
  if (subjects.length === 0) return undefined;
  return { reason: 'seccompProfile', detail: `${subjects.join(' and ')} ${rule}` };
};

const restrictedSeccomp: Check = (pod) => {
  const isGood = (type: string | undefined): boolean =>
    type === 'RuntimeDefault' || type === 'Localhost';
  const byPod = pod.spec.securityContext?.seccompProfile?.type;
  const typeOf = (c: AnyContainer): string | undefined => c.securityContext?.seccompProfile?.type;
  const rule = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"';
  const reason = 'seccompProfile';
  const wrong = containersOf(pod).filter((c) => typeOf(c) !== undefined && !isGood(typeOf(c)));
  if (wrong.length > 0) {
    return {
      reason,
      detail: `${named(
        'container',
        wrong.map((c) => c.name),
      )} ${rule}`,
    };
  }
  if (isGood(byPod)) return undefined;
  const unset = containersOf(pod).filter((c) => typeOf(c) === undefined);
  if (unset.length === 0) return undefined;
  return {
    reason,
    detail: `pod or ${named(
      'container',
      unset.map((c) => c.name),
    )} ${rule}`,
  };
};

const allowPrivilegeEscalation: Check = (pod) =>
  perContainer(pod, {
    bad: ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
    reason: 'allowPrivilegeEscalation != false',
    rule: 'must set securityContext.allowPrivilegeEscalation=false',
  });

const runAsNonRoot: Check = (pod) => {
  const reason = 'runAsNonRoot != true';
  const settingOf = (c: AnyContainer): boolean | undefined => c.securityContext?.runAsNonRoot;
  const wrong = containersOf(pod).filter((c) => settingOf(c) === false);
  if (wrong.length > 0) {
    const rule = 'must not set securityContext.runAsNonRoot=false';
    return {
      reason,
      detail: `${named(
        'container',
        wrong.map((c) => c.name),
      )} ${rule}`,
    };
  }
  if (pod.spec.securityContext?.runAsNonRoot === true) return undefined;
  const unset = containersOf(pod).filter((c) => settingOf(c) === undefined);
  if (unset.length === 0) return undefined;
  const rule = 'must set securityContext.runAsNonRoot=true';
  return {
    reason,
    detail: `pod or ${named(
      'container',
      unset.map((c) => c.name),
    )} ${rule}`,
  };
};

const runAsUser: Check = (pod) => {
  const names = containersOf(pod)
    .filter(({ securityContext }) => securityContext?.runAsUser === 0)
    .map((container) => container.name);
  const subjects = pod.spec.securityContext?.runAsUser === 0 ? ['pod'] : [];
  if (names.length > 0) subjects.push(named('container', names));
  if (subjects.length === 0) return undefined;
  return { reason: 'runAsUser=0', detail: `${subjects.join(' and ')} must not set runAsUser=0` };
};

function volumeType(volume: Volume): string {
  return Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
}

const restrictedVolumes: Check = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter((volume) => !SAFE_VOLUMES.has(volumeType(volume)));
  if (bad.length === 0) return undefined;
  const types = [...new Set(bad.map(volumeType))].sort();
  const verb = bad.length === 1 ? 'uses' : 'use';
  const what = `restricted volume type${types.length === 1 ? '' : 's'} ${quoted(types)}`;
  const subject = named(
    'volume',
    bad.map(({ name }) => name),
  );
  return { reason: 'restricted volume types', detail: `${subject} ${verb} ${what}` };
};

const BASELINE_ONLY: readonly Check[] = [baselineCapabilities];
const BASELINE: readonly Check[] = [
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  privileged,
  procMount,
  seLinux,
];
const RESTRICTED: readonly Check[] = [
  allowPrivilegeEscalation,
  restrictedCapabilities,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  restrictedSeccomp,
];

/** Levels of the Pod Security Standards. */
export type Level = 'privileged' | 'baseline' | 'restricted';

/** What a pod does that its level forbids, in upstream's order. */
export function complaints(level: Level, pod: CheckedPod): Complaint[] {
  if (level === 'privileged') return [];
  const checks =
    level === 'baseline'
      ? [...BASELINE_ONLY, ...BASELINE, baselineSeccomp, sysctls]
      : [...BASELINE, sysctls, ...RESTRICTED];
  return checks.map((check) => check(pod)).filter((one) => one !== undefined);
}
