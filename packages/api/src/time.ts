/** Times and durations as the API writes them and as kubectl shows them. */

/** The text is not an RFC 3339 time; the message is Go's. */
export class TimeError extends Error {}

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})$/;

/** Which part of Go's layout a broken time fails at. */
function failingPart(text: string): [rest: string, layout: string] {
  const steps: [RegExp, string][] = [
    [/^\d{4}/, '2006'],
    [/^-/, '-'],
    [/^\d{2}/, '01'],
    [/^-/, '-'],
    [/^\d{2}/, '02'],
    [/^T/, 'T'],
    [/^\d{2}/, '15'],
    [/^:/, ':'],
    [/^\d{2}/, '04'],
    [/^:/, ':'],
    [/^\d{2}/, '05'],
    [/^(\.\d+)?(Z|[+-]\d{2}:\d{2})/, 'Z07:00'],
  ];
  let rest = text;
  for (const [shape, layout] of steps) {
    const found = shape.exec(rest);
    if (!found) return [rest, layout];
    rest = rest.slice(found[0].length);
  }
  return [rest, ''];
}

/** Milliseconds since the epoch plus the microseconds below them. */
export interface ApiTime {
  ms: number;
  /** 0–999. */
  us: number;
}

/** Parses RFC 3339. Throws TimeError with Go's message. `micro` only selects the layout it shows. */
export function parseTime(text: string, micro = false): ApiTime {
  const layout = micro ? '2006-01-02T15:04:05.000000Z07:00' : '2006-01-02T15:04:05Z07:00';
  const parts = RFC3339.exec(text);
  const ms = parts ? Date.parse(text.replace(/([.,])(\d{3})\d*/, '.$2')) : Number.NaN;
  if (!parts || Number.isNaN(ms)) {
    if (parts) throw new TimeError(`parsing time "${text}": day out of range`);
    const [rest, part] = failingPart(text);
    const why = part === '' ? `extra text: "${rest}"` : `cannot parse "${rest}" as "${part}"`;
    const what =
      part === '' ? `parsing time "${text}": ` : `parsing time "${text}" as "${layout}": `;
    throw new TimeError(what + why);
  }
  const fraction = (parts[7] ?? '').padEnd(6, '0');
  return { ms, us: Number(fraction.slice(3, 6)) };
}

/** The time of day without its end, which only a parser can tell from the next day's beginning. */
const PLAIN =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{6})?Z$/;
const OF_THIRTY_DAYS: ReadonlySet<string> = new Set(['04', '06', '09', '11']);

/** Whether a month has the day in every year. */
function hasDay(month: string, day: string): boolean {
  if (day <= '28') return true;
  return month !== '02' && (day <= '30' || !OF_THIRTY_DAYS.has(month));
}

/**
 * Whether a text is a time as the API writes it, as nearly all are that come in: parsing and formatting would give it back.
 * @param micro as {@link formatMicroTime} writes it, or else as {@link formatTime} does
 * @returns false also for the 29th of February, which has to be parsed
 */
export function isPlainTime(text: string, micro: boolean): boolean {
  const parts = PLAIN.exec(text);
  if (parts === null || (parts[3] !== undefined) !== micro) return false;
  return hasDay(parts[1] ?? '', parts[2] ?? '');
}

/** `2006-01-02T15:04:05Z`: whole seconds, UTC. */
export function formatTime(time: ApiTime | number): string {
  const ms = typeof time === 'number' ? time : time.ms;
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** `2006-01-02T15:04:05.000000Z`: microseconds, UTC. */
export function formatMicroTime(time: ApiTime | number): string {
  const { ms, us } = typeof time === 'number' ? { ms: time, us: 0 } : time;
  const iso = new Date(ms).toISOString().slice(0, -1);
  return `${iso}${String(us).padStart(3, '0')}Z`;
}

/** How long something lasted, as kubectl shows ages: `45s`, `3m20s`, `5h`, `2d3h`, `400d`, `3y`. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (hours < 192) return pair(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.trunc(days / 365);
  if (days < 8 * 365) return pair(years, 'y', days % 365, 'd');
  return `${years}y`;
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A Go duration (`1h30m`, `-1.5s`) in milliseconds, or undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  const parts = /^([+-]?)((?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+)$/.exec(text);
  if (!parts) return undefined;
  let total = 0;
  for (const [, number, unit] of (parts[2] ?? '').matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(number) * (DURATION_UNITS_MS[unit ?? ''] ?? 0);
  }
  return parts[1] === '-' ? -total : total;
}
