/** A fingerprint of the store's history: members with the same compact revision must agree on it. */

import { crc32 } from 'node:zlib';
import type { Revision, Version } from './types.ts';

const START = crc32('kubets/mvcc/1');
const HEAD_BYTES = 8 + 8 + 8 + 8 + 1 + 4;

/**
 * Hashes the versions made up to `revision`.
 * @param versions in key order, oldest first, as `MvccStore.allVersions` gives them
 * @param so what the versions before these hashed to
 */
export function hashVersions(
  versions: Iterable<Version>,
  revision: Revision,
  so: number = START,
): number {
  const head = Buffer.alloc(HEAD_BYTES);
  let hash = so;
  for (const v of versions) {
    if (v.modRevision > revision) continue;
    head.writeDoubleBE(v.modRevision, 0);
    head.writeDoubleBE(v.createRevision, 8);
    head.writeDoubleBE(v.version, 16);
    head.writeBigInt64BE(v.lease, 24);
    head.writeUInt8(v.tombstone ? 1 : 0, 32);
    head.writeUInt32BE(v.name.length, 33);
    hash = crc32(v.value, crc32(v.key, crc32(head, hash)));
  }
  return hash;
}
