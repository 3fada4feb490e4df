/** Kernel parameters of pods. Pure. */
import type { Pod } from '@kubets/api';
import { specOf } from './pod.ts';

/**
 * Parameters that are a pod's own, cannot hurt others and are not bounded by its limits: everybody may
 * set them. By the namespace they belong to.
 */
const SAFE: ReadonlyMap<string, 'ipc' | 'net'> = new Map([
  ['kernel.shm_rmid_forced', 'ipc'],
  ['net.ipv4.ip_local_port_range', 'net'],
  ['net.ipv4.ip_local_reserved_ports', 'net'],
  ['net.ipv4.ip_unprivileged_port_start', 'net'],
  ['net.ipv4.ping_group_range', 'net'],
  ['net.ipv4.tcp_fin_timeout', 'net'],
  ['net.ipv4.tcp_keepalive_intvl', 'net'],
  ['net.ipv4.tcp_keepalive_probes', 'net'],
  ['net.ipv4.tcp_keepalive_time', 'net'],
  ['net.ipv4.tcp_rmem', 'net'],
  ['net.ipv4.tcp_syncookies', 'net'],
  ['net.ipv4.tcp_wmem', 'net'],
]);

/** `net/ipv4/conf/eth0.1/x` → `net.ipv4.conf.eth0/1.x`: the first separator says which spelling it is. */
export function normalSysctl(name: string): string {
  if (/[./]/.exec(name)?.[0] !== '/') return name;
  return name.replace(/[./]/g, (one) => (one === '/' ? '.' : '/'));
}

/** Why the node does not set what the pod asks for; `undefined`: it does. */
export function forbiddenSysctl(pod: Pod): string | undefined {
  const { securityContext, hostNetwork, hostIPC } = specOf(pod);
  for (const { name } of securityContext?.sysctls ?? []) {
    const normal = normalSysctl(name);
    const namespace = SAFE.get(normal);
    if (namespace === undefined) return `"${normal}" not allowlisted`;
    const isShared = namespace === 'net' ? hostNetwork : hostIPC;
    if (isShared) return `"${normal}" not allowed with host ${namespace} enabled`;
  }
  return undefined;
}
