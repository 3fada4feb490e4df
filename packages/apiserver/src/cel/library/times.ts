/** Parts of times and spans. */
import type { Library } from '../signature.ts';
import { clockOf } from '../times.ts';
import type { Duration, Timestamp } from '../values.ts';

const DAY_MS = 86_400_000;

function dayOfYear(clock: Date): number {
  return Math.floor((clock.getTime() - Date.UTC(clock.getUTCFullYear(), 0)) / DAY_MS);
}

const CLOCK: Readonly<Record<string, (clock: Date) => number>> = {
  getFullYear: (clock) => clock.getUTCFullYear(),
  getMonth: (clock) => clock.getUTCMonth(),
  getDayOfYear: dayOfYear,
  getDayOfMonth: (clock) => clock.getUTCDate() - 1,
  getDate: (clock) => clock.getUTCDate(),
  getDayOfWeek: (clock) => clock.getUTCDay(),
  getHours: (clock) => clock.getUTCHours(),
  getMinutes: (clock) => clock.getUTCMinutes(),
  getSeconds: (clock) => clock.getUTCSeconds(),
  getMilliseconds: (clock) => clock.getUTCMilliseconds(),
};

/** Nanoseconds a unit. */
const UNITS: Readonly<Record<string, bigint>> = {
  getHours: 3_600_000_000_000n,
  getMinutes: 60_000_000_000n,
  getSeconds: 1_000_000_000n,
  getMilliseconds: 1_000_000n,
};

export function addTimeFunctions(library: Library): void {
  for (const [name, part] of Object.entries(CLOCK)) {
    library
      .add(name, 'timestamp -> () int', (time) => BigInt(part(clockOf(time as Timestamp))))
      .add(name, 'timestamp -> (string) int', (time, zone) =>
        BigInt(part(clockOf(time as Timestamp, String(zone)))),
      );
  }
  for (const [name, unit] of Object.entries(UNITS)) {
    library.add(name, 'duration -> () int', (span) => (span as Duration).nanos / unit);
  }
}
