/** Versions come out of the store by key; a stock etcd's database has them by revision. */

import { setImmediate } from 'node:timers/promises';
import type { Version } from '../mvcc/index.ts';

/** Versions sorted, and merged, before other work gets its turn. */
const SORTED_PER_TURN = 8_192;
const MERGED_PER_TURN = 50_000;

function compare(a: Version, b: Version): number {
  return a.modRevision - b.modRevision || a.sub - b.sub;
}

async function merge(a: readonly Version[], b: readonly Version[]): Promise<Version[]> {
  const out: Version[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i];
    const right = b[j];
    if (right === undefined || (left !== undefined && compare(left, right) <= 0)) {
      out.push(left as Version);
      i++;
    } else {
      out.push(right);
      j++;
    }
    if (out.length % MERGED_PER_TURN === 0) await setImmediate();
  }
  return out;
}

/** The versions by revision, without holding anybody up for long. */
export async function inRevisionOrder(versions: Iterable<Version>): Promise<readonly Version[]> {
  let runs: Version[][] = [];
  let run: Version[] = [];
  const close = async (): Promise<void> => {
    runs.push(run.sort(compare));
    run = [];
    await setImmediate();
  };
  for (const version of versions) {
    run.push(version);
    if (run.length === SORTED_PER_TURN) await close();
  }
  if (run.length > 0 || runs.length === 0) await close();
  while (runs.length > 1) {
    const merged: Version[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(await merge(runs[at] ?? [], runs[at + 1] ?? []));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}
