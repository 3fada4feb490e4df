/** One of the five fields: the values it allows. */
interface Field {
  values: ReadonlySet<number>;
  /** Written as `*` or `?`: says nothing about the value. */
  isOpen: boolean;
}

/** A schedule, ready to be asked. */
export interface Schedule {
  /** First time strictly after `ms`; `undefined` when there is none within some years. */
  next(ms: number): number | undefined;
  /** Last time at or before `ms`; `undefined` when there is none within some years. */
  previous(ms: number): number | undefined;
}

export class ScheduleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ScheduleError';
  }
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Leap days in a given weekday come back within 40 years; nothing else is rarer. */
const HORIZON_MS = 41 * 366 * DAY_MS;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const SHORTHANDS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/**
 * Reads a schedule in cron's five fields, or one of its shorthands.
 * @param timeZone IANA name; the times are those of its clocks
 * @throws ScheduleError
 */
export function parseSchedule(text: string, timeZone = 'UTC'): Schedule {
  const every = /^@every\s+(\S+)$/.exec(text.trim());
  if (every) return everySchedule(every[1] ?? '');
  const fields = (SHORTHANDS[text.trim()] ?? text).trim().split(/\s+/);
  if (fields.length !== 5) throw new ScheduleError(`"${text}" has not five fields`);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  const parsed = {
    minute: parseField(minute, 0, 59),
    hour: parseField(hour, 0, 23),
    day: parseField(day, 1, 31),
    month: parseField(month, 1, 12, MONTHS),
    weekday: parseField(weekday, 0, 6, DAYS),
  };
  const zone = zoneOf(timeZone);
  return {
    next: (ms) => search(parsed, zone, ms, 'forward'),
    previous: (ms) => search(parsed, zone, ms, 'backward'),
  };
}

/** A fixed interval, counted from the epoch so that it does not depend on who asks. */
function everySchedule(text: string): Schedule {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  const [, hours = 0, minutes = 0, seconds = 0] = match ?? [];
  const periodMs = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  if (!match || periodMs < 1000) throw new ScheduleError(`"@every ${text}" is no interval`);
  return {
    next: (ms) => (Math.floor(ms / periodMs) + 1) * periodMs,
    previous: (ms) => Math.floor(ms / periodMs) * periodMs,
  };
}

function parseField(text: string, min: number, max: number, names: string[] = []): Field {
  const values = new Set<number>();
  const number = (part: string): number => {
    const named = names.indexOf(part.toLowerCase());
    const value = named >= 0 ? named + min : /^\d+$/.test(part) ? Number(part) : Number.NaN;
    // Sunday is 0, and by old custom 7 as well.
    const folded = max === 6 && value === 7 ? 0 : value;
    if (!(folded >= min && folded <= max)) {
      throw new ScheduleError(`"${part}" is not within ${min}-${max}`);
    }
    return folded;
  };
  for (const part of text.split(',')) {
    const [range = '', stepText] = part.split('/', 2);
    const step = stepText === undefined ? 1 : Number(stepText);
    if (!Number.isInteger(step) || step < 1) throw new ScheduleError(`"${part}" has no valid step`);
    const isStar = range === '*' || range === '?';
    const [firstText = '', lastText] = range.split('-', 2);
    const first = isStar ? min : number(firstText);
    const single = stepText === undefined ? first : max;
    const last = isStar ? max : lastText === undefined ? single : number(lastText);
    if (last < first) throw new ScheduleError(`"${part}" ends before it begins`);
    for (let value = first; value <= last; value += step) values.add(value);
  }
  return { values, isOpen: text === '*' || text === '?' };
}

interface Fields {
  minute: Field;
  hour: Field;
  day: Field;
  month: Field;
  weekday: Field;
}

/** With both days given either will do; otherwise the given one must hold. */
function dayMatches(fields: Fields, wall: Date): boolean {
  const day = fields.day.values.has(wall.getUTCDate());
  const weekday = fields.weekday.values.has(wall.getUTCDay());
  return fields.day.isOpen || fields.weekday.isOpen ? day && weekday : day || weekday;
}

/** What a zone's clocks show, as if it were UTC; and the moment at which they show something. */
interface Zone {
  toWall(ms: number): number;
  /** `undefined` for a time that is skipped when clocks go forward. */
  fromWall(wallMs: number): number | undefined;
}

function search(
  fields: Fields,
  zone: Zone,
  ms: number,
  direction: 'forward' | 'backward',
): number | undefined {
  const isForward = direction === 'forward';
  const startMs = Math.floor(zone.toWall(ms) / MINUTE_MS) * MINUTE_MS;
  let wallMs = isForward ? startMs + MINUTE_MS : startMs;
  while (Math.abs(wallMs - startMs) <= HORIZON_MS) {
    const jump = mismatch(fields, new Date(wallMs));
    if (jump === undefined) {
      const found = zone.fromWall(wallMs);
      const isPast = found !== undefined && (isForward ? found > ms : found <= ms);
      if (isPast) return found;
      wallMs += isForward ? MINUTE_MS : -MINUTE_MS;
    } else wallMs = isForward ? jump.after : jump.before;
  }
  return undefined;
}

/** The nearest minutes outside the month, day, hour or minute that does not match. */
function mismatch(fields: Fields, wall: Date): { before: number; after: number } | undefined {
  const [year, month, day] = [wall.getUTCFullYear(), wall.getUTCMonth(), wall.getUTCDate()];
  if (!fields.month.values.has(month + 1)) {
    const first = Date.UTC(year, month, 1);
    return { before: first - MINUTE_MS, after: Date.UTC(year, month + 1, 1) };
  }
  const dayMs = Date.UTC(year, month, day);
  if (!dayMatches(fields, wall)) return { before: dayMs - MINUTE_MS, after: dayMs + DAY_MS };
  const hourMs = dayMs + wall.getUTCHours() * HOUR_MS;
  if (!fields.hour.values.has(wall.getUTCHours())) {
    return { before: hourMs - MINUTE_MS, after: hourMs + HOUR_MS };
  }
  if (fields.minute.values.has(wall.getUTCMinutes())) return undefined;
  const minuteMs = wall.getTime();
  return { before: minuteMs - MINUTE_MS, after: minuteMs + MINUTE_MS };
}

const UTC: Zone = { toWall: (ms) => ms, fromWall: (wallMs) => wallMs };

function zoneOf(name: string): Zone {
  if (name === 'UTC' || name === 'Etc/UTC') return UTC;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw new ScheduleError(`unknown time zone ${name}`);
  }
  const toWall = (ms: number): number => {
    const parts = new Map(format.formatToParts(ms).map((p) => [p.type, Number(p.value)]));
    const at = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    const date = Date.UTC(at('year'), at('month') - 1, at('day'));
    return date + at('hour') * HOUR_MS + at('minute') * MINUTE_MS + at('second') * 1000;
  };
  const fromWall = (wallMs: number): number | undefined => {
    // The offsets a day before and after are the two that can be in force; the earlier moment wins.
    const offsets = [wallMs - DAY_MS, wallMs + DAY_MS].map((ms) => toWall(ms) - ms);
    const candidates = offsets.map((offset) => wallMs - offset).sort((a, b) => a - b);
    return candidates.find((ms) => toWall(ms) === wallMs);
  };
  return { toWall, fromWall };
}
