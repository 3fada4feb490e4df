/**
 * The values of superseded versions, on disk instead of in memory: scratch files that have no name, so that they are gone with
 * the process however it ends. Nothing durable is in them: the same values are in the log or in the stored state.
 *
 * They are encrypted with a key that never leaves this process, so that what the disk keeps of them says nothing, whether or
 * not the data itself is encrypted; each value has a checksum.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, unlinkSync, write } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { errorMessage, type Logger } from '@kubets/platform';
import { StorageError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Shelf, ShelfSegment } from '../../mvcc/index.ts';

const CHECKSUM_BYTES = 4;
const BLOCK_BYTES = 16;
const CIPHER = 'aes-256-ctr';

/** Files are closed when nothing refers to them any more: a reader may hold a version that compaction has dropped. */
const files = new FinalizationRegistry<number>((fd) => closeSync(fd));

class FileSegment implements ShelfSegment {
  readonly fd: number;
  private readonly key: KeyObject;
  private readonly iv: Buffer;
  /** Chunks that are not in the file (yet), by their number. */
  private readonly chunks = new Map<number, Buffer>();
  used = 0;

  constructor(fd: number, key: KeyObject) {
    this.fd = fd;
    this.key = key;
    // Room for the count of blocks in the lower half.
    this.iv = Buffer.concat([randomBytes(BLOCK_BYTES / 2), Buffer.alloc(BLOCK_BYTES / 2)]);
    files.register(this, fd);
  }

  private ivAt(offset: number): Buffer {
    const iv = Buffer.from(this.iv);
    iv.writeBigUInt64BE(BigInt(offset / BLOCK_BYTES), BLOCK_BYTES / 2);
    return iv;
  }

  /** The chunk being filled. */
  chunkAt(number: number): Buffer {
    let chunk = this.chunks.get(number);
    if (chunk === undefined) {
      chunk = Buffer.allocUnsafeSlow(LIMITS.shelfChunkBytes);
      this.chunks.set(number, chunk);
    }
    return chunk;
  }

  /** Writes a full chunk out. It stays in memory until it is forgotten, which it must not be when this has failed. */
  writeOut(number: number, done: (error: Error | null) => void): void {
    const chunk = this.chunkAt(number);
    const offset = number * LIMITS.shelfChunkBytes;
    const sealed = createCipheriv(CIPHER, this.key, this.ivAt(offset)).update(chunk);
    write(this.fd, sealed, 0, sealed.length, offset, (error, written) => {
      const short = error === null && written !== sealed.length;
      done(short ? new Error('the disk took only a part') : error);
    });
  }

  /** From now on a chunk is read from the file. */
  forget(number: number): void {
    this.chunks.delete(number);
  }

  read(at: number, length: number): Buffer {
    const number = Math.floor(at / LIMITS.shelfChunkBytes);
    const chunk = this.chunks.get(number);
    const whole = CHECKSUM_BYTES + length;
    const from = at - number * LIMITS.shelfChunkBytes;
    const bytes = chunk?.subarray(from, from + whole) ?? this.fromFile(at, whole);
    const value = bytes.subarray(CHECKSUM_BYTES);
    if (bytes.length === whole && crc32(value) === bytes.readUInt32BE(0)) return value;
    throw new StorageError(
      'a value of the history does not match its checksum: the disk below --data-dir is damaged; restart the member, and replace the disk if it happens again',
    );
  }

  private fromFile(at: number, length: number): Buffer {
    const offset = at - (at % BLOCK_BYTES);
    const sealed = Buffer.allocUnsafe(at - offset + length);
    const got = readSync(this.fd, sealed, 0, sealed.length, offset);
    const open = createDecipheriv(CIPHER, this.key, this.ivAt(offset));
    return open.update(sealed.subarray(0, got)).subarray(at - offset);
  }
}

export class FileShelf implements Shelf {
  readonly minBytes = LIMITS.shelfMinBytes;
  private readonly dir: string;
  private readonly log: Logger;
  private readonly key = createSecretKey(randomBytes(32));
  private current: FileSegment;
  private made = 0;
  /** Chunks on their way to the disk. */
  private writing = 0;
  /** Chunks written last: the state's storage asks for them about a second later, and so may watchers. */
  private readonly recent: (() => void)[] = [];
  /** Values to leave in memory before the disk is tried again. */
  private refusals = 0;

  /** @param dir made when missing @throws when no file can be made there */
  constructor(dir: string, log: Logger) {
    this.dir = dir;
    this.log = log;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.current = this.open();
  }

  /** Whether the disk has still to take what it was given. */
  get busy(): boolean {
    return this.writing > 0;
  }

  get segment(): ShelfSegment {
    return this.current;
  }

  private open(): FileSegment {
    const path = join(this.dir, `history-${this.made++}`);
    const fd = openSync(path, 'w+', 0o600);
    unlinkSync(path);
    return new FileSegment(fd, this.key);
  }

  append(value: Buffer): number {
    const size = CHECKSUM_BYTES + value.length;
    if (size > LIMITS.shelfChunkBytes || this.writing > LIMITS.shelfChunksWriting) return -1;
    if (this.refusals > 0) {
      this.refusals -= 1;
      return -1;
    }
    const { shelfChunkBytes } = LIMITS;
    const free = shelfChunkBytes - (this.current.used % shelfChunkBytes);
    if (size > free) {
      this.current.used += free;
      this.writeOut();
    }
    if (this.current.used >= LIMITS.shelfSegmentBytes && !this.openNext()) return -1;
    const at = this.current.used;
    const chunk = this.current.chunkAt(Math.floor(at / shelfChunkBytes));
    const offset = at % shelfChunkBytes;
    chunk.writeUInt32BE(crc32(value), offset);
    value.copy(chunk, offset + CHECKSUM_BYTES);
    this.current.used += size;
    if (this.current.used % shelfChunkBytes === 0) this.writeOut();
    return at;
  }

  /** @returns false when there can be no other file now */
  private openNext(): boolean {
    try {
      this.current = this.open();
      return true;
    } catch (error) {
      this.refuse(error);
      return false;
    }
  }

  private writeOut(): void {
    this.writing += 1;
    const number = Math.ceil(this.current.used / LIMITS.shelfChunkBytes) - 1;
    const segment = this.current;
    segment.writeOut(number, (error) => {
      this.writing -= 1;
      if (error === null) this.recent.push(() => segment.forget(number));
      else this.refuse(error);
      if (this.recent.length > LIMITS.shelfChunksKept) this.recent.shift()?.();
    });
  }

  private refuse(error: unknown): void {
    this.refusals = LIMITS.shelfRefusals;
    const what = 'history stays in memory for now: it cannot be written below --data-dir';
    this.log.warn({ error: errorMessage(error) }, what);
  }
}
