/** Finding and ending processes through /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { delay, errorCode, systemClock } from '@kubets/platform';
import { CLUSTER_MARK } from './launcher.ts';

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    // Ended meanwhile, or somebody else's: either way not ours.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '')) return '';
    throw error;
  }
}

/** Start time in clock ticks since boot; with the pid it names one process for good. Undefined when it is gone or a zombie. */
export function startTimeOf(pid: number): string | undefined {
  const stat = readProc(pid, 'stat');
  // The command name may contain spaces and brackets: fields count from the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** Resident memory in bytes; 0 when the process is gone. */
export function residentBytes(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readProc(pid, 'status'));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Processes that belong to the cluster of this data directory, this one and its parents left out. */
export function clusterProcesses(dataDir: string): number[] {
  const mark = `${CLUSTER_MARK}=${dataDir}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && pid !== process.ppid)
    .filter((pid) => readProc(pid, 'environ').split('\0').includes(mark))
    .filter((pid) => startTimeOf(pid) !== undefined);
}

/** Whether a process keeps a container: these outlive their containerd, and their pods with them. */
export const keepsContainer = (pid: number): boolean =>
  readProc(pid, 'cmdline').includes('containerd-shim');

/** Whether a supervisor stays when its host leaves the cluster: `kubets run --wait`, or `kubets join --run` of a container. */
export const staysOn = (pid: number): boolean =>
  readProc(pid, 'cmdline')
    .split('\0')
    .some((word) => word === '--wait' || word === '--run');

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

const POLL_MS = 50;

/** SIGTERM to all, SIGKILL to those that stay longer than the grace. */
export async function endProcesses(pids: readonly number[], graceMs: number): Promise<void> {
  const started = new Map(pids.map((pid) => [pid, startTimeOf(pid)]));
  const alive = (): number[] =>
    pids.filter((pid) => {
      const now = startTimeOf(pid);
      return now !== undefined && now === started.get(pid);
    });
  for (const pid of alive()) signal(pid, 'SIGTERM');
  const deadlineMs = systemClock.monotonicMs() + graceMs;
  while (alive().length > 0 && systemClock.monotonicMs() < deadlineMs) await delay(POLL_MS);
  for (const pid of alive()) signal(pid, 'SIGKILL');
  while (alive().length > 0) await delay(POLL_MS);
}
