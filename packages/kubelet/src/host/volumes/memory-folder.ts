import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export async function isMountPoint(dir: string): Promise<boolean> {
  const info = await readFile('/proc/self/mountinfo', 'utf8');
  return info.split('\n').some((line) => line.split(' ')[4] === dir);
}

/**
 * A folder that lies in memory: secrets and tokens of pods never reach a disk. One for the whole node, so that a pod costs no
 * mount; pods see their own part of it only.
 */
export class MemoryFolder {
  readonly path: string;
  #made: Promise<void> | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes it, once; it outlives the process. @throws Error when it cannot be mounted */
  ensure(): Promise<void> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = undefined;
      throw error;
    });
    return this.#made;
  }

  async #make(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    if (await isMountPoint(this.path)) return;
    await run('mount', ['-t', 'tmpfs', '-o', 'mode=0700', 'tmpfs', this.path]);
  }
}
