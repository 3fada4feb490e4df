/** Two results side by side. Pure. */
import type { BenchResult } from './result.ts';
import { short } from './svg.ts';

export interface Difference {
  readonly name: string;
  readonly a: number;
  readonly b: number;
  /** b to a. */
  readonly ratio: number;
  /** Undefined where neither is better. */
  readonly better: boolean | undefined;
}

/** Smaller differences are noise on one machine. */
const NOISE = 0.05;

function valuesOf(result: BenchResult): Map<string, { value: number; more: boolean }> {
  const values = new Map<string, { value: number; more: boolean }>();
  for (const [name, value] of Object.entries(result.figures)) {
    values.set(name, { value, more: name.includes('more is better') });
  }
  for (const { phase, indicator, p99 } of result.api) {
    values.set(`${phase}: ${indicator} p99, ms`, { value: p99, more: false });
  }
  for (const { phase, stage, p99 } of result.stages) {
    values.set(`${phase}: ${stage} p99, ms`, { value: p99, more: false });
  }
  for (const { phase, average } of result.throughput) {
    values.set(`${phase}: pods bound a second`, { value: average, more: true });
  }
  for (const { name, cpuSeconds, rssMaxBytes } of result.processes) {
    values.set(`${name}: CPU, s`, { value: cpuSeconds, more: false });
    values.set(`${name}: memory max, MiB`, { value: rssMaxBytes / 1_048_576, more: false });
  }
  return values;
}

/** Figures both results have. */
export function compare(a: BenchResult, b: BenchResult): Difference[] {
  const others = valuesOf(b);
  return [...valuesOf(a)].flatMap(([name, { value, more }]) => {
    const other = others.get(name);
    if (other === undefined) return [];
    const ratio = value === 0 ? Number(other.value === 0) : other.value / value;
    const same = Math.abs(ratio - 1) < NOISE;
    return [
      { name, a: value, b: other.value, ratio, better: same ? undefined : ratio > 1 === more },
    ];
  });
}

/** As text; the largest differences first. */
export function renderDifferences(a: BenchResult, b: BenchResult): string {
  const rows = compare(a, b).sort(
    (x, y) => Math.abs(Math.log(y.ratio || 1)) - Math.abs(Math.log(x.ratio || 1)),
  );
  const width = Math.max(6, ...rows.map(({ name }) => name.length));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(width) : cell.padStart(10))).join('  ');
  const lines = rows.map((row) => {
    const word = row.better === undefined ? '' : row.better ? 'better' : 'worse';
    return line([row.name, short(row.a), short(row.b), row.ratio.toFixed(2), word]);
  });
  const slos = b.slos.map(({ name, measured, met }) => {
    const before = a.slos.find((one) => one.name === name);
    return `${name}: ${before?.measured ?? '–'} → ${measured}, ${met ? 'met' : 'missed'}`;
  });
  return [line(['figure', 'A', 'B', 'B/A', '']), ...lines, '', ...slos].join('\n');
}
