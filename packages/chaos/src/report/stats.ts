/** Figures of a run. Pure. */
import type { History } from '../history/records.ts';
import type { FaultKind, FaultRecord } from '../ports.ts';

export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest rank. NaN when there are no values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

export interface KindFigures {
  readonly kind: FaultKind | 'all';
  /** Time without writes. */
  readonly withoutWrites: Spread;
  /** From the fault until every member served again. */
  readonly cycle: Spread;
}

/** A row a kind, in order of first appearance, and one for all when there are several. */
export function figuresOf(faults: readonly FaultRecord[]): KindFigures[] {
  const row = (kind: FaultKind | 'all', of: readonly FaultRecord[]): KindFigures => ({
    kind,
    withoutWrites: spreadOf(of.map((one) => one.withoutWritesMs)),
    cycle: spreadOf(of.map((one) => one.recoveredMs - one.startMs)),
  });
  const kinds = [...new Set(faults.map((one) => one.kind))];
  const rows = kinds.map((kind) =>
    row(
      kind,
      faults.filter((one) => one.kind === kind),
    ),
  );
  return rows.length > 1 ? [...rows, row('all', faults)] : rows;
}

/** What happened in one span of a run. */
export interface Bucket {
  readonly fromMs: number;
  /** Acknowledged requests a second. */
  readonly perSecond: number;
  /** Requests without an answer or not sent, a second. */
  readonly failedPerSecond: number;
  /** Latency of the acknowledged; NaN when there were none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Requests of whichever kind of client the run had. */
function samplesOf({ operations, kube }: History) {
  if (kube === undefined) {
    return operations.map(({ begunMs, endedMs, outcome }) => {
      return { begunMs, endedMs, isOk: outcome.type === 'ok' };
    });
  }
  return kube.requests.map(({ begunMs, endedMs, outcome }) => {
    return { begunMs, endedMs: endedMs ?? begunMs, isOk: outcome === 'ok' };
  });
}

/** Cuts a run into so many equal spans. */
export function bucketsOf(history: History, count: number): Bucket[] {
  const { startedMs, endedMs } = history.facts;
  const widthMs = Math.max(1, (endedMs - startedMs) / count);
  const latencies: number[][] = Array.from({ length: count }, () => []);
  const failed: number[] = Array.from({ length: count }, () => 0);
  for (const { begunMs, endedMs: until, isOk } of samplesOf(history)) {
    const at = Math.floor(((isOk ? until : begunMs) - startedMs) / widthMs);
    if (at < 0 || at >= count) continue;
    if (isOk) latencies[at]?.push(until - begunMs);
    else failed[at] = (failed[at] ?? 0) + 1;
  }
  return latencies.map((values, at) => {
    const { p50, p99 } = spreadOf(values);
    return {
      fromMs: at * widthMs,
      perSecond: (values.length * 1_000) / widthMs,
      failedPerSecond: ((failed[at] ?? 0) * 1_000) / widthMs,
      ...{ p50Ms: p50, p99Ms: p99 },
    };
  });
}
