/** The Node object of this machine. Pure: facts about the machine come in. */
import type { ContainerImage, Node, NodeCondition, NodeStatus } from '@kubets/api';
import type { ImageInfo, RuntimeReadiness } from '../ports.ts';
import { isoSeconds } from './time.ts';

/** What is known about the machine; see `runtime/machine.ts`. */
export interface MachineFacts {
  readonly arch: string;
  readonly os: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** What changes from minute to minute. */
export interface MachinePressure {
  readonly memoryAvailableBytes: number;
  readonly diskAvailableBytes: number;
  readonly pidsAvailable: number;
}

export interface NodeInput {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly machine: MachineFacts;
  readonly pressure: MachinePressure;
  readonly readiness: RuntimeReadiness;
  readonly runtimeVersion: string;
  readonly kubeletVersion: string;
  readonly maxPods: number;
  readonly doorPort: number;
  readonly images: readonly ImageInfo[];
  readonly nowMs: number;
}

const MEMORY_LOW_BYTES = 100 * 1024 * 1024;
const DISK_LOW_SHARE = 0.05;
const PIDS_LOW = 100;
const MAX_IMAGES = 50;
const KIB = 1_024;
const RESERVED_SHARE = 0.1;

/** An amount of storage the way nodes report it. */
const kib = (bytes: number): string => `${Math.floor(bytes / KIB)}Ki`;

/** Storage of the machine that pods may use; the rest is the system's. */
export const allocatableDiskBytes = (machine: Pick<MachineFacts, 'diskBytes'>): number =>
  Math.floor(machine.diskBytes * (1 - RESERVED_SHARE));

type Resources = Pick<NodeStatus, 'capacity' | 'allocatable'>;

function resourcesOf(
  machine: MachineFacts,
  maxPods: number,
  old: NodeStatus | undefined,
): Resources {
  const own = {
    cpu: String(machine.cpus),
    'ephemeral-storage': kib(machine.diskBytes),
    memory: kib(machine.memoryBytes),
    pods: String(maxPods),
  };
  const disk = allocatableDiskBytes(machine);
  const memory = kib(Math.max(0, machine.memoryBytes - MEMORY_LOW_BYTES));
  // Resources that others advertise on the node (`example.com/licence`) may all be given to pods.
  const capacity = { ...old?.capacity, ...own };
  return { capacity, allocatable: { ...capacity, 'ephemeral-storage': String(disk), memory } };
}

/**
 * Allocatable resources for a merging patch: what is no longer in the capacity has to be taken away by
 * name.
 */
export function allocatablePatch(
  before: NodeStatus | undefined,
  after: NodeStatus,
): Record<string, string | null> {
  const wanted = after.allocatable ?? {};
  const dropped = Object.keys(before?.allocatable ?? {}).filter((name) => !(name in wanted));
  return { ...wanted, ...Object.fromEntries(dropped.map((name) => [name, null])) };
}

interface Draft {
  readonly type: string;
  readonly bad: boolean;
  readonly good: readonly [reason: string, message: string];
  readonly poor: readonly [reason: string, message: string];
}

function pressureDrafts({ pressure, machine }: NodeInput): Draft[] {
  return [
    {
      type: 'MemoryPressure',
      bad: pressure.memoryAvailableBytes < MEMORY_LOW_BYTES,
      good: ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
      poor: ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
    },
    {
      type: 'DiskPressure',
      bad: pressure.diskAvailableBytes < machine.diskBytes * DISK_LOW_SHARE,
      good: ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
      poor: ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
    },
    {
      type: 'PIDPressure',
      bad: pressure.pidsAvailable < PIDS_LOW,
      good: ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
      poor: ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
    },
  ];
}

/** Why the node cannot take pods; undefined when it can. */
export function notReadyMessage({ runtime, network }: RuntimeReadiness): string | undefined {
  const faults: string[] = [];
  if (!runtime.ok) faults.push(`container runtime is not ready: ${runtime.message}`);
  if (!network.ok) {
    const { reason, message } = network;
    faults.push(
      `container runtime network not ready: NetworkReady=false reason:${reason} message:${message}`,
    );
  }
  return faults.length === 0 ? undefined : faults.join(', ');
}

function conditions(input: NodeInput, old: readonly NodeCondition[]): NodeCondition[] {
  const now = isoSeconds(input.nowMs);
  const make = (type: string, status: string, why: readonly [string, string]): NodeCondition => {
    const before = old.find((one) => one.type === type);
    const same = before?.status === status;
    return {
      type,
      status,
      lastHeartbeatTime: now,
      lastTransitionTime: same ? (before.lastTransitionTime ?? now) : now,
      reason: why[0],
      message: why[1],
    };
  };
  const fault = notReadyMessage(input.readiness);
  const ready =
    fault === undefined
      ? make('Ready', 'True', ['KubeletReady', 'kubelet is posting ready status'])
      : make('Ready', 'False', ['KubeletNotReady', fault]);
  const own = pressureDrafts(input).map((draft) =>
    make(draft.type, draft.bad ? 'True' : 'False', draft.bad ? draft.poor : draft.good),
  );
  const types = new Set([...own.map((one) => one.type), 'Ready']);
  return [...old.filter((one) => !types.has(one.type)), ...own, ready];
}

function imageList(images: readonly ImageInfo[]): ContainerImage[] {
  const named = images.filter((image) => image.tags.length + image.digests.length > 0);
  const largest = [...named].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, MAX_IMAGES);
  return largest.map((image) => ({
    names: [...image.digests, ...image.tags],
    sizeBytes: image.sizeBytes,
  }));
}

/** The status as it should be now; of `old` are times of conditions that did not change, and resources of others. */
export function nodeStatus(input: NodeInput, old: NodeStatus | undefined): NodeStatus {
  const { machine, name } = input;
  const ips = input.addresses.map((address) => ({ type: 'InternalIP', address }));
  return {
    ...resourcesOf(machine, input.maxPods, old),
    addresses: [...ips, { type: 'Hostname', address: name }],
    conditions: conditions(input, old?.conditions ?? []),
    daemonEndpoints: { kubeletEndpoint: { Port: input.doorPort } },
    images: imageList(input.images),
    nodeInfo: {
      architecture: machine.arch,
      bootID: machine.bootId,
      containerRuntimeVersion: input.runtimeVersion,
      kernelVersion: machine.kernelVersion,
      kubeProxyVersion: input.kubeletVersion,
      kubeletVersion: input.kubeletVersion,
      machineID: machine.machineId,
      operatingSystem: machine.os,
      osImage: machine.osImage,
      systemUUID: machine.systemUuid,
    },
  };
}

/** Labels the scheduler and users select nodes by. */
export function nodeLabels(name: string, machine: MachineFacts): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': machine.arch,
    'beta.kubernetes.io/os': machine.os,
    'kubernetes.io/arch': machine.arch,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': machine.os,
  };
}

/** A node that was never seen before. */
export function newNode(name: string, machine: MachineFacts, podCidr: string): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: nodeLabels(name, machine) },
    spec: podCidr === '' ? {} : { podCIDR: podCidr, podCIDRs: [podCidr] },
  };
}

/** Every key in order, so that two spellings of one object compare equal. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value).filter((key) => key !== 'lastHeartbeatTime');
  return Object.fromEntries(keys.sort().map((key) => [key, canonical(Reflect.get(value, key))]));
}

/** Lists in which the order means nothing. */
function orderless(status: NodeStatus): NodeStatus {
  const byType = (a: { type: string }, b: { type: string }): number =>
    a.type < b.type ? -1 : a.type > b.type ? 1 : 0;
  return {
    ...status,
    conditions: (status.conditions ?? []).toSorted(byType),
    addresses: (status.addresses ?? []).toSorted(byType),
  };
}

/** Does the status say anything new? Heartbeat times and fields only others write are left aside. */
export function statusChanged(before: NodeStatus | undefined, after: NodeStatus): boolean {
  const still = (status: NodeStatus): string => JSON.stringify(canonical(orderless(status)));
  return before === undefined || still({ ...before, ...after }) !== still({ ...after, ...before });
}
