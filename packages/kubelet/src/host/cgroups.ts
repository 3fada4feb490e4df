import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { delay, errorCode, systemClock } from '@kubets/platform';

const ROOT = '/sys/fs/cgroup';
const END_WITHIN_MS = 5_000;
const LOOK_MS = 20;

/** A cgroup's folder in every hierarchy; not all of them are there. */
const foldersOf = (cgroup: string, root: string): string[] => [
  join(root, cgroup),
  ...readdirSync(root).map((hierarchy) => join(root, hierarchy, cgroup)),
];

function processesBelow(dir: string): number[] {
  try {
    const own = readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
    const entries = readdirSync(dir, { withFileTypes: true }).filter((one) => one.isDirectory());
    return [...own.map(Number), ...entries.flatMap((one) => processesBelow(join(dir, one.name)))];
  } catch (error) {
    // Not there, or gone meanwhile.
    if (['ENOENT', 'ENODEV', 'ENOTDIR'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}

/** Processes in a cgroup and below it. */
export const cgroupProcesses = (cgroup: string, root = ROOT): number[] => [
  ...new Set(foldersOf(cgroup, root).flatMap(processesBelow)),
];

/** SIGKILL to everything in a cgroup, again for what was born meanwhile. What the kernel holds longer than 5 s is left. */
export async function endCgroup(cgroup: string): Promise<void> {
  const endMs = systemClock.monotonicMs() + END_WITHIN_MS;
  for (;;) {
    const pids = cgroupProcesses(cgroup);
    if (pids.length === 0 || systemClock.monotonicMs() > endMs) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if (errorCode(error) !== 'ESRCH') throw error;
      }
    }
    await delay(LOOK_MS);
  }
}

/** Removes a cgroup's folders in every hierarchy, leaves first. Folders still in use stay. */
export function removeCgroups(cgroupParent: string, root = ROOT): void {
  const remove = (dir: string): void => {
    let names: string[] = [];
    try {
      const entries = readdirSync(dir, { withFileTypes: true });
      names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    } catch {
      return; // Not there: nothing to do.
    }
    for (const name of names) remove(join(dir, name));
    try {
      rmdirSync(dir);
    } catch {
      // In use, or gone already: the kernel decides.
    }
  };
  for (const folder of foldersOf(cgroupParent, root)) remove(folder);
}

/** Removes the cgroup that nodes of this machine have in common, unless there is another node. */
export function removeSharedCgroup(cgroupParent: string, root = ROOT): void {
  const shared = dirname(cgroupParent);
  if (shared === '/') return;
  for (const folder of foldersOf(shared, root)) {
    try {
      rmdirSync(folder);
    } catch {
      // Not there, or in use: the kernel decides.
    }
  }
}

/** A pod's cgroup below its node's. */
export const podCgroup = (parent: string, podUid: string): string => `${parent}/pod${podUid}`;

const SHARES_MIN = 2;
const SHARES_RANGE = 262_142;
const WEIGHT_RANGE = 9_999;

/** cgroup v2 counts from 1 to 10,000 what v1 counts from 2 to 262,144. */
export const weightOf = (shares: number): number =>
  1 + Math.floor(((shares - SHARES_MIN) * WEIGHT_RANGE) / SHARES_RANGE);

/** Gives a cgroup its share of the processors against its neighbours. Without such a cgroup, nothing happens. */
export function setCpuShares(cgroup: string, shares: number, root = '/sys/fs/cgroup'): void {
  const one = join(root, 'cpu', cgroup, 'cpu.shares');
  const two = join(root, cgroup, 'cpu.weight');
  if (existsSync(one)) writeFileSync(one, String(shares));
  else if (existsSync(two)) writeFileSync(two, String(weightOf(shares)));
}
