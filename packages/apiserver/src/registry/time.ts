/** Times as they stand in objects. */

/** `2026-01-02T03:04:05Z`: seconds, UTC. */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
