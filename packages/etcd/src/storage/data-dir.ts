/** What lies where in a member's data directory. */

import { join } from 'node:path';

/** The state's folder. */
export function stateDirOf(dataDir: string): string {
  return join(dataDir, 'state');
}

/** The log's folder. */
export function logDirOf(dataDir: string): string {
  return join(dataDir, 'wal');
}
