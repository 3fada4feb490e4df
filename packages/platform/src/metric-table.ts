/**
 * Metrics for places that are passed thousands of times a second. The cell of a set of labels is looked up once and kept;
 * from then on counting and observing allocate nothing. What monitoring reads is put together when it asks.
 */

/** A family of series under one name, as the text format shows it. */
export interface MetricFamily {
  readonly name: string;
  /** Header and series; empty while there are none. */
  text(): string;
}

/** Where families are made known. */
export interface FamilyRegistry {
  addFamily(family: MetricFamily): void;
}

export interface TableOptions<L extends readonly string[]> {
  readonly registry: FamilyRegistry;
  readonly name: string;
  readonly help: string;
  /** The names of the labels; cells are asked for by their values, in the same order. */
  readonly labels: L;
}

/** One value for each label. */
export type LabelValues<L extends readonly string[]> = { readonly [K in keyof L]: string };

/** How often something happened. */
export class Tally {
  count = 0;

  inc(by = 1): void {
    this.count += by;
  }
}

/** How observed values are spread over the buckets of their table. */
export class Spread {
  readonly #bounds: readonly number[];
  /** One for each bound and one for what is beyond; not added up. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }
}

class TallyTable<const L extends readonly string[]> {
  readonly #cells: Cells<Tally>;

  constructor(options: TableOptions<L>, kind: 'counter' | 'gauge') {
    const { registry, name } = options;
    this.#cells = new Cells(options.labels, () => new Tally());
    const lines = (labels: string, { count }: Tally): string =>
      `${name}${braced(labels)} ${count}\n`;
    const text = (): string => family(options, kind, this.#cells.map(lines));
    registry.addFamily({ name, text });
  }

  /** The cell of these values; made when it is first asked for, and shown as 0 until it counts. */
  at(...values: LabelValues<L>): Tally {
    return this.#cells.at(values);
  }
}

/** Counters by labels. */
export class CounterTable<const L extends readonly string[]> extends TallyTable<L> {
  constructor(options: TableOptions<L>) {
    super(options, 'counter');
  }
}

/** Gauges by labels, of what comes and goes. */
export class GaugeTable<const L extends readonly string[]> extends TallyTable<L> {
  constructor(options: TableOptions<L>) {
    super(options, 'gauge');
  }
}

/** Histograms by labels. */
export class HistogramTable<const L extends readonly string[]> {
  readonly #cells: Cells<Spread>;

  /** `bounds` are the upper ends of the buckets, rising. */
  constructor(options: TableOptions<L> & { readonly bounds: readonly number[] }) {
    const { registry, name, bounds } = options;
    this.#cells = new Cells(options.labels, () => new Spread(bounds));
    const lines = (labels: string, cell: Spread): string => spreadLines(name, labels, bounds, cell);
    const text = (): string => family(options, 'histogram', this.#cells.map(lines));
    registry.addFamily({ name, text });
  }

  /** The cell of these values, made when it is first asked for. */
  at(...values: LabelValues<L>): Spread {
    return this.#cells.at(values);
  }
}

/** One series of a family that is put together when it is read. */
export interface Reading<L extends readonly string[]> {
  readonly labels: LabelValues<L>;
  readonly value: number;
  /** When it was measured, in milliseconds since the epoch; absent: when it is read. */
  readonly atMs?: number | undefined;
}

/** Makes a family known whose series are read from the process when somebody asks. */
export function readFamily<const L extends readonly string[]>(
  options: TableOptions<L> & {
    readonly kind?: 'gauge' | 'counter';
    readonly read: () => Iterable<Reading<L>>;
  },
): void {
  const { registry, name, kind = 'gauge', read } = options;
  registry.addFamily({ name, text: () => readingsText(options, kind, read()) });
}

/** A family as text, of readings that are there already. */
export function readingsText<const L extends readonly string[]>(
  options: { readonly name: string; readonly help: string; readonly labels: L },
  kind: 'gauge' | 'counter',
  readings: Iterable<Reading<L>>,
): string {
  const lines: string[] = [];
  for (const { labels, value, atMs } of readings) {
    const when = atMs === undefined ? '' : ` ${atMs}`;
    lines.push(`${options.name}${braced(pairs(options.labels, labels))} ${shown(value)}${when}\n`);
  }
  return family(options, kind, lines);
}

/** `count` bounds, each `factor` times the one before. */
export function exponentialBounds(first: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => Number((first * factor ** i).toPrecision(12)));
}

/** The bounds Prometheus' libraries take when they are told none. */
export const DEFAULT_BOUNDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

class Cells<C> {
  readonly #labels: readonly string[];
  readonly #make: () => C;
  readonly #byKey = new Map<string, { readonly labels: string; readonly cell: C }>();

  constructor(labels: readonly string[], make: () => C) {
    this.#labels = labels;
    this.#make = make;
  }

  at(values: readonly string[]): C {
    const key = values.join('\u0000');
    const known = this.#byKey.get(key);
    if (known !== undefined) return known.cell;
    const cell = this.#make();
    this.#byKey.set(key, { labels: pairs(this.#labels, values), cell });
    return cell;
  }

  map(lines: (labels: string, cell: C) => string): string[] {
    return Array.from(this.#byKey.values(), ({ labels, cell }) => lines(labels, cell));
  }
}

function spreadLines(
  name: string,
  labels: string,
  bounds: readonly number[],
  { counts, sum }: Spread,
): string {
  const first = labels === '' ? '' : `${labels},`;
  let upTo = 0;
  let text = '';
  for (const [i, count] of counts.entries()) {
    upTo += count;
    text += `${name}_bucket{${first}le="${bounds[i] ?? '+Inf'}"} ${upTo}\n`;
  }
  return `${text}${name}_sum${braced(labels)} ${sum}\n${name}_count${braced(labels)} ${upTo}\n`;
}

const HEADER_ESCAPES: readonly (readonly [string, string])[] = [
  ['\\', '\\\\'],
  ['\n', '\\n'],
];

const escaped = (text: string): string =>
  HEADER_ESCAPES.reduce((done, [from, to]) => done.replaceAll(from, to), text);

const pairs = (names: readonly string[], values: readonly string[]): string =>
  names.map((name, i) => `${name}="${escaped(values[i] ?? '').replaceAll('"', '\\"')}"`).join(',');

const braced = (labels: string): string => (labels === '' ? '' : `{${labels}}`);

/** Numbers beyond the finite ones have names of their own in the format. */
function shown(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

function family(
  { name, help }: { readonly name: string; readonly help: string },
  kind: string,
  lines: readonly string[],
): string {
  if (lines.length === 0) return '';
  return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${kind}\n${lines.join('')}`;
}
