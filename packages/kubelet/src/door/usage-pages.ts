/** What the door tells of usage: the pages that monitoring and the apiserver read. */
import { type Clock, errorMessage, type Logger, readingsText } from '@kubets/platform';
import type { MachineFacts } from '../core/node-status.ts';
import { nameOf, namespaceOf, uidOf } from '../core/pod.ts';
import type { ProbeCount } from '../host/probes/prober.ts';
import type { Meter } from '../host/usage/meter.ts';
import type { ContainerUsage, DoorPod } from '../ports.ts';
import { cadvisorMetrics } from './cadvisor-metrics.ts';
import { type NodeUsage, resourceMetrics } from './resource-metrics.ts';
import { statsSummary } from './stats.ts';

export interface UsagePagesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly all: () => readonly DoorPod[];
  readonly probes: () => Iterable<ProbeCount>;
  /** What measures this machine; undefined where its nodes are simulated. */
  readonly real:
    | {
        readonly meter: Meter;
        readonly machine: MachineFacts;
        readonly usage: () => NodeUsage;
      }
    | undefined;
}

/** Labels of a probe's series. */
const PROBE_LABELS = ['container', 'namespace', 'pod', 'pod_uid', 'probe_type', 'result'] as const;

export class UsagePages {
  readonly #options: UsagePagesOptions;

  constructor(options: UsagePagesOptions) {
    this.#options = options;
  }

  /** `/metrics/resource`. */
  async resources(): Promise<string> {
    const { all, log, real } = this.#options;
    const pods = all();
    const usage = await this.#usage(pods).catch((error: unknown) => {
      log.warn({ error: errorMessage(error) }, 'cannot measure what containers use');
      return undefined;
    });
    return resourceMetrics(pods, usage, real?.usage());
  }

  /** `/metrics/cadvisor`; empty where nothing is measured. */
  async cadvisor(): Promise<string> {
    const { all, real } = this.#options;
    if (real === undefined) return '';
    const { meter, machine } = real;
    const pods = await meter.measure(all().map(({ pod }) => pod));
    return cadvisorMetrics({ pods, machine, ...meter.machine() });
  }

  /** `/metrics/probes`. */
  probes(): string {
    const readings = Array.from(
      this.#options.probes(),
      ({ pod, container, kind, result, count }) => ({
        labels: [
          ...([container, namespaceOf(pod), nameOf(pod), uidOf(pod)] as const),
          ...([kind, result] as const),
        ] as const,
        value: count,
      }),
    );
    const help = 'Probes of containers, by what they found';
    const family = { name: 'prober_probe_total', help, labels: PROBE_LABELS };
    return readingsText(family, 'counter', readings);
  }

  /** `/stats/summary`. */
  async summary(): Promise<object> {
    const { all, clock, real } = this.#options;
    const pods = all();
    if (real === undefined) {
      return statsSummary({ pods, usage: await usageByRuntime(pods), nowMs: clock.now() });
    }
    const measured = await real.meter.measure(pods.map(({ pod }) => pod));
    const { interfaces } = real.meter.machine();
    const node = { usage: real.usage(), machine: real.machine, interfaces };
    return statsSummary({ pods, usage: [], measured, node, nowMs: clock.now() });
  }

  /** By the kernel where it can be read; what it does not know, the runtime is asked for. */
  async #usage(pods: readonly DoorPod[]): Promise<ContainerUsage[]> {
    const { real } = this.#options;
    if (real === undefined) return usageByRuntime(pods);
    const measured = (await real.meter.measure(pods.map(({ pod }) => pod))).flatMap(
      ({ pod, containers }) =>
        containers.map(({ name, use, atMs }) => ({
          ...{ podUid: uidOf(pod), podName: nameOf(pod), podNamespace: namespaceOf(pod) },
          ...{ container: name, atMs, cpuNanoSeconds: use.cpu.totalNanos },
          memoryWorkingSetBytes: use.memory.workingSetBytes,
        })),
    );
    const running = pods.flatMap(({ pod }) =>
      (pod.status?.containerStatuses ?? []).filter(({ state }) => state?.running !== undefined),
    );
    if (measured.length >= running.length) return measured;
    const key = (one: ContainerUsage): string => `${one.podUid}/${one.container}`;
    const known = new Set(measured.map(key));
    const others = await usageByRuntime(pods);
    return [...measured, ...others.filter((one) => !known.has(key(one)))];
  }
}

/** What the containers of pods use, by their runtimes. */
async function usageByRuntime(pods: readonly DoorPod[]): Promise<ContainerUsage[]> {
  const runtimes = new Set(pods.map((one) => one.runtime));
  return (await Promise.all([...runtimes].map((one) => one.usage()))).flat();
}
