/** A file system of its own for each member, in a file: it can be slowed down and filled up without touching anybody else's. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@kubets/platform';
import { run, tryRun } from './commands.ts';

const SIZE_BYTES = 192 * 1024 * 1024;
const FILLER_BYTES = 1024 * 1024;
/** The file system needs some of what is free for itself. */
const FALLOCATED = 0.95;
const CGROUP_1 = '/sys/fs/cgroup/blkio';
const CGROUP_2 = '/sys/fs/cgroup';

export class MemberDisk implements Disposable {
  /** Where it is mounted. */
  readonly path: string;
  readonly #image: string;
  readonly #device: string;
  readonly #group: string;
  readonly #first: boolean;

  constructor(dir: string, name: string) {
    this.path = join(dir, `disk-${name}`);
    this.#image = `${this.path}.img`;
    this.#first = existsSync(CGROUP_1);
    this.#group = join(this.#first ? CGROUP_1 : CGROUP_2, `kubets-${process.pid}-${name}`);
    mkdirSync(this.path, { recursive: true });
    closeSync(openSync(this.#image, 'w'));
    truncateSync(this.#image, SIZE_BYTES);
    run('mkfs.ext4', '-q', '-m', '0', this.#image);
    run('mount', '-o', 'loop', this.#image, this.path);
    this.#device = deviceOf(this.path);
    mkdirSync(this.#group, { recursive: true });
  }

  /** A process whose writes are held back when the disk is slow. */
  adopt(pid: number): void {
    writeFileSync(join(this.#group, 'cgroup.procs'), String(pid));
  }

  /** So many writes a second and no more; 0: as many as it can. */
  limit(writesPerSecond: number): void {
    if (this.#first) {
      const file = join(this.#group, 'blkio.throttle.write_iops_device');
      writeFileSync(file, `${this.#device} ${writesPerSecond}`);
      return;
    }
    const most = writesPerSecond === 0 ? 'max' : String(writesPerSecond);
    writeFileSync(join(this.#group, 'io.max'), `${this.#device} wiops=${most}`);
  }

  /** Leaves no byte free: most of it is only claimed, which takes no time. */
  fill(): void {
    const filler = join(this.path, 'filler');
    const { bavail, bsize } = statfsSync(this.path);
    if (bavail > 0)
      tryRun('fallocate', '-l', String(Math.floor(bavail * bsize * FALLOCATED)), filler);
    const fd = openSync(filler, 'a');
    try {
      for (let bytes = FILLER_BYTES; bytes >= 1; ) {
        const written = writeOrNothing(fd, bytes);
        if (written === 0) bytes = Math.floor(bytes / 4);
      }
    } finally {
      closeSync(fd);
    }
  }

  empty(): void {
    rmSync(join(this.path, 'filler'), { force: true });
  }

  [Symbol.dispose](): void {
    tryRun('umount', this.path);
    rmSync(this.#image, { force: true });
    try {
      rmdirSync(this.#group);
    } catch (err) {
      // A process that is just ending still counts; the empty group does no harm.
      if (errorCode(err) !== 'EBUSY' && errorCode(err) !== 'ENOENT') throw err;
    }
  }
}

function writeOrNothing(fd: number, bytes: number): number {
  try {
    return writeSync(fd, Buffer.alloc(bytes, 1));
  } catch (err) {
    if (errorCode(err) === 'ENOSPC') return 0;
    throw err;
  }
}

/** Major and minor number of what is mounted there. */
function deviceOf(path: string): string {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const mount = lines.find((line) => line.split(' ')[4] === path);
  const device = mount?.split(' ')[2];
  if (device === undefined) throw new Error(`nothing is mounted at ${path}`);
  return device;
}
