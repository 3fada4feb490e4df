import { parseDurationMs } from '@kubets/api';

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
/** Longer than clocks are ever put back at once. */
const SEAM_MS = 3 * HOUR_MS;

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
 * Reads a schedule in cron's five fields, or one of its shorthands. It may begin with its own zone: `TZ=Asia/Tokyo `.
 * @param timeZone IANA name; the times are those of its clocks
 * @param anchorMs intervals (`@every`) are counted from here
 * @throws ScheduleError
 */
export function parseSchedule(given: string, timeZone = 'UTC', anchorMs = 0): Schedule {
  const [, ownZone, rest] = /^(?:CRON_)?TZ=(\S*)\s+(.*)$/.exec(given) ?? [];
  const text = (rest ?? given).trim();
  const every = /^@every\s+(\S+)$/.exec(text);
  if (every) return everySchedule(every[1] ?? '', anchorMs);
  const fields = (SHORTHANDS[text] ?? text).split(/\s+/);
  if (fields.length !== 5) {
    throw new ScheduleError(
      `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`,
    );
  }
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  const parsed = {
    minute: parseField(minute, 0, 59),
    hour: parseField(hour, 0, 23),
    day: parseField(day, 1, 31),
    month: parseField(month, 1, 12, MONTHS),
    weekday: parseField(weekday, 0, 6, DAYS),
  };
  const zone = zoneOf(ownZone ?? timeZone);
  return {
    next: (ms) => next(parsed, zone, ms),
    previous: (ms) => previous(parsed, zone, ms),
  };
}

/** A fixed interval of whole seconds, one at least. */
function everySchedule(text: string, anchorMs: number): Schedule {
  const givenMs = parseDurationMs(text);
  if (givenMs === undefined) throw new ScheduleError(`failed to parse duration @every ${text}`);
  const periodMs = Math.max(1000, Math.floor(givenMs / 1000) * 1000);
  const start = Math.floor(anchorMs / 1000) * 1000;
  const passed = (ms: number): number => Math.floor((ms - start) / periodMs);
  return {
    next: (ms) => start + (passed(ms) + 1) * periodMs,
    previous: (ms) => start + passed(ms) * periodMs,
  };
}

function parseField(text: string, min: number, max: number, names: string[] = []): Field {
  const values = new Set<number>();
  let isOpen = false;
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
  for (const part of text.split(',').filter((one) => one !== '')) {
    const [range = '', stepText] = part.split('/', 2);
    const step = stepText === undefined ? 1 : Number(stepText);
    if (!Number.isInteger(step) || step < 1) throw new ScheduleError(`"${part}" has no valid step`);
    const [firstText = '', lastText] = range.split('-', 2);
    const isStar = firstText === '*' || firstText === '?';
    if (isStar && step === 1) isOpen = true;
    const first = isStar ? min : number(firstText);
    const single = stepText === undefined ? first : max;
    const last = isStar ? max : lastText === undefined ? single : number(lastText);
    if (last < first) throw new ScheduleError(`"${part}" ends before it begins`);
    for (let value = first; value <= last; value += step) values.add(value);
  }
  return { values, isOpen };
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

/** What a zone's clocks show, as if it were UTC; and the moments at which they show something. */
interface Zone {
  toWall(ms: number): number;
  /** None for a time that is skipped when clocks go forward, two when they go back over it. */
  fromWall(wallMs: number): readonly number[];
}

type Direction = 'forward' | 'backward';

/** A walk along the wall's clock sees an hour once: where clocks go back, a second one begins behind it. */
function next(fields: Fields, zone: Zone, ms: number): number | undefined {
  const straight = walk(fields, zone, zone.toWall(ms), 'forward', (at) => at > ms);
  const seam = clocksGoBack(zone, ms, ms + SEAM_MS);
  if (seam === undefined) return straight;
  const wallMs = zone.toWall(seam) - MINUTE_MS;
  const again = walk(fields, zone, wallMs, 'forward', (at) => at >= seam);
  return earliest([straight, again]);
}

/** As `next`, into the past. */
function previous(fields: Fields, zone: Zone, ms: number): number | undefined {
  const straight = walk(fields, zone, zone.toWall(ms), 'backward', (at) => at <= ms);
  const seam = clocksGoBack(zone, ms - SEAM_MS, ms);
  if (seam === undefined) return straight;
  const before = walk(fields, zone, zone.toWall(seam - 1), 'backward', (at) => at < seam);
  return earliest([straight, before], -1);
}

function earliest(moments: readonly (number | undefined)[], sign = 1): number | undefined {
  return moments.filter((ms) => ms !== undefined).sort((a, b) => sign * (a - b))[0];
}

/** The moment clocks are put back in (fromMs, toMs], if they are. */
function clocksGoBack(zone: Zone, fromMs: number, toMs: number): number | undefined {
  const offset = (ms: number): number => zone.toWall(ms) - ms;
  const before = offset(fromMs);
  if (offset(toMs) >= before) return undefined;
  let [low, high] = [fromMs, toMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offset(middle) < before) high = middle;
    else low = middle;
  }
  return high;
}

function walk(
  fields: Fields,
  zone: Zone,
  fromWallMs: number,
  direction: Direction,
  accepts: (ms: number) => boolean,
): number | undefined {
  const isForward = direction === 'forward';
  const startMs = Math.floor(fromWallMs / MINUTE_MS) * MINUTE_MS;
  let wallMs = isForward ? startMs + MINUTE_MS : startMs;
  while (Math.abs(wallMs - startMs) <= HORIZON_MS) {
    const jump = mismatch(fields, new Date(wallMs));
    if (jump === undefined) {
      const found = zone.fromWall(wallMs).filter(accepts);
      if (found.length > 0) return earliest(found, isForward ? 1 : -1);
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

const UTC: Zone = { toWall: (ms) => ms, fromWall: (wallMs) => [wallMs] };

/** Whether there is a time zone of this name. */
export function isKnownZone(name: string): boolean {
  try {
    zoneOf(name);
    return true;
  } catch {
    return false;
  }
}

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
    const seconds = at('hour') * 3600 + at('minute') * 60 + at('second');
    // What no clock on the wall shows is the same in every zone.
    return date + seconds * 1000 + (((ms % 1000) + 1000) % 1000);
  };
  const fromWall = (wallMs: number): readonly number[] => {
    // The offsets a day before and after are the two that can be in force.
    const offsets = new Set([wallMs - DAY_MS, wallMs + DAY_MS].map((ms) => toWall(ms) - ms));
    return [...offsets].map((offset) => wallMs - offset).filter((ms) => toWall(ms) === wallMs);
  };
  return { toWall, fromWall };
}
