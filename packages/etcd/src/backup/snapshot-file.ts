/** Snapshot files: reading what is in one, and what etcdctl says of it. */

import { ConfigError, errorMessage } from '@kubets/platform';
import { crc32c } from '../bolt/crc32c.ts';
import { DatabaseError } from '../bolt/errors.ts';
import { Database } from '../bolt/reader.ts';
import { BUCKET, parseRevision } from './etcd-schema.ts';
import { FileSource } from './runtime/file-source.ts';

/** What `snapshot status` tells. */
export interface SnapshotStatus {
  /** CRC-32C over names of buckets, keys and values. */
  readonly hash: number;
  readonly revision: number;
  readonly totalKey: number;
  /** Bytes. */
  readonly totalSize: number;
}

function statusOf(database: Database): SnapshotStatus {
  let [hash, revision, totalKey] = [0, 0, 0];
  for (const bucket of database.bucketNames) {
    hash = crc32c(Buffer.from(bucket, 'latin1'), hash);
    for (const [key, value] of database.entries(bucket)) {
      hash = crc32c(value, crc32c(key, hash));
      totalKey++;
      if (bucket === BUCKET.key) revision = parseRevision(key)?.main ?? revision;
    }
  }
  return { hash, revision, totalKey, totalSize: database.sizeBytes };
}

/**
 * Reads a snapshot.
 * @param mustHaveChecksum a file without one is refused: it may have been copied while it was written to
 * @throws ConfigError when there is no such file or no checksum, DatabaseError, which names the file, when it is damaged
 */
export async function withSnapshot<T>(
  file: string,
  { mustHaveChecksum }: { readonly mustHaveChecksum: boolean },
  work: (database: Database) => T | Promise<T>,
): Promise<T> {
  const source = new FileSource(file);
  try {
    if (source.hasChecksum) source.checkChecksum();
    else if (mustHaveChecksum) {
      throw new ConfigError(
        `${file} has no checksum at its end; give --skip-hash-check if it was copied from a data directory`,
      );
    }
    return await work(new Database(source));
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new DatabaseError(`${file}: ${errorMessage(error)}`, { cause: error });
  } finally {
    source.close();
  }
}

/** @throws ConfigError, DatabaseError */
export function snapshotStatus(file: string): Promise<SnapshotStatus> {
  return withSnapshot(file, { mustHaveChecksum: false }, statusOf);
}
