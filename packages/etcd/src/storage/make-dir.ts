/** Directories of a member, made without a moment in which another process could make them first. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const PRIVATE_MODE = 0o700;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** One level, or nothing if it is there. */
function makeLevel(dir: string): void {
  try {
    mkdirSync(dir, { mode: PRIVATE_MODE });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !statSync(dir).isDirectory()) throw error;
  }
}

/**
 * Makes a directory and those above it, for the owner alone; what is there already stays as it is. Level by level: the
 * recursive form of mkdir never returns where a file system refuses new directories, such as /proc. Making first and looking
 * afterwards lets members that start together share a parent.
 * @throws the system's error where a level cannot be made or is no directory
 */
export function makeDir(dir: string): void {
  try {
    makeLevel(dir);
  } catch (error) {
    const parent = dirname(dir);
    if (codeOf(error) !== 'ENOENT' || parent === dir) throw error;
    makeDir(parent);
    makeLevel(dir);
  }
}
