/** Times and spans as texts: RFC 3339, and Go's notation of durations. */
import { EvaluationFailure } from './errors.ts';
import { Duration, Timestamp } from './values.ts';

const MILLI = 1_000_000n;
const SECOND = 1_000_000_000n;
const MINUTE_MS = 60_000;
const INT_BITS = 64;

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: MILLI,
  s: SECOND,
  m: 60n * SECOND,
  h: 3_600n * SECOND,
};

const PART = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;

const unreadable = (to: string): EvaluationFailure =>
  new EvaluationFailure(`type conversion error from 'string' to '${to}'`);

/** A span of time: `1h2m3.5s`. @throws EvaluationFailure */
export function durationOf(text: string): Duration {
  const fail = unreadable('google.protobuf.Duration');
  const [, sign = '', rest = ''] = /^([+-]?)([\s\S]*)$/.exec(text) ?? [];
  if (rest === '0') return new Duration(0n);
  if (rest === '') throw fail;
  let nanos = 0n;
  PART.lastIndex = 0;
  for (let at = 0; at < rest.length; at = PART.lastIndex) {
    const found = PART.exec(rest);
    const [, whole = '', fraction = '', unit = ''] = found ?? [];
    if (found === null || (whole === '' && fraction === '')) throw fail;
    const per = UNITS[unit] ?? 0n;
    const digits = BigInt(fraction || '0') * per;
    nanos += BigInt(whole || '0') * per + digits / 10n ** BigInt(fraction.length);
  }
  if (BigInt.asIntN(INT_BITS, nanos) !== nanos) throw fail;
  return new Duration(sign === '-' ? -nanos : nanos);
}

/** `3723.004s`. */
export function durationText({ nanos }: Duration): string {
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = String(size % SECOND)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const seconds = `${size / SECOND}${fraction === '' ? '' : `.${fraction}`}`;
  return `${nanos < 0n ? '-' : ''}${seconds}s`;
}

const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/** Minutes east of Greenwich of `Z`, `+01:00`. */
function offsetOf(zone: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(zone) ?? [];
  if (hours === undefined) return 0;
  const size = Number(hours) * 60 + Number(minutes);
  return sign === '-' ? -size : size;
}

/** A time of RFC 3339. @throws EvaluationFailure */
export function timestampOf(text: string): Timestamp {
  const fail = unreadable('google.protobuf.Timestamp');
  const found = TIME.exec(text);
  if (found === null) throw fail;
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = found;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const isThere = !Number.isNaN(ms) && new Date(ms).getUTCDate() === Number(day);
  if (!isThere || Number(hour) > 23) throw fail;
  const offset = offsetOf(zone);
  const nanos = BigInt(fraction.padEnd(9, '0').slice(0, 9));
  return new Timestamp(BigInt(ms - offset * MINUTE_MS) * MILLI + nanos, offset);
}

/** `2011-08-18T19:03:37.01+01:00`, in the zone the time was written in. */
export function timestampText({ nanos, offsetMinutes }: Timestamp): string {
  const local = nanos + BigInt(offsetMinutes * MINUTE_MS) * MILLI;
  const below = ((local % SECOND) + SECOND) % SECOND;
  const date = new Date(Number((local - below) / MILLI)).toISOString().slice(0, 19);
  const fraction = String(below).padStart(9, '0').replace(/0+$/, '');
  return `${date}${fraction === '' ? '' : `.${fraction}`}${zoneText(offsetMinutes)}`;
}

function zoneText(offset: number): string {
  if (offset === 0) return 'Z';
  const size = Math.abs(offset);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** A moment as a clock in a zone shows it. @throws EvaluationFailure for a zone nobody knows */
export function clockOf(time: Timestamp, zone = 'UTC'): Date {
  const ms = Number(time.nanos / MILLI - (time.nanos % MILLI < 0n ? 1n : 0n));
  const [, sign = '', hours, minutes] = /^([+-]?)(\d{1,2}):(\d{2})$/.exec(zone) ?? [];
  if (hours !== undefined) {
    const offset = Number(hours) * 60 + Number(minutes);
    return new Date(ms + (sign === '-' ? -offset : offset) * MINUTE_MS);
  }
  return new Date(ms + zoneOffsetMs(ms, zone));
}

function zoneOffsetMs(ms: number, zone: string): number {
  if (zone === 'UTC' || zone === '') return 0;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone: zone, hourCycle: 'h23', era: 'short' },
      ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
      ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
    });
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const at = (part: Intl.DateTimeFormatPartTypes): number => parts.get(part) ?? 0;
    const local = Date.UTC(
      ...([at('year'), at('month') - 1, at('day')] as const),
      ...([at('hour'), at('minute'), at('second')] as const),
    );
    return local - Math.floor(ms / 1_000) * 1_000;
  } catch (error) {
    if (error instanceof RangeError) {
      throw new EvaluationFailure(`unknown time zone ${zone}`, { cause: error });
    }
    throw error;
  }
}
