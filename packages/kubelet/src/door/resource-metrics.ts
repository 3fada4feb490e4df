/** What a node and its pods use, as monitoring reads it: `/metrics/resource` of the stock kubelet, by its names. */
import { uidOf } from '../core/pod.ts';
import type { ContainerUsage, DoorPod } from '../ports.ts';

/** What a whole node has used. */
export interface NodeUsage {
  readonly cpuNanoSeconds: number;
  readonly memoryWorkingSetBytes: number;
  readonly atMs: number;
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly atMs?: number;
}

const NANOS = 1e9;

const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;

function family(
  name: string,
  kind: 'counter' | 'gauge',
  help: string,
  samples: readonly Sample[],
): string {
  if (samples.length === 0) return '';
  const lines = samples.map(({ labels, value, atMs }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}=${quoted(text)}`);
    const shown = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
    return `${name}${shown} ${value}${atMs === undefined ? '' : ` ${atMs}`}\n`;
  });
  return `# HELP ${name} [STABLE] ${help}\n# TYPE ${name} ${kind}\n${lines.join('')}`;
}

/**
 * @param usage undefined when it could not be measured
 * @param node undefined where nothing is measured of it
 */
export function resourceMetrics(
  pods: readonly DoorPod[],
  usage: readonly ContainerUsage[] | undefined,
  node: NodeUsage | undefined,
): string {
  const known = new Set(pods.map(({ pod }) => uidOf(pod)));
  const used = (usage ?? []).filter(({ podUid }) => known.has(podUid));
  const whole = node === undefined ? [] : [node];
  return [
    family('container_cpu_usage_seconds_total', 'counter', 'Processor time of a container', [
      ...used.map((one) => ({ ...at(one), value: one.cpuNanoSeconds / NANOS })),
    ]),
    family('container_memory_working_set_bytes', 'gauge', 'Memory in use of a container', [
      ...used.map((one) => ({ ...at(one), value: one.memoryWorkingSetBytes })),
    ]),
    family('container_start_time_seconds', 'gauge', 'When a container began', startTimes(pods)),
    family('node_cpu_usage_seconds_total', 'counter', 'Processor time of the node', [
      ...whole.map((one) => ({ labels: {}, value: one.cpuNanoSeconds / NANOS, atMs: one.atMs })),
    ]),
    family('node_memory_working_set_bytes', 'gauge', 'Memory in use of the node', [
      ...whole.map((one) => ({ labels: {}, value: one.memoryWorkingSetBytes, atMs: one.atMs })),
    ]),
    family('pod_cpu_usage_seconds_total', 'counter', 'Processor time of a pod', [
      ...byPod(used).map((one) => ({ ...of(one), value: one.cpuNanoSeconds / NANOS })),
    ]),
    family('pod_memory_working_set_bytes', 'gauge', 'Memory in use of a pod', [
      ...byPod(used).map((one) => ({ ...of(one), value: one.memoryWorkingSetBytes })),
    ]),
    family('resource_scrape_error', 'gauge', '1 if something could not be measured, else 0', [
      { labels: {}, value: usage === undefined ? 1 : 0 },
    ]),
  ].join('');
}

const of = ({ podName, podNamespace, atMs }: ContainerUsage) => ({
  labels: { namespace: podNamespace, pod: podName },
  atMs,
});

const at = (one: ContainerUsage) => ({
  labels: { container: one.container, ...of(one).labels },
  atMs: one.atMs,
});

function byPod(used: readonly ContainerUsage[]): ContainerUsage[] {
  const sums = new Map<string, ContainerUsage>();
  for (const one of used) {
    const sum = sums.get(one.podUid);
    sums.set(one.podUid, {
      ...one,
      cpuNanoSeconds: one.cpuNanoSeconds + (sum?.cpuNanoSeconds ?? 0),
      memoryWorkingSetBytes: one.memoryWorkingSetBytes + (sum?.memoryWorkingSetBytes ?? 0),
      atMs: Math.max(one.atMs, sum?.atMs ?? 0),
    });
  }
  return [...sums.values()];
}

function startTimes(pods: readonly DoorPod[]): Sample[] {
  return pods.flatMap(({ pod }) =>
    (pod.status?.containerStatuses ?? []).flatMap(({ name, state }) => {
      const startedAt = state?.running?.startedAt;
      if (startedAt === undefined) return [];
      const { name: podName = '', namespace = '' } = pod.metadata;
      const labels = { container: name, namespace, pod: podName };
      return [{ labels, value: Date.parse(startedAt) / 1_000 }];
    }),
  );
}
