/** Results of two sides, and how they are printed. */
import { median } from './stats.ts';

/** One run of one side. */
export interface Sample {
  /** Per second, or milliseconds: see {@link Row.unit}. */
  readonly value: number;
  readonly p99Ms?: number;
  /** Processor time of all members for one request: what a busy machine disturbs least. */
  readonly cpuUs?: number;
  /** Answers that were not as they should be. */
  readonly notOk?: number;
}

/** One line: the same work on both sides. */
export interface Row {
  readonly work: string;
  readonly unit: 'per second' | 'ms' | 'MiB' | 'growth';
  /** What the ratio is to be: at least this for a rate, at most this for everything else. */
  readonly goal?: number;
  /** What our own figure is to be at most, whatever the other side's is. */
  readonly limit?: number;
  /** The p99 is to be no worse than the other side's. */
  readonly p99Counts?: boolean;
  readonly ours: readonly Sample[];
  readonly stock: readonly Sample[];
}

/** A row's figures. `ratio` is ours to stock: more is better for rates, less for times. */
export interface RowFigures {
  readonly work: string;
  readonly unit: Row['unit'];
  readonly ours: number;
  readonly stock: number;
  readonly ratio: number;
  readonly oursP99Ms: number | undefined;
  readonly stockP99Ms: number | undefined;
  readonly oursCpuUs: number | undefined;
  readonly stockCpuUs: number | undefined;
  readonly notOk: number;
  /** What was to be reached, in words; empty when nothing was. */
  readonly goal: string;
  /** Undefined without a goal, or without something to compare with. */
  readonly reached: boolean | undefined;
}

const middleOf = (samples: readonly Sample[]): number => median(samples.map((s) => s.value));

function middleIf(samples: readonly Sample[], field: 'p99Ms' | 'cpuUs'): number | undefined {
  const known = samples.map((s) => s[field]).filter((value) => value !== undefined);
  return known.length > 0 ? median(known) : undefined;
}

export function figuresOf(row: Row): RowFigures {
  const { work, unit, ours, stock } = row;
  const notOk = [...ours, ...stock].reduce((sum, sample) => sum + (sample.notOk ?? 0), 0);
  const figures = {
    ...{ work, unit, ours: middleOf(ours), stock: middleOf(stock), notOk },
    ratio: middleOf(ours) / middleOf(stock),
    oursP99Ms: middleIf(ours, 'p99Ms'),
    stockP99Ms: middleIf(stock, 'p99Ms'),
    oursCpuUs: middleIf(ours, 'cpuUs'),
    stockCpuUs: middleIf(stock, 'cpuUs'),
  };
  return { ...figures, goal: goalOf(row), reached: isReached(row, figures) };
}

function goalOf({ unit, goal, limit, p99Counts }: Row): string {
  if (limit !== undefined) return `≤ ${limit}`;
  if (goal === undefined) return '';
  return `${unit === 'per second' ? '≥' : '≤'} ${goal}×${p99Counts === true ? ', p99' : ''}`;
}

function isReached(
  { unit, goal, limit, p99Counts }: Row,
  { ours, ratio, oursP99Ms, stockP99Ms }: Omit<RowFigures, 'goal' | 'reached'>,
): boolean | undefined {
  if (limit !== undefined) return Number.isNaN(ours) ? undefined : ours <= limit;
  if (goal === undefined || Number.isNaN(ratio)) return undefined;
  const p99Worse =
    p99Counts === true && (oursP99Ms ?? 0) > (stockP99Ms ?? Number.POSITIVE_INFINITY);
  return !p99Worse && (unit === 'per second' ? ratio >= goal : ratio <= goal);
}

const shown = (value: number | undefined): string => {
  if (value === undefined || Number.isNaN(value)) return '–';
  return value >= 100 ? String(Math.round(value)) : value.toFixed(2);
};

/** A table in Markdown. */
export function renderTable(rows: readonly Row[]): string {
  const head = [
    ...['work', 'unit', 'ours', 'stock', 'ratio', 'goal', 'reached'],
    ...['p99 ours ms', 'p99 stock ms', 'cpu ours µs', 'cpu stock µs', 'not ok'],
  ];
  const body = rows
    .map(figuresOf)
    .map((f) => [
      ...[f.work, f.unit, shown(f.ours), shown(f.stock), shown(f.ratio)],
      ...[f.goal, f.reached === undefined ? '–' : f.reached ? 'yes' : 'no'],
      ...[shown(f.oursP99Ms), shown(f.stockP99Ms)],
      ...[shown(f.oursCpuUs), shown(f.stockCpuUs), String(f.notOk)],
    ]);
  const widths = head.map((cell, i) =>
    Math.max(cell.length, ...body.map((line) => (line[i] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}
