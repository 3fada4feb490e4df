/** A second copy of a data directory. */

import { cp } from 'node:fs/promises';
import { basename } from 'node:path';

/** What is only good in the process that made it. */
const NOT_COPIED: ReadonlySet<string> = new Set(['history', 'LOCK']);

/** @throws when there is no room, or the copy exists */
export async function copyDataDir(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    errorOnExist: true,
    force: false,
    filter: (path) => !NOT_COPIED.has(basename(path)),
  });
}
