/** Pod → what its sandbox is made from. Pure. */
import type { SeccompProfile as ApiSeccomp, Pod } from '@kubets/api';
import type {
  DnsConfig,
  NamespaceChoice,
  PortMapping,
  SandboxSpec,
  SeccompProfile,
} from '../ports.ts';
import { fqdnOf, hostnameOf } from './dns.ts';
import { LABEL_POD_NAME, LABEL_POD_NAMESPACE, LABEL_POD_UID } from './labels.ts';
import { allContainers, nameOf, namespaceOf, specOf, uidOf } from './pod.ts';
import { normalSysctl } from './sysctls.ts';

export interface SandboxFacts {
  readonly attempt: number;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly dns: DnsConfig;
  readonly clusterDomain: string;
  /** Where the node keeps seccomp profiles. */
  readonly seccompDir: string;
}

export function namespacesOf(pod: Pod): NamespaceChoice {
  const spec = specOf(pod);
  return {
    hostNetwork: spec.hostNetwork ?? false,
    hostPid: spec.hostPID ?? false,
    hostIpc: spec.hostIPC ?? false,
    sharePid: spec.shareProcessNamespace ?? false,
  };
}

/** The API's words → the runtime's. No profile asked for: none. */
export function seccompOf(
  profile: ApiSeccomp | undefined,
  seccompDir: string,
): SeccompProfile | undefined {
  if (profile?.type === 'RuntimeDefault' || profile?.type === 'Unconfined') {
    return { type: profile.type };
  }
  if (profile?.type !== 'Localhost') return undefined;
  return { type: 'Localhost', path: `${seccompDir}/${profile.localhostProfile ?? ''}` };
}

const PROTOCOLS: Readonly<Record<string, PortMapping['protocol']>> = {
  TCP: 'TCP',
  UDP: 'UDP',
  SCTP: 'SCTP',
};

/** Ports of the host that lead into the pod. */
export function portMappings(pod: Pod): PortMapping[] {
  if (specOf(pod).hostNetwork) return [];
  const ports = allContainers(pod).flatMap((container) => container.ports ?? []);
  return ports
    .filter((port) => (port.hostPort ?? 0) > 0)
    .map((port) => ({
      protocol: PROTOCOLS[port.protocol ?? 'TCP'] ?? 'TCP',
      containerPort: port.containerPort,
      hostPort: port.hostPort ?? 0,
      hostIp: port.hostIP ?? '',
    }));
}

/** Labels by which the pod's runtime objects are found again; the pod's own come first and cannot hide them. */
export function podLabels(pod: Pod): Record<string, string> {
  return {
    ...pod.metadata.labels,
    [LABEL_POD_NAME]: nameOf(pod),
    [LABEL_POD_NAMESPACE]: namespaceOf(pod),
    [LABEL_POD_UID]: uidOf(pod),
  };
}

function hostname(pod: Pod, domain: string): string {
  const fqdn = specOf(pod).setHostnameAsFQDN ? fqdnOf(pod, domain) : undefined;
  return fqdn ?? hostnameOf(pod);
}

export function sandboxSpec(pod: Pod, facts: SandboxFacts): SandboxSpec {
  const spec = specOf(pod);
  const security = spec.securityContext ?? {};
  const sysctls = (security.sysctls ?? []).map(
    ({ name, value }) => [normalSysctl(name), value] as const,
  );
  const groups = security.supplementalGroups ?? [];
  return {
    name: nameOf(pod),
    namespace: namespaceOf(pod),
    uid: uidOf(pod),
    attempt: facts.attempt,
    hostname: spec.hostNetwork ? '' : hostname(pod, facts.clusterDomain),
    logDirectory: facts.logDirectory,
    dns: facts.dns,
    ports: portMappings(pod),
    labels: podLabels(pod),
    annotations: pod.metadata.annotations ?? {},
    cgroupParent: facts.cgroupParent,
    sysctls: Object.fromEntries(sysctls),
    namespaces: namespacesOf(pod),
    privileged: allContainers(pod).some((one) => one.securityContext?.privileged ?? false),
    supplementalGroups: security.fsGroup === undefined ? groups : [...groups, security.fsGroup],
    runAsUser: security.runAsUser,
    runAsGroup: security.runAsUser === undefined ? undefined : security.runAsGroup,
    seccomp: seccompOf(security.seccompProfile, facts.seccompDir),
  };
}
