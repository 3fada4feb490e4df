import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '@kubets/platform';

const PRIVATE_FILE = 0o600;
const PRIVATE_DIR = 0o700;

export function makePrivateDir(path: string): void {
  mkdirSync(path, { recursive: true, mode: PRIVATE_DIR });
}

function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Readers see the old content or the new one, never half of it. Mode 0600. Not synced: for what can be made again. */
export function replaceFile(path: string, content: string): void {
  const draft = draftOf(path);
  writeFileSync(draft, content, { mode: PRIVATE_FILE });
  renameSync(draft, path);
}

/** Like {@link replaceFile}, and a power loss leaves the old content or the new one, too. */
export function writeAtomic(path: string, content: string): void {
  const draft = draftOf(path);
  writeFileSync(draft, content, { mode: PRIVATE_FILE });
  syncPath(draft);
  renameSync(draft, path);
  syncPath(dirname(path));
}

const draftOf = (path: string): string => `${path}.${process.pid}.tmp`;

/** The file's text, or undefined when there is none. Other failures throw. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
