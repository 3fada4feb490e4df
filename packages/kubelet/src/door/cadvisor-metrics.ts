/** `/metrics/cadvisor`: what each container, each pod and the node use, by the names monitoring knows. */
import { type Reading, readingsText } from '@kubets/platform';
import type { CgroupUse, InterfaceUse } from '../core/cgroup-usage.ts';
import type { MachineFacts } from '../core/node-status.ts';
import { type MeasuredGroup, type MeasuredPod, whoOf } from '../host/usage/meter.ts';

export interface CadvisorInput {
  readonly pods: readonly MeasuredPod[];
  readonly whole: MeasuredGroup | undefined;
  readonly interfaces: readonly InterfaceUse[];
  readonly machine: MachineFacts;
}

/** A cgroup with what identifies its series. */
interface Row {
  readonly where: Where;
  readonly group: MeasuredGroup;
  readonly interfaces: readonly InterfaceUse[];
  /** Of a container: since when it runs. */
  readonly startedMs: number | undefined;
}

const LABELS = ['container', 'id', 'image', 'name', 'namespace', 'pod'] as const;
type Where = readonly [
  container: string,
  id: string,
  image: string,
  name: string,
  namespace: string,
  pod: string,
];
type Kind = 'counter' | 'gauge';
type Value = (use: CgroupUse) => number;

const NANOS = 1e9;
const MS_PER_S = 1_000;

const CGROUPS: readonly (readonly [name: string, kind: Kind, help: string, value: Value])[] = [
  [
    'cpu_user_seconds_total',
    'counter',
    'Processor time in programs',
    (u) => u.cpu.userNanos / NANOS,
  ],
  [
    'cpu_system_seconds_total',
    'counter',
    'Processor time in the kernel',
    (u) => u.cpu.systemNanos / NANOS,
  ],
  ['memory_usage_bytes', 'gauge', 'Memory in use, reclaimable or not', (u) => u.memory.usageBytes],
  [
    'memory_working_set_bytes',
    'gauge',
    'Memory that cannot be had back at once',
    (u) => u.memory.workingSetBytes,
  ],
  ['memory_rss', 'gauge', 'Anonymous memory', (u) => u.memory.rssBytes],
  ['memory_cache', 'gauge', 'Memory that holds files', (u) => u.memory.cacheBytes],
  ['memory_swap', 'gauge', 'Memory swapped out', (u) => u.memory.swapBytes],
  ['memory_mapped_file', 'gauge', 'Memory that files are mapped to', (u) => u.memory.mappedBytes],
  [
    'memory_max_usage_bytes',
    'gauge',
    'The most memory in use so far',
    (u) => u.memory.maxUsageBytes,
  ],
  ['memory_failcnt', 'counter', 'How often the limit of memory was hit', (u) => u.memory.limitHits],
  ['oom_events_total', 'counter', 'Processes ended for want of memory', (u) => u.oomKills],
  ['threads', 'gauge', 'Threads', (u) => u.tasks],
  ['fs_reads_bytes_total', 'counter', 'Bytes read from disks', (u) => u.disk.readBytes],
  ['fs_writes_bytes_total', 'counter', 'Bytes written to disks', (u) => u.disk.writtenBytes],
  ['fs_reads_total', 'counter', 'Reads of disks', (u) => u.disk.reads],
  ['fs_writes_total', 'counter', 'Writes of disks', (u) => u.disk.writes],
  ['spec_cpu_shares', 'gauge', 'Shares of the processors', (u) => u.cpu.shares],
  [
    'spec_cpu_period',
    'gauge',
    'Period of the processor limit, in microseconds',
    (u) => u.cpu.periodUs,
  ],
  ['spec_memory_limit_bytes', 'gauge', 'Limit of memory; 0: none', (u) => u.memory.limitBytes],
];

/** Shown where processors are limited only. */
const LIMITED: typeof CGROUPS = [
  ['cpu_cfs_periods_total', 'counter', 'Periods of the processor limit', (u) => u.cpu.periods],
  [
    'cpu_cfs_throttled_periods_total',
    'counter',
    'Periods that ended at the limit',
    (u) => u.cpu.throttledPeriods,
  ],
  [
    'cpu_cfs_throttled_seconds_total',
    'counter',
    'Time spent at the limit',
    (u) => u.cpu.throttledNanos / NANOS,
  ],
  ['spec_cpu_quota', 'gauge', 'Processor time a period, in microseconds', (u) => u.cpu.quotaUs],
];

const NETWORK: readonly (readonly [name: string, help: string, (i: InterfaceUse) => number])[] = [
  ['receive_bytes_total', 'Bytes received', (i) => i.receivedBytes],
  ['receive_packets_total', 'Packets received', (i) => i.receivedPackets],
  ['receive_packets_dropped_total', 'Packets dropped on their way in', (i) => i.receiveDrops],
  ['receive_errors_total', 'Errors of receiving', (i) => i.receiveErrors],
  ['transmit_bytes_total', 'Bytes sent', (i) => i.sentBytes],
  ['transmit_packets_total', 'Packets sent', (i) => i.sentPackets],
  ['transmit_packets_dropped_total', 'Packets dropped on their way out', (i) => i.sendDrops],
  ['transmit_errors_total', 'Errors of sending', (i) => i.sendErrors],
];

/** The page as text. */
export function cadvisorMetrics(input: CadvisorInput): string {
  const rows = rowsOf(input);
  const limited = rows.filter(({ group }) => group.use.cpu.quotaUs > 0);
  return [
    cpuTotals(rows),
    ...CGROUPS.map((one) => cgroupFamily(one, rows)),
    ...LIMITED.map((one) => cgroupFamily(one, limited)),
    memoryFailures(rows),
    ...NETWORK.map((one) => networkFamily(one, rows)),
    times(rows),
    machineFamilies(input.machine),
    family(
      'scrape_error',
      'gauge',
      '1 if something could not be measured, else 0',
      [],
      [{ labels: [], value: input.whole === undefined ? 1 : 0 }],
    ),
  ].join('');
}

function rowsOf({ pods, whole, interfaces }: CadvisorInput): Row[] {
  const rows: Row[] = [];
  if (whole !== undefined) {
    const where = ['', '/', '', '', '', ''] as const;
    rows.push({ where, group: whole, interfaces, startedMs: undefined });
  }
  for (const one of pods) {
    const { namespace, name: pod } = whoOf(one);
    if (one.whole !== undefined) {
      const where = ['', one.whole.path, '', '', namespace, pod] as const;
      rows.push({ where, group: one.whole, interfaces: one.interfaces, startedMs: undefined });
    }
    for (const container of one.containers) {
      const { name, path, image, id, startedMs } = container;
      const where = [name, path, image, id, namespace, pod] as const;
      rows.push({ where, group: container, interfaces: [], startedMs });
    }
  }
  return rows;
}

function family<const L extends readonly string[]>(
  name: string,
  kind: Kind,
  help: string,
  labels: L,
  readings: Iterable<Reading<L>>,
): string {
  return readingsText({ name: `container_${name}`, help, labels }, kind, readings);
}

const reading = ({ where, group }: Row, value: number): Reading<typeof LABELS> => ({
  ...{ labels: where, value, atMs: group.atMs },
});

function cgroupFamily(
  [name, kind, help, value]: (typeof CGROUPS)[number],
  rows: readonly Row[],
): string {
  const readings = rows.map((row) => reading(row, value(row.group.use)));
  return family(name, kind, help, LABELS, readings);
}

function cpuTotals(rows: readonly Row[]): string {
  const labels = [...LABELS, 'cpu'] as const;
  const readings = rows.map(({ where, group }) => ({
    labels: [...where, 'total'] as const,
    value: group.use.cpu.totalNanos / NANOS,
    atMs: group.atMs,
  }));
  return family('cpu_usage_seconds_total', 'counter', 'Processor time', labels, readings);
}

function memoryFailures(rows: readonly Row[]): string {
  const labels = [...LABELS, 'failure_type', 'scope'] as const;
  const readings = rows.flatMap(({ where, group }) => {
    const { pageFaults, majorPageFaults } = group.use.memory;
    const one = (type: string, value: number) => ({
      labels: [...where, type, 'hierarchy'] as const,
      ...{ value, atMs: group.atMs },
    });
    return [one('pgfault', pageFaults), one('pgmajfault', majorPageFaults)];
  });
  return family('memory_failures_total', 'counter', 'Faults of memory', labels, readings);
}

function networkFamily(
  [name, help, value]: (typeof NETWORK)[number],
  rows: readonly Row[],
): string {
  const labels = [...LABELS, 'interface'] as const;
  const readings = rows.flatMap(({ where, group, interfaces }) =>
    interfaces.map((one) => ({
      labels: [...where, one.name] as const,
      ...{ value: value(one), atMs: group.atMs },
    })),
  );
  return family(`network_${name}`, 'counter', help, labels, readings);
}

function times(rows: readonly Row[]): string {
  const started = rows.flatMap((row) =>
    row.startedMs === undefined ? [] : [reading(row, row.startedMs / MS_PER_S)],
  );
  const seen = rows.map((row) => reading(row, Math.floor(row.group.atMs / MS_PER_S)));
  return [
    family('start_time_seconds', 'gauge', 'When it began', LABELS, started),
    family('last_seen', 'gauge', 'When it was measured', LABELS, seen),
  ].join('');
}

function machineFamilies(machine: MachineFacts): string {
  const labels = ['boot_id', 'machine_id', 'system_uuid'] as const;
  const where = [machine.bootId, machine.machineId, machine.systemUuid] as const;
  const one = (name: string, help: string, value: number): string =>
    readingsText({ name: `machine_${name}`, help, labels }, 'gauge', [{ labels: where, value }]);
  return [
    one('cpu_cores', 'Processors of the machine', machine.cpus),
    one('memory_bytes', 'Memory of the machine', machine.memoryBytes),
    readingsText(
      { name: 'machine_scrape_error', help: '1 if the machine is not known, else 0', labels: [] },
      'gauge',
      [{ labels: [], value: 0 }],
    ),
  ].join('');
}
