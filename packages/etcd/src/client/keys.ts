/** Makers of key intervals, conditions and transaction steps. */

import type { Condition, Operation, PutOptions, RangeOptions } from './types.ts';

/** The end of the interval that holds every key with this prefix; the zero byte ("no end") for an empty or all-0xff one. */
export function prefixEnd(prefix: Uint8Array): Buffer {
  const end = Buffer.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = end[i] ?? 0xff;
    if (byte < 0xff) {
      end[i] = byte + 1;
      return end.subarray(0, i + 1);
    }
  }
  return Buffer.of(0);
}

/** The smallest key after this one: where the next page of a range starts. */
export function keyAfter(key: Uint8Array): Buffer {
  return Buffer.concat([key, Buffer.of(0)]);
}

const RESULT = { '=': 0, '>': 1, '<': 2, '!=': 3 } as const;
type Relation = keyof typeof RESULT;
const TARGET = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

/** Conditions of a transaction. A key that does not exist has version and revisions 0. */
export const compare = {
  modRevision: (key: Uint8Array, is: Relation, modRevision: bigint): Condition => ({
    key,
    result: RESULT[is],
    target: TARGET.mod,
    modRevision,
  }),
  createRevision: (key: Uint8Array, is: Relation, createRevision: bigint): Condition => ({
    key,
    result: RESULT[is],
    target: TARGET.create,
    createRevision,
  }),
  version: (key: Uint8Array, is: Relation, version: bigint): Condition => ({
    key,
    result: RESULT[is],
    target: TARGET.version,
    version,
  }),
  value: (key: Uint8Array, is: Relation, value: Uint8Array): Condition => ({
    key,
    result: RESULT[is],
    target: TARGET.value,
    value,
  }),
} as const;

/** Steps of a transaction. */
export const op = {
  get: (key: Uint8Array): Operation => ({ requestRange: { key } }),
  range: (key: Uint8Array, rangeEnd: Uint8Array, o: RangeOptions = {}): Operation => ({
    requestRange: { key, rangeEnd, ...rangeFields(o) },
  }),
  put: (key: Uint8Array, value: Uint8Array, o: PutOptions = {}): Operation => ({
    requestPut: { key, value, lease: o.lease, prevKv: o.prevKv },
  }),
  delete: (key: Uint8Array, o: { rangeEnd?: Uint8Array; prevKv?: boolean } = {}): Operation => ({
    requestDeleteRange: { key, rangeEnd: o.rangeEnd, prevKv: o.prevKv },
  }),
} as const;

/** The wire fields of range options. */
export function rangeFields(o: RangeOptions) {
  const { limit, revision, serializable, keysOnly, countOnly, minModRevision, maxModRevision } = o;
  const sortOrder = o.descending === true ? 2 : undefined;
  return {
    ...{ limit, revision, serializable, keysOnly, countOnly, minModRevision, maxModRevision },
    sortOrder,
  };
}
