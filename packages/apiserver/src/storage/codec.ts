/**
 * Bytes are canonical: an object is stored as JSON that begins with kind, apiVersion and metadata and holds no
 * resourceVersion. A read splices the store's revision in; nothing is parsed or serialised again.
 */
import { type KubeObject, parseExact } from '@kubets/api';

const METADATA_MARK = Buffer.from('"metadata":{');
/** kind and apiVersion are short; a mark further in cannot be the object's own. */
const MAX_HEAD_BYTES = 512;

/** The JSON bytes of an object as stored (no resourceVersion, no selfLink). */
export function encodeStored(object: KubeObject): Buffer {
  return Buffer.from(JSON.stringify(storedForm(object)), 'utf8');
}

/** The object with its fields in canonical order and without what the store keeps itself. */
function storedForm(object: KubeObject): Record<string, unknown> {
  const { kind, apiVersion, metadata, ...rest } = object as KubeObject & Record<string, unknown>;
  // Not by `delete`, after which the engine writes an object out at half the speed.
  const { resourceVersion: _version, selfLink: _link, ...kept } = metadata;
  return { kind, apiVersion, metadata: kept, ...rest };
}

/** An object's bytes as served, and where its metadata begins (the bytes before are kind and apiVersion). */
export interface ServedBytes {
  readonly bytes: Buffer;
  /** Offset of `"metadata":{`. List items are `{` plus the bytes from here on. */
  readonly metadataAt: number;
}

/** Splices the revision into stored bytes. Bytes in foreign order (another writer) are brought into ours first. */
export function spliceRevision(stored: Buffer, revision: bigint): ServedBytes {
  const at = metadataOffset(stored);
  if (at < 0) return spliceRevision(canonicalBytes(stored), revision);
  const cut = at + METADATA_MARK.length;
  const isEmpty = stored[cut] === 0x7d; // '}'
  const insert = `"resourceVersion":"${revision}"${isEmpty ? '' : ','}`;
  const bytes = Buffer.allocUnsafeSlow(stored.length + insert.length);
  stored.copy(bytes, 0, 0, cut);
  bytes.write(insert, cut, 'latin1');
  stored.copy(bytes, cut + insert.length, cut);
  return { bytes, metadataAt: at };
}

/** Replaces the revision in served bytes: the last state of an object that was deleted at `next`. */
export function resplice(served: ServedBytes, current: bigint, next: bigint): Buffer {
  const from = served.metadataAt + METADATA_MARK.length;
  const old = `"resourceVersion":"${current}"`;
  const head = served.bytes.subarray(0, from);
  const tail = served.bytes.subarray(from + old.length);
  return Buffer.concat([head, Buffer.from(`"resourceVersion":"${next}"`, 'latin1'), tail]);
}

/** The bytes served for an object that is in memory already (the answer to a write). */
export function encodeServed(object: KubeObject): ServedBytes {
  const { kind, apiVersion, metadata, ...rest } = object as KubeObject & Record<string, unknown>;
  const bytes = Buffer.from(JSON.stringify({ kind, apiVersion, metadata, ...rest }), 'utf8');
  return { bytes, metadataAt: metadataOffset(bytes) };
}

/** Parses stored bytes into an object that carries its resourceVersion. */
export function decodeStored(stored: Buffer, revision: bigint): KubeObject {
  const object = parseExact(stored.toString('utf8')) as KubeObject;
  object.metadata ??= {};
  object.metadata.resourceVersion = revision.toString();
  return object;
}

/** Where canonical bytes hold `"metadata":{`, or -1 when they are not canonical. */
function metadataOffset(bytes: Buffer): number {
  const at = bytes.subarray(0, MAX_HEAD_BYTES).indexOf(METADATA_MARK);
  if (at < 0) return -1;
  return /^\{"kind":"[^"\\]*","apiVersion":"[^"\\]*",$/.test(bytes.toString('latin1', 0, at))
    ? at
    : -1;
}

function canonicalBytes(stored: Buffer): Buffer {
  const object = parseExact(stored.toString('utf8')) as KubeObject;
  const { kind = '', apiVersion = '', metadata = {} } = object;
  return encodeStored({ ...object, kind, apiVersion, metadata });
}
