/** Range requests: filters, order and limit over what the store scans. */

import type { RangeRequest } from '../codec/index.ts';
import type { MvccStore } from './store.ts';
import { StoredVersion } from './stored-version.ts';
import { intervalOf, type Revision, type Version } from './types.ts';

export interface RangeAnswer {
  readonly kvs: readonly Version[];
  readonly count: number;
  readonly more: boolean;
}

const SORT = { none: 0, ascend: 1, descend: 2 } as const;
const TARGET = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;
const KNOWN_ORDERS: ReadonlySet<number> = new Set(Object.values(SORT));
const NO_VALUE = Buffer.alloc(0);

type Order = (a: Version, b: Version) => number;

const ORDERS: Readonly<Record<number, Order>> = {
  [TARGET.key]: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  [TARGET.version]: (a, b) => a.version - b.version,
  [TARGET.create]: (a, b) => a.createRevision - b.createRevision,
  [TARGET.mod]: (a, b) => a.modRevision - b.modRevision,
  [TARGET.value]: (a, b) => Buffer.compare(a.value, b.value),
};

export function isKnownSort(request: Pick<RangeRequest, 'sortOrder' | 'sortTarget'>): boolean {
  return KNOWN_ORDERS.has(request.sortOrder) && request.sortTarget in ORDERS;
}

function hasRevisionFilter(r: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = r;
  return (
    minModRevision > 0n || maxModRevision > 0n || minCreateRevision > 0n || maxCreateRevision > 0n
  );
}

function passes(v: Version, r: RangeRequest): boolean {
  return (
    (r.minModRevision <= 0n || v.modRevision >= r.minModRevision) &&
    (r.maxModRevision <= 0n || v.modRevision <= r.maxModRevision) &&
    (r.minCreateRevision <= 0n || v.createRevision >= r.minCreateRevision) &&
    (r.maxCreateRevision <= 0n || v.createRevision <= r.maxCreateRevision)
  );
}

/** How many versions the scan must return at least, 0 for all: sorting and filtering need every one. */
function scanLimit(r: RangeRequest, filtered: boolean): number {
  if (r.limit <= 0n || r.sortOrder !== SORT.none || filtered) return 0;
  return Number(r.limit) + 1;
}

/**
 * Answers a range request. `count` counts the keys of the interval before filters and limit; `more` tells whether the limit
 * left any of the filtered ones out.
 * @throws EtcdError `futureRevision` or `compacted`
 */
export function runRange(store: MvccStore, r: RangeRequest): RangeAnswer {
  const filtered = hasRevisionFilter(r);
  const { versions, count } = store.scan(intervalOf(r.key, r.rangeEnd), {
    revision: toRevision(r.revision),
    limit: scanLimit(r, filtered),
    countOnly: r.countOnly,
  });
  let kvs: Version[] = filtered ? versions.filter((v) => passes(v, r)) : versions;
  // A target without an order means ascending; ascending by key is how they come.
  const sorted = r.sortTarget !== TARGET.key || r.sortOrder === SORT.descend;
  if (sorted) kvs.sort(orderOf(r));
  const limit = Number(r.limit);
  const more = limit > 0 && kvs.length > limit;
  if (more) kvs.length = limit;
  if (r.keysOnly) kvs = kvs.map((v) => new StoredVersion(v, NO_VALUE));
  return { kvs, count, more };
}

function orderOf(r: RangeRequest): Order {
  const order = ORDERS[r.sortTarget] ?? (() => 0);
  return r.sortOrder === SORT.descend ? (a, b) => order(b, a) : order;
}

/** A revision as a client sent it: anything beyond the safe integers is in the future whatever its exact value. */
export function toRevision(revision: bigint): Revision {
  return revision <= 0n ? 0 : Number(revision);
}
