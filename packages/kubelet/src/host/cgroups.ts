import { readdirSync, rmdirSync } from 'node:fs';
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
