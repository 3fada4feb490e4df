/**
 * Resolves a count that may be a percentage of `total`, rounded as told.
 * `'25%'` of 10 is 3 rounded up, 2 rounded down. Anything unreadable counts as 0.
 */
export function resolveIntOrPercent(
  value: number | string | undefined,
  total: number,
  round: 'up' | 'down',
): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value);
  if (percent === null) {
    const plain = Number.parseInt(value, 10);
    return Number.isNaN(plain) ? 0 : plain;
  }
  const exact = (Number(percent[1]) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
