/**
 * A disk that keeps its promises and nothing more: what was not synced when the process crashed is lost, kept, or torn to
 * pieces (sector by sector), at random. Names (create, rename, remove) survive in order, up to a random point.
 */
import type { Random } from '@kubets/platform';
import type { Disk, DiskFile } from '../../wal/disk.ts';
import type { SimLoop } from './loop.ts';

const SECTOR_BYTES = 512;

type FileOp = { readonly at: number; readonly bytes: Buffer } | { readonly truncateTo: number };

/** A file's bytes: as the process sees them, and as they would be found after a power failure. */
class Inode {
  content: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  unsynced: FileOp[] = [];
}

function perform(content: Buffer, op: FileOp): Buffer {
  if ('truncateTo' in op) {
    const out = Buffer.alloc(op.truncateTo);
    content.copy(out, 0, 0, Math.min(content.length, op.truncateTo));
    return out;
  }
  const end = op.at + op.bytes.length;
  const out = end > content.length ? Buffer.alloc(end) : Buffer.from(content);
  if (end > content.length) content.copy(out);
  op.bytes.copy(out, op.at);
  return out;
}

export interface SimDiskOptions {
  readonly loop: SimLoop;
  readonly random: Random;
  /** How long a sync takes. */
  readonly syncMs: () => number;
}

type Names = Map<string, Inode>;

export class SimDisk {
  readonly #options: SimDiskOptions;
  #names: Names = new Map();
  #durableNames: Names = new Map();
  #unsyncedNames: ((names: Names) => void)[] = [];
  #life = 0;
  #locked = false;

  constructor(options: SimDiskOptions) {
    this.#options = options;
  }

  /** The process dies; power fails with it. */
  crash(): void {
    this.#life += 1;
    this.#locked = false;
    const { random } = this.#options;
    const kept = random.int(this.#unsyncedNames.length + 1);
    for (const op of this.#unsyncedNames.slice(0, kept)) op(this.#durableNames);
    this.#unsyncedNames = [];
    this.#names = new Map(this.#durableNames);
    for (const inode of new Set(this.#names.values())) this.#tear(inode);
  }

  #tear(inode: Inode): void {
    const { random } = this.#options;
    let content = inode.durable;
    for (const op of inode.unsynced) {
      const fate = random.int(3);
      if (fate === 0) continue;
      if (fate === 1 || 'truncateTo' in op) {
        content = perform(content, op);
        continue;
      }
      for (let at = 0; at < op.bytes.length; at += SECTOR_BYTES) {
        if (random.int(2) === 0) continue;
        const bytes = op.bytes.subarray(at, at + SECTOR_BYTES);
        content = perform(content, { at: op.at + at, bytes });
      }
    }
    inode.content = content;
    inode.durable = content;
    inode.unsynced = [];
  }

  /** Flips a bit of a file, as a failing medium would. */
  damage(path: string, at: number): void {
    const inode = this.#names.get(path);
    if (inode === undefined) return;
    inode.content = Buffer.from(inode.content);
    inode.content[at] = (inode.content[at] ?? 0) ^ 0x10;
    inode.durable = inode.content;
  }

  /** Bytes of a file up to its last one that is not zero. */
  usedBytes(path: string): number {
    const content = this.#names.get(path)?.content ?? Buffer.alloc(0);
    return content.findLastIndex((byte) => byte !== 0) + 1;
  }

  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  #rename(op: (names: Names) => void): void {
    op(this.#names);
    this.#unsyncedNames.push(op);
  }

  /** The disk as a process that starts now sees it. Operations of a process that has died do nothing, for ever. */
  mount(): Disk {
    const life = this.#life;
    const alive = (): boolean => life === this.#life;
    return {
      lock: async () => {
        if (this.#locked) throw new Error('locked');
        this.#locked = true;
        return async () => {
          this.#locked = false;
        };
      },
      makeDir: async () => undefined,
      list: async (dir) => {
        const prefix = `${dir}/`;
        const paths = this.paths().filter((path) => path.startsWith(prefix));
        return paths.map((path) => path.slice(prefix.length));
      },
      read: async (path) => {
        const inode = this.#names.get(path);
        if (inode === undefined) throw new Error(`no such file: ${path}`);
        return Buffer.from(inode.content);
      },
      open: async (path, { create }) => {
        let inode = this.#names.get(path);
        if (create) {
          const made = new Inode();
          inode = made;
          this.#rename((names) => names.set(path, made));
        }
        if (inode === undefined) throw new Error(`no such file: ${path}`);
        return this.#handle(inode, alive);
      },
      rename: async (from, to) => {
        if (!alive()) return this.#never();
        this.#rename((names) => {
          const inode = names.get(from);
          if (inode === undefined) return;
          names.delete(from);
          names.set(to, inode);
        });
      },
      remove: async (path) => {
        if (!alive()) return this.#never();
        this.#rename((names) => names.delete(path));
      },
      syncDir: () =>
        this.#later(alive, () => {
          for (const op of this.#unsyncedNames) op(this.#durableNames);
          this.#unsyncedNames = [];
        }),
    };
  }

  #never(): Promise<never> {
    return new Promise(() => undefined);
  }

  #later(alive: () => boolean, fn: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#options.loop.schedule(this.#options.syncMs(), () => {
        if (!alive()) return;
        fn();
        resolve();
      });
    });
  }

  #handle(inode: Inode, alive: () => boolean): DiskFile {
    const change = async (op: FileOp): Promise<void> => {
      if (!alive()) return this.#never();
      inode.content = perform(inode.content, op);
      inode.unsynced.push(op);
      return undefined;
    };
    const sync = (): Promise<void> => {
      // Covers what was written before the call, not what is written while it runs.
      const covered = inode.unsynced.length;
      return this.#later(alive, () => {
        for (const op of inode.unsynced.splice(0, covered)) {
          inode.durable = perform(inode.durable, op);
        }
      });
    };
    return {
      write: (bytes, position) => change({ at: position, bytes: Buffer.from(bytes) }),
      truncate: (size) => change({ truncateTo: size }),
      sync,
      syncAside: sync,
      close: async () => undefined,
    };
  }
}
