/** Where the time of a process went, from a `.cpuprofile` of V8. Pure. */
import type { Table } from './result.ts';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
}

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface ProfileRow {
  readonly what: string;
  readonly seconds: number;
  /** Of the time the process was not idle. */
  readonly share: number;
}

const IDLE = new Set(['(idle)', '(program)']);

function nameOf({ functionName, url, lineNumber }: ProfileNode['callFrame']): string {
  if (url === '') return functionName;
  // The end of the path says enough.
  const file = url.split('/').slice(-3).join('/');
  return `${functionName === '' ? '(anonymous)' : functionName} ${file}:${lineNumber + 1}`;
}

/** The functions that took most time themselves, the largest first. */
export function topRows(profile: CpuProfile, count: number): ProfileRow[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const seconds = new Map<string, number>();
  let busy = 0;
  for (const [at, id] of profile.samples.entries()) {
    const name = names.get(id) ?? '?';
    if (IDLE.has(name)) continue;
    const spent = (profile.timeDeltas[at] ?? 0) / 1e6;
    seconds.set(name, (seconds.get(name) ?? 0) + spent);
    busy += spent;
  }
  return [...seconds]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([what, spent]) => ({ what, seconds: spent, share: spent / Math.max(busy, 1e-9) }));
}

export function profileTable(process: string, profile: CpuProfile, count: number): Table {
  return {
    title: `Where the time of ${process} went`,
    head: ['function', 'seconds', 'share'],
    rows: topRows(profile, count).map(({ what, seconds, share }) => [
      what,
      seconds.toFixed(2),
      `${(share * 100).toFixed(1)} %`,
    ]),
  };
}
