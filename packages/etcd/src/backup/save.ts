/** A snapshot stream into a file, which appears under its name only when it is whole and on disk. */

import { createHash, type Hash } from 'node:crypto';
import { dirname } from 'node:path';
import { DatabaseError } from '../bolt/errors.ts';
import type { Disk, DiskFile } from '../wal/disk.ts';

const HASH_BYTES = 32;

interface Part {
  readonly blob: Buffer;
  readonly remainingBytes: bigint;
}

/** Writes blobs; the last one is the checksum of those before it. @returns bytes written */
async function write(file: DiskFile, parts: AsyncIterable<Part>, hash: Hash): Promise<number> {
  let position = 0;
  let last: Part | undefined;
  for await (const part of parts) {
    if (last !== undefined) hash.update(last.blob);
    await file.write(part.blob, position);
    position += part.blob.length;
    last = part;
  }
  const whole = last?.remainingBytes === 0n && last.blob.length === HASH_BYTES;
  if (!whole) throw new DatabaseError('the snapshot was cut short on its way');
  if (!hash.digest().equals(last?.blob ?? Buffer.alloc(0))) {
    throw new DatabaseError('the snapshot was damaged on its way');
  }
  return position;
}

/**
 * Saves what a member sends.
 * @returns bytes written
 * @throws DatabaseError when it does not match its checksum
 */
export async function saveSnapshot(
  disk: Disk,
  file: string,
  parts: AsyncIterable<Part>,
): Promise<number> {
  const temporary = `${file}.part`;
  const handle = await disk.open(temporary, { create: true });
  try {
    const bytes = await write(handle, parts, createHash('sha256'));
    await handle.sync();
    await disk.rename(temporary, file);
    await disk.syncDir(dirname(file));
    return bytes;
  } catch (error) {
    await disk.remove(temporary);
    throw error;
  } finally {
    await handle.close();
  }
}
