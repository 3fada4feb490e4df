/** Usage in the shape of the stock `/stats/summary`; what is not measured is left out. */
import type { CgroupUse, InterfaceUse } from '../core/cgroup-usage.ts';
import type { MachineFacts } from '../core/node-status.ts';
import { uidOf } from '../core/pod.ts';
import { isoSeconds } from '../core/time.ts';
import type { MeasuredContainer, MeasuredPod } from '../host/usage/meter.ts';
import type { ContainerUsage, DoorPod } from '../ports.ts';
import type { NodeUsage } from './resource-metrics.ts';

export interface StatsInput {
  readonly pods: readonly DoorPod[];
  /** By the runtime, where the kernel's books are not read. */
  readonly usage: readonly ContainerUsage[];
  readonly measured?: readonly MeasuredPod[];
  readonly node?: {
    readonly usage: NodeUsage;
    readonly machine: MachineFacts;
    readonly interfaces: readonly InterfaceUse[];
  };
  readonly nowMs: number;
}

/** The one whose figures stand for the whole, where it is there. */
const MAIN_INTERFACE = 'eth0';

type Basic = Pick<ContainerUsage, 'atMs' | 'cpuNanoSeconds' | 'memoryWorkingSetBytes'>;

const basics = (one: Basic): object => ({
  cpu: { time: isoSeconds(one.atMs), usageCoreNanoSeconds: one.cpuNanoSeconds },
  memory: { time: isoSeconds(one.atMs), workingSetBytes: one.memoryWorkingSetBytes },
});

function usesOf({ cpu, memory }: CgroupUse, atMs: number): object {
  const time = isoSeconds(atMs);
  const { limitBytes, workingSetBytes } = memory;
  return {
    cpu: { time, usageCoreNanoSeconds: cpu.totalNanos },
    memory: {
      time,
      ...(limitBytes > 0 && { availableBytes: Math.max(0, limitBytes - workingSetBytes) }),
      ...{ usageBytes: memory.usageBytes, workingSetBytes, rssBytes: memory.rssBytes },
      ...{ pageFaults: memory.pageFaults, majorPageFaults: memory.majorPageFaults },
    },
  };
}

const containerOf = ({ name, use, atMs, startedMs }: MeasuredContainer): object => ({
  ...{ name, startTime: isoSeconds(startedMs) },
  ...usesOf(use, atMs),
});

function networkOf(interfaces: readonly InterfaceUse[], atMs: number): object {
  const all = interfaces.map((one) => ({
    ...{ name: one.name, rxBytes: one.receivedBytes, rxErrors: one.receiveErrors },
    ...{ txBytes: one.sentBytes, txErrors: one.sendErrors },
  }));
  if (all.length === 0) return {};
  const main = all.find(({ name }) => name === MAIN_INTERFACE);
  return { network: { time: isoSeconds(atMs), ...main, interfaces: all } };
}

function measuredPart({ whole, containers, interfaces }: MeasuredPod, nowMs: number): object {
  return {
    containers: containers.map(containerOf),
    ...networkOf(interfaces, nowMs),
    ...(whole !== undefined && {
      ...usesOf(whole.use, whole.atMs),
      process_stats: { process_count: whole.use.tasks },
    }),
  };
}

function nodePart({ usage, machine, interfaces }: NonNullable<StatsInput['node']>): object {
  const { memoryWorkingSetBytes: workingSetBytes, atMs } = usage;
  const availableBytes = Math.max(0, machine.memoryBytes - workingSetBytes);
  const time = isoSeconds(atMs);
  return {
    ...basics(usage),
    memory: { time, availableBytes, usageBytes: workingSetBytes, workingSetBytes },
    ...networkOf(interfaces, atMs),
  };
}

export function statsSummary(input: StatsInput): object {
  const { pods, usage, measured = [], node, nowMs } = input;
  const byUid = new Map(measured.map((one) => [uidOf(one.pod), one]));
  return {
    node: {
      nodeName: pods[0]?.nodeName ?? '',
      time: isoSeconds(nowMs),
      ...(node === undefined ? {} : nodePart(node)),
    },
    pods: pods.map(({ pod }) => {
      const found = byUid.get(uidOf(pod));
      const { name, namespace, uid } = pod.metadata;
      const reported = usage
        .filter((one) => one.podUid === uidOf(pod))
        .map((one) => ({ name: one.container, ...basics(one) }));
      return {
        podRef: { name, namespace, uid },
        startTime: pod.status?.startTime,
        ...(found === undefined ? { containers: reported } : measuredPart(found, nowMs)),
      };
    }),
  };
}
