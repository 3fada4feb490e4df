/** Everything a run measures, gathered piece by piece; {@link Measure.sections} is what the report is made of. Pure. */
import { Histogram, type Packed } from '../report/histogram.ts';
import type {
  ApiRow,
  PhaseResult,
  ProcessRow,
  Series,
  StageRow,
  ThroughputRow,
} from '../report/result.ts';
import { type PodStages, STAGES } from './pod-stages.ts';

/** What can be saved and read back, so that a run that was interrupted goes on. */
export interface SavedMeasure {
  readonly phases: readonly PhaseResult[];
  readonly api: readonly ApiRow[];
  readonly stages: readonly StageRow[];
  readonly throughput: readonly ThroughputRow[];
  readonly processes: readonly ProcessRow[];
  readonly failures: Readonly<Record<string, number>>;
  readonly series: Readonly<Record<string, Series>>;
  readonly figures: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
  /** The phase under way when it was saved: gone on with, its time counts from where it was first begun. */
  readonly began?: { readonly phase: string; readonly fromS: number };
}

/** Of all processes of one kind together. */
export interface GroupUsage {
  cpuSeconds: number;
  rssBytes: number;
}

interface ProcessSeen {
  readonly group: string;
  cpuSeconds: number;
  /** Of lives that ended before: a process may be started again. */
  earlierSeconds: number;
  rssMax: number;
  rssEnd: number;
  pid: number;
}

const PIECE_SECONDS = 5;
const START = 'start';
const BETWEEN = 'between';
const NO_PHASES: ReadonlySet<string> = new Set([START, BETWEEN]);

/** Seconds from the run's beginning to the last thing that is known of it. */
function endOf({ phases, series }: SavedMeasure): number {
  const lines = Object.values(series).map(({ points }) => points.at(-1)?.[0] ?? 0);
  return Math.max(0, phases.at(-1)?.toS ?? 0, ...lines);
}

export class Measure {
  #startMs: number;
  #phase = START;
  #phaseFromS = 0;
  #api = new Map<string, Histogram>();
  #recent = { read: new Histogram(), write: new Histogram() };
  readonly #processes = new Map<string, ProcessSeen>();
  readonly #phases: PhaseResult[];
  readonly #apiRows: ApiRow[];
  readonly #stageRows: StageRow[];
  readonly #throughputRows: ThroughputRow[];
  readonly #processRows: readonly ProcessRow[];
  readonly #failures: Map<string, number>;
  readonly #series: Map<string, { name: string; points: [number, number][] }>;
  readonly figures: Record<string, number>;
  readonly notes: string[];
  readonly #earlierS: number;
  readonly #began: SavedMeasure['began'];

  constructor(nowMs: number, saved?: SavedMeasure) {
    this.#began = saved?.began;
    this.#earlierS = saved === undefined ? 0 : endOf(saved);
    this.#startMs = nowMs - this.#earlierS * 1_000;
    this.#phases = [...(saved?.phases ?? [])];
    this.#apiRows = [...(saved?.api ?? [])];
    this.#stageRows = [...(saved?.stages ?? [])];
    this.#throughputRows = [...(saved?.throughput ?? [])];
    this.#processRows = saved?.processes ?? [];
    this.#failures = new Map(Object.entries(saved?.failures ?? {}));
    this.#series = new Map(
      Object.entries(saved?.series ?? {}).map(([key, { name, points }]) => [
        key,
        { name, points: points.map(([x, y]): [number, number] => [x, y]) },
      ]),
    );
    this.figures = { ...saved?.figures };
    this.notes = [...(saved?.notes ?? [])];
  }

  /** The time of the run begins, or goes on where it was last looked at: time that nobody measured does not count. */
  start(nowMs: number): void {
    this.#startMs = nowMs - this.#earlierS * 1_000;
  }

  get phase(): string {
    return this.#phase;
  }

  seconds(nowMs: number): number {
    return (nowMs - this.#startMs) / 1_000;
  }

  begin(phase: string, nowMs: number): void {
    this.#phase = phase;
    const again = this.#began?.phase === phase;
    this.#phaseFromS = again ? this.#began.fromS : this.seconds(nowMs);
    this.#api = new Map();
    if (again)
      this.notes.push(
        `${phase} was interrupted: its latencies are those after it was gone on with`,
      );
  }

  /** How long the phase under way has lasted, what it lasted before an interruption included. */
  phaseSeconds(nowMs: number): number {
    return this.seconds(nowMs) - this.#phaseFromS;
  }

  /** The phase is over: its latencies and stages become rows. */
  end(nowMs: number, note: string, stages: PodStages | undefined): void {
    const toS = this.seconds(nowMs);
    const phase = this.#phase;
    this.#phases.push({ name: phase, fromS: this.#phaseFromS, toS, note });
    for (const [indicator, histogram] of [...this.#api].sort(([a], [b]) => (a < b ? -1 : 1))) {
      this.#apiRows.push({ phase, indicator, ...histogram.summary() });
    }
    if (stages !== undefined) this.#endStages(stages, phase, nowMs);
    this.#phase = BETWEEN;
  }

  #endStages(stages: PodStages, phase: string, nowMs: number): void {
    const found = stages.of(phase);
    for (const stage of STAGES) {
      const histogram = found.get(stage);
      if (histogram !== undefined) this.#stageRows.push({ phase, stage, ...histogram.summary() });
    }
    const fromMs = this.#startMs + this.#phaseFromS * 1_000;
    const row = throughput(stages.boundBySecond, Math.floor(fromMs / 1_000), nowMs / 1_000);
    if (row !== undefined) this.#throughputRows.push({ phase, ...row });
  }

  addApi(api: Readonly<Record<string, Packed>>): void {
    for (const [indicator, packed] of Object.entries(api)) {
      const histogram = this.#api.get(indicator) ?? new Histogram();
      this.#api.set(indicator, histogram);
      histogram.merge(packed);
      const isRead = indicator.startsWith('GET');
      if (isRead) this.#recent.read.merge(packed);
      else if (!indicator.startsWith('LIST')) this.#recent.write.merge(packed);
    }
  }

  addFailures(failures: Readonly<Record<string, number>>): void {
    for (const [what, count] of Object.entries(failures)) {
      this.#failures.set(what, (this.#failures.get(what) ?? 0) + count);
    }
  }

  /** A process as it is now. */
  process(
    name: string,
    group: string,
    usage: { pid: number; cpuSeconds: number; rssBytes: number },
  ): number {
    const known = this.#processes.get(name);
    const { pid, cpuSeconds, rssBytes } = usage;
    if (known === undefined) {
      const memory = { rssMax: rssBytes, rssEnd: rssBytes };
      this.#processes.set(name, { group, cpuSeconds, earlierSeconds: 0, ...memory, pid });
      return 0;
    }
    if (known.pid !== pid) {
      known.earlierSeconds += known.cpuSeconds;
      known.cpuSeconds = 0;
      known.pid = pid;
    }
    const spent = cpuSeconds - known.cpuSeconds;
    known.cpuSeconds = cpuSeconds;
    known.rssMax = Math.max(known.rssMax, rssBytes);
    known.rssEnd = rssBytes;
    return spent;
  }

  /** As last looked at, by what the processes are. */
  usage(): ReadonlyMap<string, GroupUsage> {
    const groups = new Map<string, GroupUsage>();
    for (const { group, cpuSeconds, earlierSeconds, rssEnd } of this.#processes.values()) {
      const sum = groups.get(group) ?? { cpuSeconds: 0, rssBytes: 0 };
      groups.set(group, sum);
      sum.cpuSeconds += cpuSeconds + earlierSeconds;
      sum.rssBytes += rssEnd;
    }
    return groups;
  }

  /** One point of a picture's line. */
  point(picture: string, name: string, nowMs: number, y: number): void {
    const key = `${picture}|${name}`;
    const line = this.#series.get(key) ?? { name, points: [] };
    this.#series.set(key, line);
    line.points.push([Math.round(this.seconds(nowMs) * 10) / 10, y]);
  }

  /** Points of the latencies since the last time. */
  latencyPoints(nowMs: number): void {
    for (const [name, histogram] of Object.entries(this.#recent)) {
      if (histogram.count === 0) continue;
      this.point('latency', `${name} p50`, nowMs, histogram.quantile(0.5));
      this.point('latency', `${name} p99`, nowMs, histogram.quantile(0.99));
    }
    this.#recent = { read: new Histogram(), write: new Histogram() };
  }

  lines(picture: string): Series[] {
    return [...this.#series]
      .filter(([key]) => key.startsWith(`${picture}|`))
      .map(([, series]) => series);
  }

  /** Everything, in the form it is saved in. */
  sections(nowMs: number): SavedMeasure {
    return {
      phases: this.#phases,
      api: this.#apiRows,
      stages: this.#stageRows,
      throughput: this.#throughputRows,
      processes: this.#processTable(nowMs),
      failures: Object.fromEntries(this.#failures),
      series: Object.fromEntries(this.#series),
      figures: this.figures,
      notes: this.notes,
      ...(NO_PHASES.has(this.#phase)
        ? {}
        : { began: { phase: this.#phase, fromS: this.#phaseFromS } }),
    };
  }

  #processTable(nowMs: number): ProcessRow[] {
    const seconds = Math.max(1, this.seconds(nowMs));
    const earlier = new Map(this.#processRows.map((row) => [row.name, row]));
    const now = [...this.#processes].map(([name, seen]): ProcessRow => {
      const before = earlier.get(name);
      earlier.delete(name);
      const cpuSeconds = seen.cpuSeconds + seen.earlierSeconds + (before?.cpuSeconds ?? 0);
      return {
        ...{ name, cpuSeconds, cpuShare: cpuSeconds / seconds, rssEndBytes: seen.rssEnd },
        rssMaxBytes: Math.max(seen.rssMax, before?.rssMaxBytes ?? 0),
      };
    });
    return [...now, ...earlier.values()].sort((a, b) => b.cpuSeconds - a.cpuSeconds);
  }
}

/** Pods bound a second, by pieces of some seconds in which any were. */
function throughput(
  bySecond: ReadonlyMap<number, number>,
  fromS: number,
  toS: number,
): Omit<ThroughputRow, 'phase'> | undefined {
  const rates: number[] = [];
  for (let at = fromS; at < toS; at += PIECE_SECONDS) {
    let pods = 0;
    for (let second = at; second < at + PIECE_SECONDS; second += 1) {
      pods += bySecond.get(second) ?? 0;
    }
    if (pods > 0) rates.push(pods / PIECE_SECONDS);
  }
  if (rates.length === 0) return undefined;
  const sorted = rates.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const average = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return { average, p50: at(0.5), p99: at(0.99), max: at(1) };
}
