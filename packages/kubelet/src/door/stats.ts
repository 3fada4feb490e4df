import { uidOf } from '../core/pod.ts';
import { isoSeconds } from '../core/time.ts';
import type { ContainerUsage, DoorPod } from '../ports.ts';
import type { NodeUsage } from './resource-metrics.ts';

type Measured = Pick<ContainerUsage, 'atMs' | 'cpuNanoSeconds' | 'memoryWorkingSetBytes'>;

const shown = (one: Measured): object => ({
  cpu: { time: isoSeconds(one.atMs), usageCoreNanoSeconds: one.cpuNanoSeconds },
  memory: { time: isoSeconds(one.atMs), workingSetBytes: one.memoryWorkingSetBytes },
});

/** What the containers of pods use. */
export async function usageOf(pods: readonly DoorPod[]): Promise<ContainerUsage[]> {
  const runtimes = new Set(pods.map((one) => one.runtime));
  return (await Promise.all([...runtimes].map((one) => one.usage()))).flat();
}

/** Usage per container, in the shape of the stock `/stats/summary`; what is not measured is left out. */
export async function statsSummary(
  pods: readonly DoorPod[],
  nowMs: number,
  machine: NodeUsage | undefined,
): Promise<object> {
  const usage = await usageOf(pods);
  const whole = machine === undefined ? {} : shown(machine);
  return {
    node: { nodeName: pods[0]?.nodeName ?? '', time: isoSeconds(nowMs), ...whole },
    pods: pods.map(({ pod }) => ({
      podRef: {
        name: pod.metadata.name,
        namespace: pod.metadata.namespace,
        uid: pod.metadata.uid,
      },
      startTime: pod.status?.startTime,
      containers: usage
        .filter((one) => one.podUid === uidOf(pod))
        .map((one) => ({ name: one.container, ...shown(one) })),
    })),
  };
}
