/** Line charts as inline SVG, readable without a script. Pure. */
import type { PhaseResult, Picture, Series } from './result.ts';

const WIDTH = 760;
const HEIGHT = 220;
const LEFT = 56;
const BOTTOM = 28;
const TOP = 26;
const RIGHT = 10;
const MOST_POINTS = 400;
/** Room for the names of bars. */
const LABEL_WIDTH = 230;
/** Where an axis may end, times a power of ten: its quarters are short numbers. */
const STEPS = [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10];
/** Told apart by people who see few colours, too (Okabe and Ito). */
const COLOURS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#8c6d1f',
  '#555',
];

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

/** The next round number above. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return (STEPS.find((step) => step * power >= value) ?? 10) * power;
}

export function short(value: number): string {
  const units = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const;
  for (const [size, unit] of units) {
    if (value >= size) return `${Number((value / size).toPrecision(3))}${unit}`;
  }
  return String(Number(value.toPrecision(3)));
}

/** At most so many points, each the highest of its piece: peaks are what one looks for. */
export function thin(points: Series['points']): Series['points'] {
  const step = Math.ceil(points.length / MOST_POINTS);
  if (step <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / step) }, (_unused, at) =>
    points.slice(at * step, (at + 1) * step).reduce((a, b) => (b[1] > a[1] ? b : a)),
  );
}

interface Scale {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

function grid(scale: Scale, top: number, untilS: number): string {
  const lines = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = scale.y(top * share).toFixed(1);
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/><text class="tick" x="${LEFT - 6}" y="${y}" dy="4" text-anchor="end">${short(top * share)}</text>`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const x = scale.x(untilS * share).toFixed(1);
    return `<text class="tick" x="${x}" y="${HEIGHT - 8}" text-anchor="middle">${Math.round(untilS * share)} s</text>`;
  });
  return [...lines, ...ticks].join('');
}

function bands(scale: Scale, phases: readonly PhaseResult[]): string {
  return phases
    .map(({ name, fromS, toS }, at) => {
      const [x, end] = [scale.x(fromS), scale.x(toS)];
      const width = Math.max(0, end - x);
      const label =
        width > name.length * 6.5
          ? `<text class="phase" x="${(x + 4).toFixed(1)}" y="${TOP + 10}">${escapeHtml(name)}</text>`
          : '';
      return `<rect class="band${at % 2}" x="${x.toFixed(1)}" y="${TOP}" width="${width.toFixed(1)}" height="${HEIGHT - TOP - BOTTOM}"><title>${escapeHtml(name)}</title></rect>${label}`;
    })
    .join('');
}

/** @param untilS the right end; phases are shown as bands */
export function lineChart(
  { title, unit, series }: Picture,
  phases: readonly PhaseResult[],
  untilS: number,
): string {
  const highest = Math.max(0, ...series.flatMap(({ points }) => points.map(([, y]) => y)));
  const top = roundUp(highest);
  const scale: Scale = {
    x: (value) => LEFT + (value / Math.max(1, untilS)) * (WIDTH - LEFT - RIGHT),
    y: (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM),
  };
  const lines = series.map(({ name, points }, at) => {
    const path = thin(points)
      .map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${scale.x(x).toFixed(1)} ${scale.y(y).toFixed(1)}`)
      .join('');
    const colour = COLOURS[at % COLOURS.length];
    return `<path fill="none" stroke="${colour}" stroke-width="1.6" d="${path}"><title>${escapeHtml(name)}</title></path>`;
  });
  const legend = series
    .map(
      ({ name }, at) =>
        `<span><i style="background:${COLOURS[at % COLOURS.length]}"></i>${escapeHtml(name)}</span>`,
    )
    .join('');
  return `<figure><figcaption>${escapeHtml(title)} <small>${escapeHtml(unit)}</small></figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${bands(scale, phases)}${grid(scale, top, untilS)}${lines.join('')}</svg><div class="legend">${legend}</div></figure>`;
}

/** Bars beside each other, one a row: for figures without a time. */
export function barChart(
  title: string,
  unit: string,
  rows: readonly (readonly [string, number])[],
): string {
  const top = Math.max(1e-9, ...rows.map(([, value]) => value));
  const row = 22;
  const height = rows.length * row + 6;
  const bars = rows.map(([name, value], at) => {
    const width = (value / top) * (WIDTH - LABEL_WIDTH - 70);
    const y = at * row + 4;
    return `<text class="tick" x="${LABEL_WIDTH - 8}" y="${y + 12}" text-anchor="end">${escapeHtml(name)}</text><rect fill="${COLOURS[0]}" x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="15"/><text class="tick" x="${(LABEL_WIDTH + 6 + width).toFixed(1)}" y="${y + 12}">${short(value)}</text>`;
  });
  return `<figure><figcaption>${escapeHtml(title)} <small>${escapeHtml(unit)}</small></figcaption><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(title)}">${bars.join('')}</svg></figure>`;
}
