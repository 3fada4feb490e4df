/** Which rules the Pod Security Standards have at which level, in which release. */
import * as baseline from './pod-security-baseline.ts';
import type { CheckedPod, Complaint, Rule } from './pod-security-pod.ts';
import * as restricted from './pod-security-restricted.ts';

/** Levels of the Pod Security Standards. */
export type Level = 'privileged' | 'baseline' | 'restricted';

/** A level, and of which release: `latest` or `v1.x`. */
export interface Policy {
  readonly level: Level;
  readonly version: string;
}

/** A check: its rule from each release on that changed it, oldest first. */
interface Check {
  readonly id: string;
  readonly level: Exclude<Level, 'privileged'>;
  readonly since: readonly (readonly [minor: number, rule: Rule])[];
  /** The check of `baseline` that says less than this one, and is left out where this one is. */
  readonly instead?: string;
}

const SYSCTLS = [
  ...['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies'],
  ...['net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start'],
];
const SYSCTLS_27 = [...SYSCTLS, 'net.ipv4.ip_local_reserved_ports'];
const SYSCTLS_29 = [
  ...SYSCTLS_27,
  ...['net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout'],
  ...['net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes'],
];
const SYSCTLS_32 = [...SYSCTLS_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

const SE_LINUX_TYPES = ['container_t', 'container_init_t', 'container_kvm_t'];

/** In the order of their complaints: by level, then by name. */
const CHECKS: readonly Check[] = [
  { id: 'appArmorProfile', level: 'baseline', since: [[0, baseline.appArmor]] },
  { id: 'capabilities_baseline', level: 'baseline', since: [[0, baseline.defaultCapabilities]] },
  { id: 'hostNamespaces', level: 'baseline', since: [[0, baseline.hostNamespaces]] },
  { id: 'hostPathVolumes', level: 'baseline', since: [[0, baseline.hostPathVolumes]] },
  { id: 'hostPorts', level: 'baseline', since: [[0, baseline.hostPorts]] },
  { id: 'privileged', level: 'baseline', since: [[0, baseline.privileged]] },
  { id: 'procMount', level: 'baseline', since: [[0, baseline.procMount]] },
  {
    id: 'seLinuxOptions',
    level: 'baseline',
    since: [
      [0, baseline.seLinuxBeyond(SE_LINUX_TYPES)],
      [31, baseline.seLinuxBeyond([...SE_LINUX_TYPES, 'container_engine_t'])],
    ],
  },
  {
    id: 'seccompProfile_baseline',
    level: 'baseline',
    since: [
      [0, baseline.seccompAnnotations],
      [19, baseline.seccompFields],
    ],
  },
  {
    id: 'sysctls',
    level: 'baseline',
    since: [
      [0, baseline.sysctlsBeyond(SYSCTLS)],
      [27, baseline.sysctlsBeyond(SYSCTLS_27)],
      [29, baseline.sysctlsBeyond(SYSCTLS_29)],
      [32, baseline.sysctlsBeyond(SYSCTLS_32)],
    ],
  },
  { id: 'windowsHostProcess', level: 'baseline', since: [[0, baseline.windowsHostProcess]] },
  {
    id: 'allowPrivilegeEscalation',
    level: 'restricted',
    since: fromWindowsPods(8, restricted.allowPrivilegeEscalation),
  },
  {
    id: 'capabilities_restricted',
    level: 'restricted',
    since: fromWindowsPods(22, restricted.droppedCapabilities),
    instead: 'capabilities_baseline',
  },
  {
    id: 'restrictedVolumes',
    level: 'restricted',
    since: [[0, restricted.restrictedVolumes]],
    instead: 'hostPathVolumes',
  },
  { id: 'runAsNonRoot', level: 'restricted', since: [[0, restricted.runAsNonRoot]] },
  { id: 'runAsUser', level: 'restricted', since: [[23, restricted.runAsUser]] },
  {
    id: 'seccompProfile_restricted',
    level: 'restricted',
    since: fromWindowsPods(19, restricted.seccompRequired),
    instead: 'seccompProfile_baseline',
  },
];

/** A rule from one release on, which leaves pods for Windows alone since 1.25. */
function fromWindowsPods(minor: number, rule: Rule): Check['since'] {
  return [
    [minor, rule],
    [25, restricted.unlessWindows(rule)],
  ];
}

/**
 * What a pod does that its level forbids, in upstream's order. A release newer than this server's counts as this
 * server's. Source: Kubernetes' pod-security-admission 1.32, package policy.
 */
export function complaints({ level, version }: Policy, pod: CheckedPod): Complaint[] {
  if (level === 'privileged') return [];
  const minor =
    version === 'latest' ? Number.POSITIVE_INFINITY : Number(version.slice('v1.'.length));
  const found: { check: Check; rule: Rule }[] = [];
  for (const check of CHECKS) {
    const rule = check.since.findLast(([since]) => since <= minor)?.[1];
    if (rule && (check.level === 'baseline' || level === 'restricted')) found.push({ check, rule });
  }
  const replaced = new Set(found.map(({ check }) => check.instead));
  return found
    .filter(({ check }) => !replaced.has(check.id))
    .map(({ rule }) => rule(pod))
    .filter((one) => one !== undefined);
}
