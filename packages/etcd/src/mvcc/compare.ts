/** The conditions of a transaction. */

import type { Compare } from '../codec/index.ts';
import type { MvccStore } from './store.ts';
import { intervalOf, type Version } from './types.ts';

const RESULT = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
const TARGET = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

/** A key that does not exist compares as zeroes; its value compares with nothing. */
const MISSING = { version: 0, createRevision: 0, modRevision: 0, lease: 0n } as const;

function ordering(a: number | bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

type Numbers = Pick<Version, 'version' | 'createRevision' | 'modRevision' | 'lease'>;

function orderingOf(c: Compare, v: Numbers, value: Buffer): number | undefined {
  switch (c.target) {
    case TARGET.version:
      return ordering(v.version, c.version ?? 0n);
    case TARGET.create:
      return ordering(v.createRevision, c.createRevision ?? 0n);
    case TARGET.mod:
      return ordering(v.modRevision, c.modRevision ?? 0n);
    case TARGET.value:
      return Buffer.compare(value, c.value ?? NO_VALUE);
    case TARGET.lease:
      return ordering(v.lease, c.lease ?? 0n);
    default:
      return undefined;
  }
}

const NO_VALUE = Buffer.alloc(0);

function satisfied(order: number | undefined, result: number): boolean {
  switch (result) {
    case RESULT.equal:
      return order === undefined || order === 0;
    case RESULT.notEqual:
      return order === undefined || order !== 0;
    case RESULT.greater:
      return order === undefined || order > 0;
    case RESULT.less:
      return order === undefined || order < 0;
    default:
      return true;
  }
}

/** True when the condition holds for every key of its interval. */
export function holds(store: MvccStore, c: Compare): boolean {
  const interval = intervalOf(c.key, c.rangeEnd);
  const { versions } = store.scan(interval, { revision: 0, limit: 0, countOnly: false });
  if (versions.length === 0) {
    if (c.target === TARGET.value) return false;
    return satisfied(orderingOf(c, MISSING, NO_VALUE), c.result);
  }
  return versions.every((v) => satisfied(orderingOf(c, v, v.value), c.result));
}
