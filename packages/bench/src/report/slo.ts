/** The service level lines of Kubernetes, and whether a run was inside them. Pure. */
import type { ApiRow, SloResult, StageRow } from './result.ts';

const SINGLE_MS = 1_000;
const LIST_MS = 30_000;
const POD_START_MS = 5_000;
/** Fewer requests than this have no 99th percentile. */
const LEAST_COUNT = 100;

/** `1.23 s`, `45 ms`: as people say it. */
export function duration(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

function apiLine(name: string, limitMs: number, rows: readonly ApiRow[]): SloResult {
  const worst = rows.toSorted((a, b) => b.p99 - a.p99)[0];
  const over = rows.filter(({ p99 }) => p99 > limitMs);
  const measured =
    worst === undefined
      ? 'too few asked'
      : `${duration(worst.p99)} (${worst.indicator}, ${worst.phase})`;
  return { name, limit: duration(limitMs), measured, met: over.length === 0 };
}

/** @param rows by phase; each phase has to hold by itself */
export function sloLines(api: readonly ApiRow[], stages: readonly StageRow[]): SloResult[] {
  const enough = api.filter(({ count }) => count >= LEAST_COUNT);
  const isList = ({ indicator }: ApiRow): boolean => indicator.startsWith('LIST');
  const isRead = ({ indicator }: ApiRow): boolean => indicator.startsWith('GET');
  const writes = enough.filter((row) => !isList(row) && !isRead(row));
  const lines = [
    apiLine('writes of one object, p99', SINGLE_MS, writes),
    apiLine('reads of one object, p99', SINGLE_MS, enough.filter(isRead)),
    apiLine('lists, p99', LIST_MS, api.filter(isList)),
  ];
  const start = stages.find(({ phase, stage }) => phase === 'latency' && stage === 'create to run');
  if (start === undefined) return lines;
  const pod = {
    name: 'pod start, p99',
    limit: duration(POD_START_MS),
    measured: `${duration(start.p99)} (${start.count} pods)`,
    met: start.p99 <= POD_START_MS,
  };
  return [...lines, pod];
}
