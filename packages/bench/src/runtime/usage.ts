/** CPU and memory of processes of this machine, from /proc. */
import { readFileSync } from 'node:fs';

/** USER_HZ of every Linux there is. */
const TICKS_A_SECOND = 100;
const PAGE_BYTES = 4_096;
const FIELDS_AFTER_NAME = { utime: 11, stime: 12, rss: 21 } as const;

export interface Usage {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/** @returns undefined when there is no such process */
export function usageOf(pid: number): Usage | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name, in brackets, may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const { utime, stime, rss } = FIELDS_AFTER_NAME;
  const ticks = Number(fields[utime]) + Number(fields[stime]);
  return { cpuSeconds: ticks / TICKS_A_SECOND, rssBytes: Number(fields[rss]) * PAGE_BYTES };
}
