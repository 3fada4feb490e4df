/** `cluster.json` → what a person sees. Pure. */
import type { ClusterFile, ClusterProcess } from '../supervisor/cluster-file.ts';

/** Facts of a process that the file does not hold. */
export interface Observed {
  readonly alive: boolean;
  readonly residentBytes: number;
}

const MARKS: Readonly<Record<string, string>> = {
  waiting: '·',
  starting: '…',
  ready: '✔',
  'backing-off': '✗',
  stopping: '…',
  stopped: '·',
};

/** 42s, 5m, 3h, 2d. */
export function shortDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Of the first column; names that are longer make it wider. */
const NAME_WIDTH = 26;
const MARK_WIDTH = 2;

function processLine(
  one: ClusterProcess,
  nowMs: number,
  o: { readonly observed: Observed | undefined; readonly width: number },
): string {
  const { observed, width } = o;
  const alive = observed?.alive ?? true;
  const state = alive || one.state === 'stopped' ? one.state : 'dead';
  const mark = MARKS[state] ?? '✗';
  const age = one.startedAtMs === 0 ? '' : shortDuration(nowMs - one.startedAtMs);
  const memory =
    observed === undefined ? '' : `${Math.round(observed.residentBytes / 1048576)} MiB`;
  const restarts = one.restarts === 0 ? '' : `restarts ${one.restarts}`;
  const cells = [
    `${mark} ${one.name}`.padEnd(width),
    state.padEnd(12),
    String(one.pid ?? '-').padEnd(8),
    age.padEnd(6),
    memory.padEnd(9),
    restarts,
  ];
  return cells.join(' ').trimEnd();
}

/** A table, one line a process. */
export function renderProcesses(
  file: ClusterFile,
  nowMs: number,
  observe?: (pid: number) => Observed | undefined,
): string[] {
  const longest = Math.max(...file.processes.map((one) => one.name.length + MARK_WIDTH));
  const width = Math.max(NAME_WIDTH, longest);
  const titles = `${'  PROCESS'.padEnd(width)} STATE        PID      AGE`;
  const head = observe === undefined ? titles : `${titles}    MEMORY`;
  const rows = file.processes.map((one) =>
    processLine(one, nowMs, {
      observed: one.pid === undefined ? undefined : observe?.(one.pid),
      width,
    }),
  );
  return [head, ...rows];
}

/** How to go on once the cluster is ready. */
export function renderUsage(kubeconfig: string, dataDir: string, isDefaultDir: boolean): string[] {
  const dir = isDefaultDir ? '' : ` --data-dir ${dataDir}`;
  return [
    'The cluster is ready. In another terminal:',
    `  export KUBECONFIG=${kubeconfig}`,
    '  kubectl get nodes',
    `  npx kubets status${dir}      what runs`,
    `  npx kubets logs NAME${dir}   a process's log`,
    `  npx kubets down${dir}        stop everything`,
  ];
}
