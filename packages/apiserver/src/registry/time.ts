/** Times as they stand in objects. */
import type { ExactInteger } from '@kubets/api';

let lastSecond = Number.NaN;
let lastText = '';

/** `2026-01-02T03:04:05.678000Z`: a MicroTime. */
export const rfc3339Micro = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

/** `2026-01-02T03:04:05Z`: seconds, UTC. Writes of one second share the text. */
export function rfc3339(ms: number): string {
  const second = Math.floor(ms / 1_000);
  if (second === lastSecond) return lastText;
  lastSecond = second;
  lastText = `${new Date(ms).toISOString().slice(0, 19)}Z`;
  return lastText;
}

const NANOS_PER_SECOND = 1_000_000_000n;
const NANOS_PER_MS = 1_000_000n;

/** A time some seconds after another, as Go adds them: nanoseconds of 64 bits, of which too many begin again from below. */
export function secondsAfter(ms: number, seconds: ExactInteger): number {
  const nanos = BigInt.asIntN(64, BigInt(seconds) * NANOS_PER_SECOND);
  return ms + Number(nanos / NANOS_PER_MS);
}
