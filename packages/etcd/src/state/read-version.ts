/**
 * Reads a stored version without going through messages: a member that starts reads every one there is, and making the messages
 * costs several times what the version itself does. What is read is what `STORED.revision` writes; anything else it may
 * be, the codec decides.
 */

import { CodecError, Reader } from '../codec/index.ts';
import { StorageError } from '../errors.ts';
import { type Blocks, Place, StoredVersion } from '../mvcc/index.ts';
import { CHECKSUM_BYTES, STORED, versionOf } from './records.ts';

const TAG = { kv: 0x0a, sub: 0x10, tombstone: 0x18 } as const;
const KV_TAG = {
  ...{ key: 0x0a, create: 0x10, mod: 0x18, version: 0x20, value: 0x2a, lease: 0x30 },
} as const;

const NO_VALUE = new Place('', 0, 0);

/**
 * Reads a sealed version; its checksum is not looked at.
 * @param blocks gets the value
 * @throws StorageError when it is not such a record
 */
export function readVersion(sealed: Buffer, blocks: Blocks): StoredVersion {
  try {
    const usual = readUsual(sealed, blocks);
    return usual ?? versionOf(STORED.revision.decode(sealed.subarray(CHECKSUM_BYTES)));
  } catch (error) {
    if (!(error instanceof CodecError || error instanceof StorageError)) throw error;
    throw new StorageError('a record cannot be read as a version', { cause: error });
  }
}

/** @returns undefined for fields out of order, unknown ones, and versions that contradict themselves */
function readUsual(record: Buffer, blocks: Blocks): StoredVersion | undefined {
  const r = new Reader(record, CHECKSUM_BYTES);
  if (r.take(TAG.kv) !== true) return undefined;
  const kvBytes = r.uint32();
  const end = r.pos + kvBytes;
  if (end > record.length) return undefined;
  r.end = end;
  let name = '';
  if (r.take(KV_TAG.key)) {
    const length = r.uint32();
    if (length > end - r.pos) return undefined;
    name = record.toString('latin1', r.pos, r.pos + length);
    r.pos += length;
  }
  const createRevision = r.take(KV_TAG.create) ? r.safeVarint() : 0;
  const modRevision = r.take(KV_TAG.mod) ? r.safeVarint() : 0;
  const version = r.take(KV_TAG.version) ? r.safeVarint() : 0;
  let value = NO_VALUE;
  if (r.take(KV_TAG.value)) {
    const length = r.uint32();
    if (length > end - r.pos) return undefined;
    value = blocks.take(record, r.pos, r.pos + length);
    r.pos += length;
  }
  const lease = r.take(KV_TAG.lease) ? BigInt.asIntN(64, r.varint64()) : 0n;
  if (r.pos !== end) return undefined;
  r.end = record.length;
  const sub = r.take(TAG.sub) ? r.safeVarint() : 0;
  const tombstone = r.take(TAG.tombstone) && r.safeVarint() === 1;
  if (r.pos !== r.end || tombstone !== (version === 0)) return undefined;
  return new StoredVersion({ name, createRevision, modRevision, sub, version, lease }, value);
}
