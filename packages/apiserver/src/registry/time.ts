/** Times as they stand in objects. */

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
