/** A disk in memory whose syncs a test can hold back, count and make fail, and whose bytes it can change. */
import type { Disk, DiskFile } from '../wal/disk.ts';

export interface MemoryDiskControls {
  syncs: number;
  failSyncs: Error | undefined;
  /** Bytes a file may have before the disk is full. */
  room: number;
  paths(): string[];
  content(path: string): Buffer;
  set(path: string, bytes: Buffer): void;
  /** Bytes up to the last one that is not zero, rounded up to 8. */
  used(path: string): number;
  /** Holds syncs back until released. */
  holdSyncs(): { reached(): Promise<void>; release(): void };
}

export function memoryDisk(): { disk: Disk; controls: MemoryDiskControls } {
  const files = new Map<string, { bytes: Buffer }>();
  let gate: Promise<void> | undefined;
  let atGate: () => void = () => undefined;
  const controls: MemoryDiskControls = {
    syncs: 0,
    failSyncs: undefined,
    room: Number.POSITIVE_INFINITY,
    paths: () => [...files.keys()].sort(),
    content: (path) => files.get(path)?.bytes ?? Buffer.alloc(0),
    set: (path, bytes) => {
      files.set(path, { bytes });
    },
    used: (path) => {
      const bytes = controls.content(path);
      let end = bytes.length;
      while (end > 0 && bytes[end - 1] === 0) end -= 1;
      return Math.ceil(end / 8) * 8;
    },
    holdSyncs: () => {
      let release: () => void = () => undefined;
      const reached = new Promise<void>((resolve) => {
        atGate = resolve;
      });
      gate = new Promise((resolve) => {
        release = () => {
          gate = undefined;
          resolve();
        };
      });
      return { reached: () => reached, release: () => release() };
    },
  };
  const handle = (file: { bytes: Buffer }): DiskFile => ({
    async write(bytes, position) {
      const end = position + bytes.byteLength;
      if (end > controls.room) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      if (end > file.bytes.length) {
        file.bytes = Buffer.concat([file.bytes, Buffer.alloc(end - file.bytes.length)]);
      }
      file.bytes.set(bytes, position);
    },
    async truncate(size) {
      file.bytes = Buffer.concat([file.bytes, Buffer.alloc(size)]).subarray(0, size);
    },
    async sync() {
      controls.syncs += 1;
      atGate();
      await gate;
      if (controls.failSyncs !== undefined) throw controls.failSyncs;
    },
    async syncAside() {
      if (controls.failSyncs !== undefined) throw controls.failSyncs;
    },
    close: async () => undefined,
  });
  const disk: Disk = {
    lock: async () => async () => undefined,
    makeDir: async () => undefined,
    list: async (dir) =>
      controls
        .paths()
        .filter((path) => path.startsWith(`${dir}/`))
        .map((path) => path.slice(dir.length + 1)),
    read: async (path) => Buffer.from(controls.content(path)),
    async open(path, { create }) {
      const file = create ? { bytes: Buffer.alloc(0) } : files.get(path);
      if (file === undefined) throw new Error(`no such file: ${path}`);
      files.set(path, file);
      return handle(file);
    },
    async rename(from, to) {
      const file = files.get(from);
      if (file === undefined) throw new Error(`no such file: ${from}`);
      files.delete(from);
      files.set(to, file);
    },
    remove: async (path) => {
      files.delete(path);
    },
    syncDir: async () => undefined,
  };
  return { disk, controls };
}
