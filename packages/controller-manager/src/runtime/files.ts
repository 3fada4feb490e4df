import { rm } from 'node:fs/promises';

/** Deletes a file or directory with all that is in it; resolves as well when it is not there. */
export function removeTree(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}
