/** What a cgroup has used, by the kernel's files of either version. Pure: files come in as text. */

/** The text of a cgroup's file; undefined where there is none. In version 1 a controller's files lie in a folder of its own. */
export type CgroupFiles = (controller: string, file: string) => string | undefined;

export interface MemoryUse {
  readonly usageBytes: number;
  /** What could not be had back at once. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly cacheBytes: number;
  readonly swapBytes: number;
  readonly mappedBytes: number;
  readonly maxUsageBytes: number;
  /** How often the limit was hit. */
  readonly limitHits: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  /** 0: none. */
  readonly limitBytes: number;
}

export interface CpuUse {
  readonly totalNanos: number;
  readonly userNanos: number;
  readonly systemNanos: number;
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttledNanos: number;
  readonly shares: number;
  /** 0: no limit. */
  readonly quotaUs: number;
  readonly periodUs: number;
}

export interface DiskUse {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
}

export interface CgroupUse {
  readonly cpu: CpuUse;
  readonly memory: MemoryUse;
  readonly disk: DiskUse;
  readonly tasks: number;
  readonly oomKills: number;
}

const NANOS_PER_MICRO = 1_000;
/** Ticks of the kernel's clock a second, as it shows them to programs on every architecture. */
const NANOS_PER_TICK = 1e9 / 100;
/** Limits from here on are none. */
const NO_LIMIT = 2 ** 62;
const SHARES_MIN = 2;
const SHARES_RANGE = 262_142;
const WEIGHT_RANGE = 9_999;

const numberOf = (text: string | undefined): number => Number((text ?? '').trim()) || 0;

/** `name value` a line. */
function flat(text: string | undefined): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (const line of (text ?? '').split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) out.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return out;
}

const limitOf = (text: string | undefined): number => {
  const value = numberOf(text);
  return value >= NO_LIMIT ? 0 : value;
};

/** @returns undefined when there is no such cgroup */
export function cgroupUse(files: CgroupFiles): CgroupUse | undefined {
  if (files('cpuacct', 'cpuacct.usage') !== undefined) return versionOne(files);
  return files('', 'cpu.stat') === undefined ? undefined : versionTwo(files);
}

function versionOne(files: CgroupFiles): CgroupUse {
  const ticks = flat(files('cpuacct', 'cpuacct.stat'));
  const cpu = flat(files('cpu', 'cpu.stat'));
  const memory = flat(files('memory', 'memory.stat'));
  const of = (name: string): number => memory.get(`total_${name}`) ?? memory.get(name) ?? 0;
  const usageBytes = numberOf(files('memory', 'memory.usage_in_bytes'));
  const quotaUs = numberOf(files('cpu', 'cpu.cfs_quota_us'));
  const bytes = blockCounts(files('blkio', 'blkio.throttle.io_service_bytes_recursive'));
  const times = blockCounts(files('blkio', 'blkio.throttle.io_serviced_recursive'));
  return {
    cpu: {
      totalNanos: numberOf(files('cpuacct', 'cpuacct.usage')),
      userNanos: (ticks.get('user') ?? 0) * NANOS_PER_TICK,
      systemNanos: (ticks.get('system') ?? 0) * NANOS_PER_TICK,
      periods: cpu.get('nr_periods') ?? 0,
      throttledPeriods: cpu.get('nr_throttled') ?? 0,
      throttledNanos: cpu.get('throttled_time') ?? 0,
      shares: numberOf(files('cpu', 'cpu.shares')),
      quotaUs: Math.max(0, quotaUs),
      periodUs: numberOf(files('cpu', 'cpu.cfs_period_us')),
    },
    memory: {
      usageBytes,
      workingSetBytes: Math.max(0, usageBytes - of('inactive_file')),
      rssBytes: of('rss'),
      cacheBytes: of('cache'),
      swapBytes: of('swap'),
      mappedBytes: of('mapped_file'),
      maxUsageBytes: numberOf(files('memory', 'memory.max_usage_in_bytes')),
      limitHits: numberOf(files('memory', 'memory.failcnt')),
      pageFaults: of('pgfault'),
      majorPageFaults: of('pgmajfault'),
      limitBytes: limitOf(files('memory', 'memory.limit_in_bytes')),
    },
    disk: {
      ...{ readBytes: bytes.read, writtenBytes: bytes.write },
      ...{ reads: times.read, writes: times.write },
    },
    tasks: numberOf(files('pids', 'pids.current')),
    oomKills: flat(files('memory', 'memory.oom_control')).get('oom_kill') ?? 0,
  };
}

function versionTwo(files: CgroupFiles): CgroupUse {
  const cpu = flat(files('', 'cpu.stat'));
  const memory = flat(files('', 'memory.stat'));
  const events = flat(files('', 'memory.events'));
  const micros = (name: string): number => (cpu.get(name) ?? 0) * NANOS_PER_MICRO;
  const of = (name: string): number => memory.get(name) ?? 0;
  const usageBytes = numberOf(files('', 'memory.current'));
  const [quota = '', period = ''] = (files('', 'cpu.max') ?? '').trim().split(' ');
  const weight = numberOf(files('', 'cpu.weight'));
  return {
    cpu: {
      totalNanos: micros('usage_usec'),
      userNanos: micros('user_usec'),
      systemNanos: micros('system_usec'),
      periods: cpu.get('nr_periods') ?? 0,
      throttledPeriods: cpu.get('nr_throttled') ?? 0,
      throttledNanos: micros('throttled_usec'),
      shares:
        weight === 0 ? 0 : SHARES_MIN + Math.round(((weight - 1) * SHARES_RANGE) / WEIGHT_RANGE),
      quotaUs: numberOf(quota),
      periodUs: numberOf(period),
    },
    memory: {
      usageBytes,
      workingSetBytes: Math.max(0, usageBytes - of('inactive_file')),
      rssBytes: of('anon'),
      cacheBytes: of('file'),
      swapBytes: numberOf(files('', 'memory.swap.current')),
      mappedBytes: of('file_mapped'),
      maxUsageBytes: numberOf(files('', 'memory.peak')),
      limitHits: events.get('max') ?? 0,
      pageFaults: of('pgfault'),
      majorPageFaults: of('pgmajfault'),
      limitBytes: limitOf(files('', 'memory.max')),
    },
    disk: ioCounts(files('', 'io.stat')),
    tasks: numberOf(files('', 'pids.current')),
    oomKills: events.get('oom_kill') ?? 0,
  };
}

/** `8:0 Read 4096` a line, one for each disk and direction. */
function blockCounts(text: string | undefined): { read: number; write: number } {
  let [read, write] = [0, 0];
  for (const line of (text ?? '').split('\n')) {
    const [, direction, count = '0'] = line.split(' ');
    if (direction === 'Read') read += Number(count);
    if (direction === 'Write') write += Number(count);
  }
  return { read, write };
}

/** `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …` a line, one for each disk. */
function ioCounts(text: string | undefined): DiskUse {
  const sum = (name: string): number => {
    const found = (text ?? '').matchAll(new RegExp(`\\b${name}=(\\d+)`, 'g'));
    return Array.from(found, ([, count]) => Number(count)).reduce((all, one) => all + one, 0);
  };
  return {
    ...{ readBytes: sum('rbytes'), writtenBytes: sum('wbytes') },
    ...{ reads: sum('rios'), writes: sum('wios') },
  };
}

/** What went through a network interface since it is there. */
export interface InterfaceUse {
  readonly name: string;
  readonly receivedBytes: number;
  readonly receivedPackets: number;
  readonly receiveErrors: number;
  readonly receiveDrops: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
  readonly sendErrors: number;
  readonly sendDrops: number;
}

/** Ends of pods' cables are counted in the pods. */
const isCounted = (name: string): boolean => name !== 'lo' && !name.startsWith('veth');

/** Of `/proc/PID/net/dev`: the interfaces of a process's network, without loopback and what leads to pods. */
export function interfacesOf(text: string): InterfaceUse[] {
  const out: InterfaceUse[] = [];
  for (const line of text.split('\n')) {
    const [name, counts] = line.split(':');
    if (counts === undefined || name === undefined || !isCounted(name.trim())) continue;
    const at = counts.trim().split(/\s+/).map(Number);
    out.push({
      name: name.trim(),
      receivedBytes: at[0] ?? 0,
      receivedPackets: at[1] ?? 0,
      receiveErrors: at[2] ?? 0,
      receiveDrops: at[3] ?? 0,
      sentBytes: at[8] ?? 0,
      sentPackets: at[9] ?? 0,
      sendErrors: at[10] ?? 0,
      sendDrops: at[11] ?? 0,
    });
  }
  return out;
}
