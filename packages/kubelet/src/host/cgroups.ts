import { existsSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Removes a cgroup's folders in every hierarchy, leaves first. Folders still in use stay. */
export function removeCgroups(cgroupParent: string, root = '/sys/fs/cgroup'): void {
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
  remove(join(root, cgroupParent));
  for (const hierarchy of readdirSync(root)) remove(join(root, hierarchy, cgroupParent));
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
