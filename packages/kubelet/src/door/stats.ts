import { uidOf } from '../core/pod.ts';
import { isoSeconds } from '../core/time.ts';
import type { ContainerUsage, DoorPod } from '../ports.ts';

const usageOf = (one: ContainerUsage): object => ({
  name: one.container,
  cpu: { time: isoSeconds(one.atMs), usageCoreNanoSeconds: one.cpuNanoSeconds },
  memory: { time: isoSeconds(one.atMs), workingSetBytes: one.memoryWorkingSetBytes },
});

/** Usage per container, in the shape of the stock `/stats/summary`; what is not measured is left out. */
export async function statsSummary(pods: readonly DoorPod[], nowMs: number): Promise<object> {
  const runtimes = new Set(pods.map((one) => one.runtime));
  const usage = (await Promise.all([...runtimes].map((one) => one.usage()))).flat();
  return {
    node: { nodeName: pods[0]?.nodeName ?? '', time: isoSeconds(nowMs) },
    pods: pods.map(({ pod }) => ({
      podRef: {
        name: pod.metadata.name,
        namespace: pod.metadata.namespace,
        uid: pod.metadata.uid,
      },
      startTime: pod.status?.startTime,
      containers: usage.filter((one) => one.podUid === uidOf(pod)).map(usageOf),
    })),
  };
}
