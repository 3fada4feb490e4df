import type { Pod } from '@kubets/api';
import { annotationsOf } from '../objects/meta.ts';

export const INDEX_ANNOTATION = 'batch.kubernetes.io/job-completion-index';

/** Reads `0-2,5` into the numbers below `limit` it stands for; parts that are no numbers are left out. */
export function parseIndexes(
  text: string | undefined,
  limit = Number.MAX_SAFE_INTEGER,
): Set<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) continue;
    const first = Number(match[1]);
    const last = Math.min(Number(match[2] ?? match[1]), limit - 1);
    for (let index = first; index <= last; index++) indexes.add(index);
  }
  return indexes;
}

/** `{0, 1, 2, 5, 6}` → `0-2,5,6`: a range is three or more. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    const first = sorted[i] ?? 0;
    let last = first;
    for (i++; sorted[i] === last + 1; i++) last++;
    if (last > first + 1) parts.push(`${first}-${last}`);
    else parts.push(...(last > first ? [`${first}`, `${last}`] : [`${first}`]));
  }
  return parts.join(',');
}

/** The pod's completion index; `undefined` for none, or one the Job does not have. */
export function indexOf(pod: Pod, completions: number): number | undefined {
  const text = annotationsOf(pod)[INDEX_ANNOTATION] ?? pod.metadata.labels?.[INDEX_ANNOTATION];
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const index = Number(text);
  return index < completions ? index : undefined;
}

/** The lowest `count` indexes that are neither taken nor done. */
export function freeIndexes(
  completions: number,
  taken: ReadonlySet<number>,
  count: number,
): number[] {
  const free: number[] = [];
  for (let index = 0; index < completions && free.length < count; index++) {
    if (!taken.has(index)) free.push(index);
  }
  return free;
}
