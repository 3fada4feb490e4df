import { setOwn } from './own.ts';

/**
 * A deep copy of a JSON value. Several times faster than `structuredClone`, which must be ready for cycles, dates and maps.
 * A key `__proto__`, which JSON text may hold, stays a key.
 */
export function cloneJson<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  const source = value as Readonly<Record<string, unknown>>;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(source)) {
    setOwn(out, key, copy(source[key]));
  }
  return out;
}
