/** A snapshot file on this machine's disk. */

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ConfigError, errorMessage } from '@kubets/platform';
import { DatabaseError } from '../../bolt/errors.ts';
import type { ByteSource } from '../../bolt/reader.ts';

const HASH_BYTES = 32;
/** Databases are whole pages; what is over is the checksum that snapshots have at their end. */
const SECTOR_BYTES = 512;
const HASHED_AT_ONCE = 1024 * 1024;

export class FileSource implements ByteSource {
  /** Without the checksum. */
  readonly size: number;
  readonly hasChecksum: boolean;
  private readonly fd: number;

  /** @throws ConfigError when the file cannot be opened */
  constructor(file: string) {
    try {
      this.fd = openSync(file, 'r');
    } catch (error) {
      throw new ConfigError(`cannot open the snapshot: ${errorMessage(error)}`, { cause: error });
    }
    const { size } = fstatSync(this.fd);
    this.hasChecksum = size % SECTOR_BYTES === HASH_BYTES;
    this.size = this.hasChecksum ? size - HASH_BYTES : size;
  }

  read(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.fd, bytes, done, length - done, position + done);
      if (count === 0) throw new DatabaseError('cut short while it was read');
      done += count;
    }
    return bytes;
  }

  /** @throws DatabaseError when the bytes do not match the checksum at their end */
  checkChecksum(): void {
    const hash = createHash('sha256');
    for (let at = 0; at < this.size; at += HASHED_AT_ONCE) {
      hash.update(this.read(at, Math.min(HASHED_AT_ONCE, this.size - at)));
    }
    if (hash.digest().equals(this.read(this.size, HASH_BYTES))) return;
    throw new DatabaseError('damaged: it does not match the checksum at its end');
  }

  close(): void {
    closeSync(this.fd);
  }
}
