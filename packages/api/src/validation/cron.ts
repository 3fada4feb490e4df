/** The five-field schedules of CronJobs: whether they can be read, and the complaint when not. */

import { goQuote } from '../go-text.ts';

const MACROS: ReadonlySet<string> = new Set([
  '@yearly',
  '@annually',
  '@monthly',
  '@weekly',
  '@daily',
  '@midnight',
  '@hourly',
]);

interface Bounds {
  min: number;
  max: number;
  names?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];

const LARGEST = 2n ** 63n;

/** A number as Go reads it; as a text, why it is none. */
function numberOf(text: string): number | string {
  const failed = `failed to parse int from ${text}: strconv.Atoi: parsing ${goQuote(text)}`;
  if (!/^[+-]?\d+$/.test(text)) return `${failed}: invalid syntax`;
  const value = BigInt(text.replace('+', ''));
  if (value >= LARGEST || value < -LARGEST) return `${failed}: value out of range`;
  return value < 0n ? `negative number (${value}) not allowed: ${text}` : Number(value);
}

function numberIn(text: string, b: Bounds): number | string {
  const named = b.names?.indexOf(text.toLowerCase()) ?? -1;
  return named >= 0 ? named + b.min : numberOf(text);
}

/** The two ends of `low-high`; as a text, why there are none. */
function endsOf(range: string, expr: string, b: Bounds): readonly [number, number] | string {
  const [low = '', high, ...more] = range.split('-');
  if (low === '*' || low === '?') return [b.min, b.max];
  const start = numberIn(low, b);
  if (typeof start === 'string') return start;
  if (more.length > 0) return `too many hyphens: ${expr}`;
  const end = high === undefined ? start : numberIn(high, b);
  return typeof end === 'string' ? end : [start, end];
}

function rangeProblem(expr: string, b: Bounds): string | undefined {
  const [range = '', step, ...rest] = expr.split('/');
  const ends = endsOf(range, expr, b);
  if (typeof ends === 'string') return ends;
  if (rest.length > 0) return `too many slashes: ${expr}`;
  const by = step === undefined ? 1 : numberOf(step);
  if (typeof by === 'string') return by;
  const [start] = ends;
  // From one number on, to the last.
  const end = step !== undefined && !range.includes('-') ? b.max : ends[1];
  if (start < b.min) return `beginning of range (${start}) below minimum (${b.min}): ${expr}`;
  if (end > b.max) return `end of range (${end}) above maximum (${b.max}): ${expr}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expr}`;
  return by === 0 ? `step of range should be a positive number: ${expr}` : undefined;
}

const EVERY = '@every ';
const UNITS: ReadonlySet<string> = new Set(['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h']);

/** What Go's `time.ParseDuration` says of a text it does not take. */
function durationProblem(text: string): string | undefined {
  const quoted = goQuote(text);
  let rest = text.replace(/^[-+]/, '');
  if (rest === '0') return undefined;
  if (rest === '') return `invalid duration ${quoted}`;
  while (rest !== '') {
    const [number] = /^(?:\d+\.?\d*|\.\d+)/.exec(rest) ?? [];
    if (number === undefined) return `invalid duration ${quoted}`;
    const [unit = ''] = /^[^.\d]+/.exec(rest.slice(number.length)) ?? [];
    if (unit === '') return `missing unit in duration ${quoted}`;
    if (!UNITS.has(unit)) return `unknown unit ${goQuote(unit)} in duration ${quoted}`;
    rest = rest.slice(number.length + unit.length);
  }
  return undefined;
}

/** A zone in front of the schedule. */
const ZONE = /^(?:CRON_)?TZ=([^ ]*) (.*)$/s;

/** What is wrong with a schedule, or undefined. */
export function scheduleProblem(schedule: string): string | undefined {
  const [, zone, rest = ''] = ZONE.exec(schedule) ?? [];
  if (zone === undefined) return timesProblem(schedule);
  const isKnown = zone === '' || zone === 'Local' || isTimeZone(zone);
  return isKnown
    ? timesProblem(rest.trim())
    : `provided bad location ${zone}: unknown time zone ${zone}`;
}

function timesProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@')) {
    if (MACROS.has(schedule)) return undefined;
    if (!schedule.startsWith(EVERY)) return `unrecognized descriptor: ${schedule}`;
    const problem = durationProblem(schedule.slice(EVERY.length));
    return problem && `failed to parse duration ${schedule}: time: ${problem}`;
  }
  const fields = schedule.trim().split(/\s+/);
  if (fields.length !== 5) {
    return `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`;
  }
  for (const [i, field] of fields.entries()) {
    const bounds = FIELDS[i];
    if (!bounds) continue;
    for (const expr of field.split(',').filter((part) => part !== '')) {
      const problem = rangeProblem(expr, bounds);
      if (problem) return problem;
    }
  }
  return undefined;
}

/** The longest parts of names of zones have fourteen characters. */
const ZONE_PART = /^[A-Z][A-Za-z._0-9+-]{0,13}$/;

/** Is this the name of a time zone? Small and capital letters count, as in the files the stock server reads. */
export function isTimeZone(name: string): boolean {
  if (!name.split('/').every((part) => ZONE_PART.test(part))) return false;
  try {
    const known = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
    return known === name || known.toLowerCase() !== name.toLowerCase();
  } catch {
    return false;
  }
}
