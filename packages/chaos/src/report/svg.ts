/** The pictures of the report, as SVG text. Pure. Everything is drawn in one coordinate of time. */

export const esc = (text: string): string =>
  text.replace(
    /[&<>"]/g,
    (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c,
  );

const r = (value: number): string => (Math.round(value * 10) / 10).toString();

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Maps values to places. */
export type Scale = (value: number) => number;

export function linear(from: number, to: number, start: number, end: number): Scale {
  const span = to - from || 1;
  return (value) => start + ((value - from) / span) * (end - start);
}

/** For values over several orders of magnitude; those below `from` are drawn at it. */
export function logarithmic(from: number, to: number, start: number, end: number): Scale {
  const inner = linear(Math.log10(from), Math.log10(to), start, end);
  return (value) => inner(Math.log10(Math.max(value, from)));
}

/** Round numbers that divide a range into about `count` parts. */
export function ticks(from: number, to: number, count: number): number[] {
  const raw = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw) ?? power * 10;
  const out: number[] = [];
  for (let value = Math.ceil(from / step) * step; value <= to + step / 1e6; value += step) {
    out.push(Math.round(value * 1e6) / 1e6);
  }
  return out;
}

export function text(
  x: number,
  y: number,
  content: string,
  options: { readonly anchor?: 'start' | 'middle' | 'end'; readonly css?: string } = {},
): string {
  const { anchor = 'start', css = 'label' } = options;
  return `<text x="${r(x)}" y="${r(y)}" text-anchor="${anchor}" class="${css}">${esc(content)}</text>`;
}

export function rect({ x, y, width, height }: Box, css: string, title = ''): string {
  const inner = title === '' ? '' : `<title>${esc(title)}</title>`;
  const size = `x="${r(x)}" y="${r(y)}" width="${r(Math.max(width, 0.8))}" height="${r(height)}"`;
  return `<rect ${size} class="${css}">${inner}</rect>`;
}

export function line(from: readonly [number, number], to: readonly [number, number], css: string) {
  return `<line x1="${r(from[0])}" y1="${r(from[1])}" x2="${r(to[0])}" y2="${r(to[1])}" class="${css}"/>`;
}

/** A line through points; a gap wherever a value is NaN. */
export function path(points: readonly (readonly [number, number])[], css: string): string {
  let data = '';
  let isDown = false;
  for (const [x, y] of points) {
    if (Number.isNaN(y)) isDown = false;
    else {
      data += `${isDown ? 'L' : 'M'}${r(x)} ${r(y)}`;
      isDown = true;
    }
  }
  return `<path d="${data}" class="${css}"/>`;
}

/** The area between points and a base line. */
export function area(points: readonly (readonly [number, number])[], base: number, css: string) {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return '';
  const body = points.map(([x, y]) => `L${r(x)} ${r(y)}`).join('');
  return `<path d="M${r(first[0])} ${r(base)}${body}L${r(last[0])} ${r(base)}Z" class="${css}"/>`;
}

/** The area between two lines over the same places. */
export function between(
  upper: readonly (readonly [number, number])[],
  lower: readonly (readonly [number, number])[],
  css: string,
): string {
  const points = [...upper, ...lower.toReversed()];
  const data = points.map(([x, y], n) => `${n === 0 ? 'M' : 'L'}${r(x)} ${r(y)}`).join('');
  return `<path d="${data}Z" class="${css}"/>`;
}

export function svg(
  width: number,
  height: number,
  label: string,
  parts: readonly string[],
): string {
  const head = `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${esc(label)}">`;
  return `${head}${parts.join('')}</svg>`;
}

/** A time of a run, for people: `0:07`, `12:30`. */
export function clock(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** A duration, for people: three digits at most. */
export function duration(ms: number): string {
  if (Number.isNaN(ms)) return '–';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(2)} s`;
  return `${(ms / 1_000).toFixed(1)} s`;
}
