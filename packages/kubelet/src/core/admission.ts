/** The node's last word on a pod it was given: does it fit? Pure. */
import type { Pod } from '@kubets/api';
import { allContainers, initContainers, isSidecar, mainContainers, specOf } from './pod.ts';
import { cpuMilli, memoryBytes } from './resources.ts';
import { forbiddenSysctl } from './sysctls.ts';

export interface NodeRoom {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly maxPods: number;
}

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

interface Amounts {
  cpu: number;
  memory: number;
}

/** What a pod asks for: its containers together, or its greediest init container. */
export function podRequests(pod: Pod): Amounts {
  const total: Amounts = { cpu: 0, memory: 0 };
  for (const { resources } of [...mainContainers(pod), ...initContainers(pod).filter(isSidecar)]) {
    total.cpu += cpuMilli(resources?.requests ?? resources?.limits);
    total.memory += memoryBytes(resources?.requests ?? resources?.limits);
  }
  for (const { resources } of initContainers(pod)) {
    total.cpu = Math.max(total.cpu, cpuMilli(resources?.requests));
    total.memory = Math.max(total.memory, memoryBytes(resources?.requests));
  }
  const { overhead } = specOf(pod);
  return {
    cpu: total.cpu + cpuMilli(overhead),
    memory: total.memory + memoryBytes(overhead),
  };
}

interface HostPort {
  protocol: string;
  port: number;
  /** All of the node's addresses: `0.0.0.0`. */
  ip: string;
}

const EVERY_ADDRESS = '0.0.0.0';

function hostPorts(pod: Pod): HostPort[] {
  const ports = allContainers(pod).flatMap((container) => container.ports ?? []);
  return ports
    .filter((port) => (port.hostPort ?? 0) > 0)
    .map(({ protocol = 'TCP', hostPort = 0, hostIP }) => ({
      protocol,
      port: hostPort,
      ip: hostIP === undefined || hostIP === '' || hostIP === '::' ? EVERY_ADDRESS : hostIP,
    }));
}

const collide = (a: HostPort, b: HostPort): boolean =>
  a.protocol === b.protocol &&
  a.port === b.port &&
  (a.ip === b.ip || a.ip === EVERY_ADDRESS || b.ip === EVERY_ADDRESS);

const shortage = (what: string, asked: number, used: number, capacity: number): Rejection => ({
  reason: `OutOf${what}`,
  message: `Node didn't have enough resource: ${what}, requested: ${asked}, used: ${used}, capacity: ${capacity}`,
});

/** @returns why the pod cannot stay; undefined: it can */
export function admit(pod: Pod, others: readonly Pod[], room: NodeRoom): Rejection | undefined {
  if (others.length + 1 > room.maxPods) return shortage('pods', 1, others.length, room.maxPods);
  const asked = podRequests(pod);
  const used: Amounts = { cpu: 0, memory: 0 };
  const taken: HostPort[] = [];
  for (const other of others) {
    const amounts = podRequests(other);
    used.cpu += amounts.cpu;
    used.memory += amounts.memory;
    taken.push(...hostPorts(other));
  }
  if (asked.cpu > 0 && used.cpu + asked.cpu > room.cpuMilli) {
    return shortage('cpu', asked.cpu, used.cpu, room.cpuMilli);
  }
  if (asked.memory > 0 && used.memory + asked.memory > room.memoryBytes) {
    return shortage('memory', asked.memory, used.memory, room.memoryBytes);
  }
  if (hostPorts(pod).some((port) => taken.some((other) => collide(port, other)))) {
    const message = "Predicate NodePorts failed: node(s) didn't have free ports";
    return { reason: 'NodePorts', message };
  }
  const sysctl = forbiddenSysctl(pod);
  if (sysctl === undefined) return undefined;
  return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${sysctl}` };
}
