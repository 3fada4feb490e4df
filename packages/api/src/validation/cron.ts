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

function numberIn(text: string, b: Bounds): number | string {
  const named = b.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + b.min;
  if (/^\d+$/.test(text)) return Number(text);
  return `failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`;
}

function rangeProblem(expr: string, b: Bounds): string | undefined {
  const [range = '', step, ...rest] = expr.split('/');
  if (rest.length > 0) return `too many slashes: ${expr}`;
  const [low = '', high, ...more] = range.split('-');
  if (more.length > 0) return `too many hyphens: ${expr}`;
  let start: number | string = b.min;
  let end: number | string = b.max;
  if (low !== '*' && low !== '?') {
    start = numberIn(low, b);
    if (typeof start === 'string') return start;
    end = high === undefined ? (step === undefined ? start : b.max) : numberIn(high, b);
    if (typeof end === 'string') return end;
  }
  if (step !== undefined) {
    const by = numberIn(step, { min: 0, max: 0 });
    if (typeof by === 'string') return by;
    if (by === 0) return `step of range should be a positive number: ${expr}`;
  }
  if (start < b.min) return `beginning of range (${start}) below minimum (${b.min}): ${expr}`;
  if (end > b.max) return `end of range (${end}) above maximum (${b.max}): ${expr}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expr}`;
  return undefined;
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

/** What is wrong with a schedule, or undefined. */
export function scheduleProblem(schedule: string): string | undefined {
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

/** Is this the name of a time zone? Small and capital letters count, as in the files the stock server reads. */
export function isTimeZone(name: string): boolean {
  if (!name.split('/').every((part) => /^[A-Z]/.test(part))) return false;
  try {
    const known = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
    return known === name || known.toLowerCase() !== name.toLowerCase();
  } catch {
    return false;
  }
}
