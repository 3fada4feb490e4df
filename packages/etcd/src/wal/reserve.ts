/**
 * The next segment's file, made ahead: zeros on disk, so that neither changing to it nor the first syncs in it wait for the disk
 * to find room. It is filled in small steps beside the log's own syncs, which would wait for one large step to be written.
 *
 * It is a convenience. Until it is given to a segment it has a temporary name, and is removed when found at a start.
 */
import type { Disk, DiskFile } from './disk.ts';
import { RESERVE_NAME } from './segment-files.ts';

const STEP_BYTES = 256 * 1024;

/** A file of zeros, durable but for its name. */
export interface ReservedFile {
  readonly file: DiskFile;
  readonly path: string;
  readonly bytes: number;
}

export class SegmentReserve {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #bytes: number;
  #ready: ReservedFile | undefined;
  #making: Promise<void> | undefined;
  #closed = false;

  constructor(disk: Disk, dir: string, bytes: number) {
    this.#disk = disk;
    this.#path = `${dir}/${RESERVE_NAME}`;
    this.#bytes = bytes;
  }

  /** Makes one in the background, unless there is one. */
  prepare(): void {
    if (this.#closed || this.#ready !== undefined || this.#making !== undefined) return;
    this.#making = this.#make().finally(() => {
      this.#making = undefined;
    });
  }

  /** Takes the file; undefined when there is none, or none yet. */
  take(): ReservedFile | undefined {
    const taken = this.#ready;
    this.#ready = undefined;
    return taken;
  }

  async #make(): Promise<void> {
    let file: DiskFile | undefined;
    try {
      file = await this.#disk.open(this.#path, { create: true });
      const zeros = Buffer.alloc(Math.min(STEP_BYTES, this.#bytes));
      for (let at = 0; at < this.#bytes && !this.#closed; at += zeros.length) {
        await file.write(zeros.subarray(0, this.#bytes - at), at);
        await file.syncAside();
      }
      if (!this.#closed) {
        this.#ready = { file, path: this.#path, bytes: this.#bytes };
        return;
      }
    } catch {
      // No room, most likely: segments are then made when they are needed, and say so if they cannot be.
    }
    await this.#discard(file);
  }

  async #discard(file: DiskFile | undefined): Promise<void> {
    try {
      await file?.close();
      await this.#disk.remove(this.#path);
    } catch {
      // It goes at the next start.
    }
  }

  /** Gives the file up. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#making;
    const left = this.take();
    if (left !== undefined) await this.#discard(left.file);
  }
}
