/** Specs in the kubelet's words → CRI messages. Pure. */
import type {
  CgroupLimits,
  ContainerMount,
  ContainerSecurity,
  ContainerSpec,
  NamespaceChoice,
  PortMapping,
  SandboxSpec,
  SeccompProfile,
} from '../ports.ts';

const optionalInt = (value: number | undefined): { value: number } | undefined =>
  value === undefined ? undefined : { value };

function namespaceOptions(choice: NamespaceChoice): object {
  const own = choice.pidOf ? { pid: 'TARGET', target_id: choice.pidOf } : { pid: 'CONTAINER' };
  return {
    network: choice.hostNetwork ? 'NODE' : 'POD',
    ...(choice.hostPid ? { pid: 'NODE' } : choice.sharePid ? { pid: 'POD' } : own),
    ipc: choice.hostIpc ? 'NODE' : 'POD',
  };
}

function seccompOf(profile: SeccompProfile | undefined): object | undefined {
  if (profile === undefined) return { profile_type: 'Unconfined' };
  if (profile.type === 'Localhost') {
    return { profile_type: 'Localhost', localhost_ref: profile.path };
  }
  return { profile_type: profile.type };
}

const portMessage = (port: PortMapping): object => ({
  protocol: port.protocol,
  container_port: port.containerPort,
  host_port: port.hostPort,
  host_ip: port.hostIp,
});

/** PodSandboxConfig. */
export function sandboxMessage(spec: SandboxSpec): object {
  const { name, uid, namespace, attempt } = spec;
  return {
    metadata: { name, uid, namespace, attempt },
    hostname: spec.hostname,
    log_directory: spec.logDirectory,
    dns_config: spec.dns,
    port_mappings: spec.ports.map(portMessage),
    labels: spec.labels,
    annotations: spec.annotations,
    linux: {
      cgroup_parent: spec.cgroupParent,
      sysctls: spec.sysctls,
      security_context: {
        namespace_options: namespaceOptions(spec.namespaces),
        privileged: spec.privileged,
        supplemental_groups: spec.supplementalGroups,
        run_as_user: optionalInt(spec.runAsUser),
        run_as_group: optionalInt(spec.runAsGroup),
        seccomp: seccompOf(spec.seccomp),
      },
    },
  };
}

const PROPAGATION: Readonly<Record<ContainerMount['propagation'], string>> = {
  private: 'PROPAGATION_PRIVATE',
  hostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  bidirectional: 'PROPAGATION_BIDIRECTIONAL',
};

const mountMessage = (mount: ContainerMount): object => ({
  container_path: mount.containerPath,
  host_path: mount.hostPath,
  readonly: mount.readonly,
  propagation: PROPAGATION[mount.propagation],
});

const limitsMessage = (limits: CgroupLimits): object => ({
  cpu_shares: limits.cpuShares,
  cpu_quota: limits.cpuQuotaUs,
  cpu_period: limits.cpuPeriodUs,
  memory_limit_in_bytes: limits.memoryLimitBytes,
  oom_score_adj: limits.oomScoreAdj,
});

// What the container runtime hides of /proc and /sys unless the pod asks for an unmasked view.
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

function securityMessage(security: ContainerSecurity, namespaces: NamespaceChoice): object {
  const open = security.privileged || security.unmaskProc;
  return {
    privileged: security.privileged,
    namespace_options: namespaceOptions(namespaces),
    run_as_user: optionalInt(security.runAsUser),
    run_as_group: optionalInt(security.runAsGroup),
    supplemental_groups: security.supplementalGroups,
    readonly_rootfs: security.readonlyRootfs,
    no_new_privs: security.noNewPrivileges,
    capabilities: {
      add_capabilities: security.addCapabilities,
      drop_capabilities: security.dropCapabilities,
    },
    masked_paths: open ? [] : MASKED_PATHS,
    readonly_paths: open ? [] : READONLY_PATHS,
    seccomp: security.privileged ? undefined : seccompOf(security.seccomp),
  };
}

/** ContainerConfig. */
export function containerMessage(spec: ContainerSpec): object {
  return {
    metadata: { name: spec.name, attempt: spec.attempt },
    image: { image: spec.imageRef, user_specified_image: spec.image },
    command: spec.command,
    args: spec.args,
    working_dir: spec.workingDir,
    envs: spec.env.map(({ name, value }) => ({ key: name, value })),
    mounts: spec.mounts.map(mountMessage),
    labels: spec.labels,
    annotations: spec.annotations,
    log_path: spec.logPath,
    stdin: spec.stdin,
    stdin_once: spec.stdinOnce,
    tty: spec.tty,
    linux: {
      resources: limitsMessage(spec.limits),
      security_context: securityMessage(spec.security, spec.namespaces),
    },
  };
}
