/** The machine's disk. */
import { fdatasync, fdatasyncSync, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { ConfigError, errorMessage } from '@kubets/platform';
import { ClassicLevel } from 'classic-level';
import { DataDirLockedError } from '../../host/errors.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { SyncPace } from './sync-pace.ts';

const PRIVATE_FILE = 0o600;
const PRIVATE_DIR = 0o700;

function codeOf(err: unknown): unknown {
  return typeof err === 'object' && err !== null ? Reflect.get(err, 'code') : undefined;
}

/** Writes up to this size go to the page cache at once: that takes less time than asking another thread to do it. */
const DIRECT_WRITE_BYTES = 256 * 1024;
/** What the disks of this process are like; they share it, as they share the machine. */
const pace = new SyncPace();

class NodeFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const direct = bytes.byteLength <= DIRECT_WRITE_BYTES;
    let done = 0;
    while (done < bytes.byteLength) {
      const rest = bytes.byteLength - done;
      if (direct) done += writeSync(this.#handle.fd, bytes, done, rest, position + done);
      else done += (await this.#handle.write(bytes, done, rest, position + done)).bytesWritten;
    }
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  async sync(): Promise<void> {
    const { direct } = pace;
    const startedMs = performance.now();
    if (direct) fdatasyncSync(this.#handle.fd);
    else await datasync(this.#handle.fd);
    pace.took(performance.now() - startedMs);
  }

  syncAside(): Promise<void> {
    return datasync(this.#handle.fd);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

const datasync = promisify(fdatasync);

/** Makes a directory and its parents; each new name is synced in its parent. */
async function makeDurableDir(dir: string): Promise<void> {
  const first = await mkdir(dir, { recursive: true, mode: PRIVATE_DIR });
  if (first === undefined) return;
  for (let at = dir; ; at = dirname(at)) {
    await syncDir(dirname(at));
    if (at === first || at === dirname(at)) break;
  }
}

async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * LevelDB holds a kernel lock (fcntl) on its directory, which goes with the process however it dies. An empty database
 * is opened for nothing but that.
 */
async function lock(dir: string): Promise<() => Promise<void>> {
  const holder = new ClassicLevel(join(dir, 'lock'));
  try {
    await holder.open();
  } catch (err) {
    const cause = err instanceof Error ? err.cause : undefined;
    if (codeOf(cause) === 'LEVEL_LOCKED') throw new DataDirLockedError(dir, { cause: err });
    if (codeOf(cause) !== 'LEVEL_CORRUPTION') {
      const why = cause instanceof Error ? cause.message : errorMessage(err);
      throw new ConfigError(`cannot use the data directory ${dir}: ${why}`, { cause: err });
    }
    // It holds nothing: after a power failure it is simply made anew.
    await ClassicLevel.destroy(join(dir, 'lock'));
    await holder.open();
  }
  return () => holder.close();
}

export const nodeDisk: Disk = {
  lock,
  makeDir: makeDurableDir,
  async list(dir) {
    try {
      return (await readdir(dir)).sort();
    } catch (err) {
      if (codeOf(err) === 'ENOENT') return [];
      throw err;
    }
  },
  read: (path) => readFile(path),
  async open(path, options) {
    return new NodeFile(await open(path, options.create ? 'w' : 'r+', PRIVATE_FILE));
  },
  rename,
  remove: unlink,
  syncDir,
};
