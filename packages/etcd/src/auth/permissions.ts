/** What a user may read and write: intervals of keys, merged over all of the user's roles. */

import { type Interval, intervalOf } from '../mvcc/index.ts';

/** `authpb.Permission.Type`. */
export const PERMISSION = { read: 0, write: 1, readWrite: 2 } as const;

/** One grant of a role. `rangeEnd` as in requests: empty for the one key, a zero byte for every key from `key` on. */
export interface Permission {
  /** A number of {@link PERMISSION}. */
  readonly permType: number;
  readonly key: Buffer;
  readonly rangeEnd: Buffer;
}

export type Access = 'read' | 'write';

function grants(permission: Permission, access: Access): boolean {
  if (permission.permType === PERMISSION.readWrite) return true;
  return permission.permType === PERMISSION[access];
}

/** Sorts intervals and joins those that overlap or touch: `[a, c)` and `[c, f)` allow a request for `[b, e)`. */
function join(intervals: readonly Interval[]): Interval[] {
  const sorted = intervals
    .filter(({ from, to }) => to === undefined || from < to)
    .toSorted((a, b) => (a.from < b.from ? -1 : 1));
  const joined: Interval[] = [];
  for (const next of sorted) {
    const last = joined.at(-1);
    if (last === undefined || (last.to !== undefined && last.to < next.from)) {
      joined.push(next);
    } else if (last.to !== undefined && (next.to === undefined || next.to > last.to)) {
      joined[joined.length - 1] = { from: last.from, to: next.to };
    }
  }
  return joined;
}

/** The intervals a set of grants allows. Never changed once made. */
export class KeyRights {
  private readonly joined: Readonly<Record<Access, readonly Interval[]>>;

  constructor(permissions: readonly Permission[]) {
    const of = (access: Access): Interval[] =>
      join(permissions.filter((p) => grants(p, access)).map((p) => intervalOf(p.key, p.rangeEnd)));
    this.joined = { read: of('read'), write: of('write') };
  }

  /** True when every key of the interval is allowed. */
  allows(access: Access, { from, to }: Interval): boolean {
    return this.joined[access].some((one) => {
      if (one.from > from) return false;
      if (one.to === undefined) return true;
      return to !== undefined && to <= one.to && from < one.to;
    });
  }
}
