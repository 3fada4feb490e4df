/**
 * The records of the log on disk. Little-endian; a record starts at a multiple of 8 bytes:
 *
 * ```
 *  0      4        8      9       10         16
 *  | crc  | length | type | flags | batch    | payload … | zeros to a multiple of 8
 * ```
 * `crc` (CRC-32) covers everything after itself up to the end of the payload. `batch` numbers the write the record was
 * part of: writes are synced one after the other, so a record of batch n+1 proves that batch n was durable. The last
 * record of a batch has the flag {@link END_OF_BATCH}.
 */
import { crc32 } from 'node:zlib';
import type { Vault } from '../encryption/vault.ts';
import type { Entry, EntryKind, HardState, LogPoint, PeerId } from '../raft/types.ts';

export const HEADER_BYTES = 16;
export const ALIGNMENT = 8;
export const END_OF_BATCH = 1;

export const RECORD = {
  segmentStart: 1,
  hardState: 2,
  entry: 3,
  conf: 4,
  snapshotPending: 5,
} as const;
const LAST_TYPE = RECORD.snapshotPending;

/** Refuses to read records larger than this: a broken length must not allocate without bound. */
export const MAX_RECORD_BYTES = 512 * 1024 * 1024;

/** First record of every segment. */
export interface SegmentStart {
  readonly version: number;
  readonly clusterId: bigint;
  readonly memberId: PeerId;
  readonly segment: number;
  /** The last entry before this segment. */
  readonly prev: LogPoint;
  /** All earlier segments are void: the state was replaced by a snapshot at `prev`. */
  readonly reset: boolean;
}

/** The membership as of an index, in the host's encoding. */
export interface ConfRecord {
  readonly index: number;
  readonly data: Uint8Array;
}

/** A snapshot is about to be installed in the state machine; should a crash come between, this tells what it now holds. */
export interface SnapshotPending {
  readonly point: LogPoint;
  readonly data: Uint8Array;
}

export type WalRecord =
  | { readonly type: 'segmentStart'; readonly start: SegmentStart }
  | { readonly type: 'hardState'; readonly state: HardState }
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'conf'; readonly conf: ConfRecord }
  | { readonly type: 'snapshotPending'; readonly pending: SnapshotPending };

/** Numbers up to 2^53 as two 32-bit halves. */
export function putNumber(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % 0x1_0000_0000, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

export function getNumber(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 4) * 0x1_0000_0000 + buffer.readUInt32LE(at);
}

export function alignUp(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

const CAPACITY_BYTES = 64 * 1024;

/** What the encrypted content of an entry is bound to. */
export function placeOf(kind: 'entry' | 'conf' | 'pending', point: LogPoint): Buffer {
  return Buffer.from(`${kind}/${point.index}/${point.term}`);
}

/** A growing buffer of encoded records: one write to the disk. Records carry the batch number only once it is sealed. */
export class RecordBuffer {
  #buffer: Buffer;
  #size = 0;
  #last = -1;
  #starts: number[] = [];
  readonly #vault: Vault | undefined;

  /** @param vault encrypts what entries, memberships and notes of snapshots hold */
  constructor(vault?: Vault, capacityBytes: number = CAPACITY_BYTES) {
    this.#buffer = Buffer.alloc(capacityBytes);
    this.#vault = vault;
  }

  /** Nothing stays nothing: there is nothing to hide. */
  #protected(data: Uint8Array, place: () => Buffer): Uint8Array {
    return this.#vault === undefined || data.byteLength === 0
      ? data
      : this.#vault.seal(data, place());
  }

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#size = 0;
    this.#last = -1;
    this.#starts = [];
    // One huge batch must not pin its memory for ever.
    if (this.#buffer.length > 8 * 1024 * 1024) this.#buffer = Buffer.alloc(CAPACITY_BYTES);
  }

  #begin(type: number, length: number): number {
    const start = this.#size;
    const end = start + alignUp(HEADER_BYTES + length);
    if (end > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, start);
      this.#buffer = grown;
    }
    this.#buffer.writeUInt32LE(length, start + 4);
    this.#buffer[start + 8] = type;
    this.#buffer[start + 9] = 0;
    this.#buffer.fill(0, start + HEADER_BYTES + length, end);
    this.#starts.push(start);
    this.#last = start;
    this.#size = end;
    return start + HEADER_BYTES;
  }

  addEntry(entry: Entry): void {
    const data = this.#protected(entry.data, () => placeOf('entry', entry));
    const at = this.#begin(RECORD.entry, 17 + data.byteLength);
    putNumber(this.#buffer, entry.index, at);
    putNumber(this.#buffer, entry.term, at + 8);
    this.#buffer[at + 16] = entry.kind === 'conf' ? 1 : 0;
    this.#buffer.set(data, at + 17);
  }

  addHardState(state: HardState): void {
    const at = this.#begin(RECORD.hardState, 24);
    putNumber(this.#buffer, state.term, at);
    this.#buffer.writeBigUInt64LE(state.vote, at + 8);
    putNumber(this.#buffer, state.commit, at + 16);
  }

  addConf(conf: ConfRecord): void {
    const place = (): Buffer => placeOf('conf', { index: conf.index, term: 0 });
    const data = this.#protected(conf.data, place);
    const at = this.#begin(RECORD.conf, 8 + data.byteLength);
    putNumber(this.#buffer, conf.index, at);
    this.#buffer.set(data, at + 8);
  }

  addSnapshotPending(pending: SnapshotPending): void {
    const data = this.#protected(pending.data, () => placeOf('pending', pending.point));
    const at = this.#begin(RECORD.snapshotPending, 16 + data.byteLength);
    putNumber(this.#buffer, pending.point.index, at);
    putNumber(this.#buffer, pending.point.term, at + 8);
    this.#buffer.set(data, at + 16);
  }

  addSegmentStart(start: SegmentStart): void {
    const at = this.#begin(RECORD.segmentStart, 45);
    this.#buffer.writeUInt32LE(start.version, at);
    this.#buffer.writeBigUInt64LE(start.clusterId, at + 4);
    this.#buffer.writeBigUInt64LE(start.memberId, at + 12);
    putNumber(this.#buffer, start.segment, at + 20);
    putNumber(this.#buffer, start.prev.index, at + 28);
    putNumber(this.#buffer, start.prev.term, at + 36);
    this.#buffer[at + 44] = start.reset ? 1 : 0;
  }

  /** Stamps the batch number and the checksums. @returns the bytes, valid until the next change */
  seal(batch: number): Buffer {
    const buffer = this.#buffer;
    if (this.#last >= 0) buffer[this.#last + 9] = END_OF_BATCH;
    for (const start of this.#starts) {
      buffer.writeUIntLE(batch, start + 10, 6);
      const end = start + HEADER_BYTES + buffer.readUInt32LE(start + 4);
      buffer.writeUInt32LE(crc32(buffer.subarray(start + 4, end)), start);
    }
    return buffer.subarray(0, this.#size);
  }
}

/** Where a valid record lies. */
export interface RecordSpan {
  readonly type: number;
  readonly batch: number;
  readonly endOfBatch: boolean;
  readonly payload: number;
  readonly length: number;
  /** Where the next record starts. */
  readonly next: number;
}

/** Looks at one place. @returns undefined when no valid record starts there */
export function recordAt(buffer: Buffer, at: number): RecordSpan | undefined {
  if (at + HEADER_BYTES > buffer.length) return undefined;
  const type = buffer[at + 8] ?? 0;
  if (type < 1 || type > LAST_TYPE) return undefined;
  const length = buffer.readUInt32LE(at + 4);
  const end = at + HEADER_BYTES + length;
  if (length > MAX_RECORD_BYTES || end > buffer.length) return undefined;
  if (crc32(buffer.subarray(at + 4, end)) !== buffer.readUInt32LE(at)) return undefined;
  return {
    type,
    batch: buffer.readUIntLE(at + 10, 6),
    endOfBatch: buffer[at + 9] === END_OF_BATCH,
    payload: at + HEADER_BYTES,
    length,
    next: at + alignUp(HEADER_BYTES + length),
  };
}

function pointAt(buffer: Buffer, at: number): LogPoint {
  return { index: getNumber(buffer, at), term: getNumber(buffer, at + 8) };
}

/** Decodes a record; its bytes are copied out of the buffer. */
export function decodeRecord(buffer: Buffer, span: RecordSpan): WalRecord {
  const at = span.payload;
  const tail = (from: number): Buffer => Buffer.from(buffer.subarray(at + from, at + span.length));
  switch (span.type) {
    case RECORD.segmentStart:
      return {
        type: 'segmentStart',
        start: {
          version: buffer.readUInt32LE(at),
          clusterId: buffer.readBigUInt64LE(at + 4),
          memberId: buffer.readBigUInt64LE(at + 12),
          segment: getNumber(buffer, at + 20),
          prev: pointAt(buffer, at + 28),
          reset: buffer[at + 44] === 1,
        },
      };
    case RECORD.hardState: {
      const vote = buffer.readBigUInt64LE(at + 8);
      const state = { term: getNumber(buffer, at), vote, commit: getNumber(buffer, at + 16) };
      return { type: 'hardState', state };
    }
    case RECORD.conf:
      return { type: 'conf', conf: { index: getNumber(buffer, at), data: tail(8) } };
    case RECORD.snapshotPending:
      return { type: 'snapshotPending', pending: { point: pointAt(buffer, at), data: tail(16) } };
    default: {
      const kind: EntryKind = buffer[at + 16] === 1 ? 'conf' : 'normal';
      return { type: 'entry', entry: { ...pointAt(buffer, at), kind, data: tail(17) } };
    }
  }
}
