/** What each row is to reach, and how results are printed beside it. */
import { median } from '../stats.ts';
import type { Sample } from '../table.ts';
import type { ApiRowName } from './config.ts';

/** A bound on the figure itself, or on its ratio to the yardstick. */
export interface Floor {
  readonly of: 'value' | 'ratio';
  readonly direction: 'at least' | 'at most';
  readonly bound: number;
}

/** One line of the result. */
export interface ApiRow {
  readonly name: ApiRowName;
  readonly work: string;
  readonly unit: string;
  readonly samples: readonly Sample[];
  /** Puts of a stock etcd in the same run, when the floor is a ratio. */
  readonly yardstick: readonly Sample[];
  readonly floor: Floor;
}

/** The figures of a row. */
export interface ApiFigures {
  readonly value: number;
  readonly yardstick: number;
  readonly ratio: number;
  readonly p99Ms: number;
  readonly notOk: number;
  /** Whether the floor is reached. */
  readonly met: boolean;
}

const middle = (samples: readonly Sample[]): number => median(samples.map((each) => each.value));

export function apiFigures({ samples, yardstick, floor }: ApiRow): ApiFigures {
  const value = middle(samples);
  const ratio = value / middle(yardstick);
  const judged = floor.of === 'ratio' ? ratio : value;
  const met = floor.direction === 'at least' ? judged >= floor.bound : judged <= floor.bound;
  const p99s = samples.map((each) => each.p99Ms).filter((ms) => ms !== undefined);
  const notOk = [...samples, ...yardstick].reduce((sum, each) => sum + (each.notOk ?? 0), 0);
  return { value, yardstick: middle(yardstick), ratio, p99Ms: median(p99s), notOk, met };
}

const shown = (value: number): string => {
  if (Number.isNaN(value)) return '–';
  return value >= 100 ? String(Math.round(value)) : value.toFixed(2);
};

const HEAD = [
  ...['work', 'unit', 'measured', 'p99 ms', 'etcd put/s', 'ratio'],
  ...['floor', 'reached', 'not ok'],
];
/** Columns of text; the others are numbers. */
const TEXT_COLUMNS = 2;

/** A table in Markdown. */
export function renderApiTable(rows: readonly ApiRow[]): string {
  const lines = rows.map((row) => {
    const { value, p99Ms, yardstick, ratio, met, notOk } = apiFigures(row);
    const { direction, bound, of } = row.floor;
    const sign = direction === 'at least' ? '≥' : '≤';
    const floor = `${sign} ${bound}${of === 'ratio' ? ' of etcd' : ''}`;
    return [
      ...[row.work, row.unit, shown(value), shown(p99Ms), shown(yardstick), shown(ratio)],
      ...[floor, met ? 'yes' : 'no', String(notOk)],
    ];
  });
  const widths = HEAD.map((cell, i) =>
    Math.max(cell.length, ...lines.map((line) => (line[i] ?? '').length)),
  );
  const pad = (cell: string, i: number): string =>
    i < TEXT_COLUMNS ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  const row = (cells: readonly string[]): string => `| ${cells.map(pad).join(' | ')} |`;
  const rule = widths.map((width, i) =>
    i < TEXT_COLUMNS ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [row(HEAD), row(rule), ...lines.map(row)].join('\n');
}
