/** What a kubelet process counts of its own work, under the stock names. */
import type { ContainerStatus, Pod, Volume } from '@kubets/api';
import {
  CounterTable,
  DEFAULT_BOUNDS,
  type FamilyRegistry,
  HistogramTable,
  type Reading,
  readFamily,
  type Spread,
  type Tally,
} from '@kubets/platform';
import { specOf } from '../core/pod.ts';
import type { DoorPod } from '../ports.ts';

/** What a look at a pod was for. */
export type LookKind = 'create' | 'update' | 'sync' | 'kill';
export type ContainerType = 'init_container' | 'container' | 'ephemeral_container';

const MS_PER_S = 1_000;
const START_SECONDS = [
  ...[0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900],
  ...[1_200, 1_800, 2_700, 3_600],
];

/** One operation of the runtime. */
interface Operation {
  readonly total: Tally;
  readonly errors: Tally;
  readonly took: Spread;
}

/** `RunPodSandbox` as `run_podsandbox`: the stock kubelet's word for a call. */
export const operationName = (method: string): string =>
  method
    .replace('PodSandbox', 'Podsandbox')
    .replace(/(?!^)([A-Z])/g, '_$1')
    .toLowerCase();

const NO_LABELS = [] as const;

function tablesOf(registry: FamilyRegistry) {
  const table = <const L extends readonly string[]>(name: string, help: string, labels: L) => ({
    ...{ registry, help, labels },
    name: `kubelet_${name}`,
  });
  const times = (name: string, help: string, bounds = DEFAULT_BOUNDS) =>
    new HistogramTable({ ...table(name, help, NO_LABELS), bounds }).at();
  const byOperation = ['operation_type'] as const;
  const byType = ['container_type'] as const;
  return {
    total: new CounterTable(table('runtime_operations_total', 'Calls of the runtime', byOperation)),
    errors: new CounterTable(
      table('runtime_operations_errors_total', 'Calls of the runtime that failed', byOperation),
    ),
    took: new HistogramTable({
      ...table('runtime_operations_duration_seconds', 'Time of a call of the runtime', byOperation),
      bounds: DEFAULT_BOUNDS,
    }),
    looks: new HistogramTable({
      ...table('pod_worker_duration_seconds', 'Time of a look at a pod', byOperation),
      bounds: DEFAULT_BOUNDS,
    }),
    relist: times('pleg_relist_duration_seconds', 'Time to list what runs'),
    interval: times('pleg_relist_interval_seconds', 'Time between two listings'),
    start: times('pod_start_duration_seconds', 'Time from seeing a pod to its run', START_SECONDS),
    pods: new CounterTable(table('started_pods_total', 'Sandboxes made', NO_LABELS)).at(),
    podErrors: new CounterTable(
      table('started_pods_errors_total', 'Sandboxes that could not be made', NO_LABELS),
    ).at(),
    containers: new CounterTable(table('started_containers_total', 'Containers started', byType)),
    containerErrors: new CounterTable(
      table('started_containers_errors_total', 'Containers that could not be started', [
        ...(['container_type', 'code'] as const),
      ] as const),
    ),
  };
}

export class KubeletFigures {
  readonly #tables: ReturnType<typeof tablesOf>;
  readonly #operations = new Map<string, Operation>();
  readonly #looks = new Map<LookKind, Spread>();
  #relistedAtMs: number | undefined;
  #seenAtMs = 0;

  constructor(registry: FamilyRegistry) {
    this.#tables = tablesOf(registry);
    readFamily({
      ...{ registry, name: 'kubelet_pleg_last_seen_seconds', labels: NO_LABELS },
      help: 'When what runs was listed last',
      read: () => [{ labels: NO_LABELS, value: this.#seenAtMs / MS_PER_S }],
    });
  }

  runtimeCall(method: string, tookMs: number, isFailed: boolean): void {
    const { total, errors, took } = this.#operation(method);
    total.inc();
    if (isFailed) errors.inc();
    took.observe(tookMs / MS_PER_S);
  }

  /** What runs was listed. @param monotonicMs when that began; `atMs` is the wall clock's time */
  relisted(at: { monotonicMs: number; tookMs: number; atMs: number }): void {
    const { relist, interval } = this.#tables;
    relist.observe(at.tookMs / MS_PER_S);
    if (this.#relistedAtMs !== undefined) {
      interval.observe((at.monotonicMs - this.#relistedAtMs) / MS_PER_S);
    }
    this.#relistedAtMs = at.monotonicMs;
    this.#seenAtMs = at.atMs;
  }

  looked(kind: LookKind, tookMs: number): void {
    const spread = this.#looks.get(kind) ?? this.#tables.looks.at(kind);
    this.#looks.set(kind, spread);
    spread.observe(tookMs / MS_PER_S);
  }

  /** A pod runs for the first time. */
  podRuns(sinceSeenMs: number): void {
    this.#tables.start.observe(sinceSeenMs / MS_PER_S);
  }

  sandbox(isMade: boolean): void {
    (isMade ? this.#tables.pods : this.#tables.podErrors).inc();
  }

  containerStarted(type: ContainerType): void {
    this.#tables.containers.at(type).inc();
  }

  /** @param code why not, as the container's state says it */
  containerFailed(type: ContainerType, code: string): void {
    this.#tables.containerErrors.at(type, code).inc();
  }

  #operation(method: string): Operation {
    const known = this.#operations.get(method);
    if (known !== undefined) return known;
    const { total, errors, took } = this.#tables;
    const name = operationName(method);
    const made = { total: total.at(name), errors: errors.at(name), took: took.at(name) };
    this.#operations.set(method, made);
    return made;
  }
}

/** Shows the pods of a process as they are when somebody asks. */
export function showPods(
  registry: FamilyRegistry,
  parts: {
    readonly nodeNames: readonly string[];
    readonly all: () => readonly DoorPod[];
  },
): void {
  const { nodeNames, all } = parts;
  const pods = (): Pod[] => all().map(({ pod }) => pod);
  const one = (name: string, help: string, value: () => number): void =>
    readFamily({
      ...{ registry, help, labels: NO_LABELS, name: `kubelet_${name}` },
      read: () => [{ labels: NO_LABELS, value: value() }],
    });
  readFamily({
    ...{ registry, name: 'kubelet_node_name', help: 'The node, as a label of a constant 1' },
    labels: ['node'],
    *read() {
      for (const name of nodeNames) yield { labels: [name], value: 1 };
    },
  });
  one(
    'running_pods',
    'Pods that run',
    () => pods().filter((pod) => statusesOf(pod).some(({ state }) => state?.running)).length,
  );
  one('desired_pods', 'Pods that are to run', () => pods().length);
  readFamily({
    ...{ registry, name: 'kubelet_running_containers', help: 'Containers by their state' },
    labels: ['container_state'],
    read: () => containerStates(pods()),
  });
  readFamily({
    ...{ registry, name: 'volume_manager_total_volumes', help: 'Volumes of the pods' },
    labels: ['plugin_name', 'state'],
    read: () => volumeCounts(pods()),
  });
}

const statusesOf = ({ status }: Pod): readonly ContainerStatus[] => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
  ...(status?.ephemeralContainerStatuses ?? []),
];

function* containerStates(pods: readonly Pod[]): Iterable<Reading<readonly ['container_state']>> {
  const states = pods.flatMap(statusesOf).map(({ state }) => state ?? {});
  const count = (is: (state: NonNullable<ContainerStatus['state']>) => boolean): number =>
    states.filter(is).length;
  yield { labels: ['running'], value: count(({ running }) => running !== undefined) };
  yield { labels: ['exited'], value: count(({ terminated }) => terminated !== undefined) };
}

/** What a volume's kind is called by those who look after volumes. */
const PLUGINS: Readonly<Record<string, string>> = {
  configMap: 'configmap',
  downwardAPI: 'downward-api',
  emptyDir: 'empty-dir',
  hostPath: 'host-path',
  projected: 'projected',
  secret: 'secret',
};

function pluginOf(volume: Volume): string {
  const kind = Object.keys(PLUGINS).find((key) => Reflect.get(volume, key) !== undefined);
  return `kubernetes.io/${PLUGINS[kind ?? ''] ?? 'local-volume'}`;
}

function* volumeCounts(pods: readonly Pod[]): Iterable<Reading<readonly ['plugin_name', 'state']>> {
  const counts = new Map<string, { desired: number; actual: number }>();
  for (const pod of pods) {
    const isMounted = statusesOf(pod).some(({ state }) => state?.running !== undefined);
    for (const volume of specOf(pod).volumes ?? []) {
      const plugin = pluginOf(volume);
      const { desired, actual } = counts.get(plugin) ?? { desired: 0, actual: 0 };
      counts.set(plugin, { desired: desired + 1, actual: actual + (isMounted ? 1 : 0) });
    }
  }
  for (const [plugin, { desired, actual }] of counts) {
    yield { labels: [plugin, 'desired_state_of_world'], value: desired };
    yield { labels: [plugin, 'actual_state_of_world'], value: actual };
  }
}
