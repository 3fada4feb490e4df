/**
 * Versions as the store keeps them, a million of them in little memory: names are shared with the key, small values are strings
 * (one byte a character, in the engine's own heap, where they cost a quarter of what a Buffer does and leave no holes),
 * and the values of superseded versions lie on a {@link Shelf}.
 */
import type { KeyName, Revision, Version } from './types.ts';

/** A part of the shelf; it is readable as long as anything refers to it. */
export interface ShelfSegment {
  /** @throws StorageError when what lies there is not what was put there */
  read(at: number, length: number): Buffer;
}

/** Where values go that few will ask for again. It is scratch space: what is durable lies elsewhere. */
export interface Shelf {
  /** Smaller values are not worth it. */
  readonly minBytes: number;
  /** The segment {@link append} has written to last. */
  readonly segment: ShelfSegment;
  /** @returns where in the segment the value lies; -1 when the shelf takes nothing now */
  append(value: Buffer): number;
}

/** Everything of a version but where its value is kept. */
export interface VersionFields {
  readonly name: KeyName;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  readonly sub: number;
  readonly version: number;
  readonly lease: bigint;
}

const EMPTY = Buffer.alloc(0);
/** Larger values stay in memory of their own: copying them to read them would cost too much. */
const STRING_MAX_BYTES = 1024;
const IN_MEMORY = -1;
const NO_LEASE = 0n;

/** A copy in memory of its own: a small slice of a shared pool would keep the whole pool alive as long as it lives. */
function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** A part of a buffer, as {@link StoredVersion} takes it with the least copying. */
export function valueIn(buffer: Buffer, from: number, to: number): string | Buffer {
  if (to - from > STRING_MAX_BYTES) return buffer.subarray(from, to);
  return buffer.toString('latin1', from, to);
}

function kept(value: Uint8Array | string): string | Buffer {
  if (typeof value === 'string') return value;
  if (value.length > STRING_MAX_BYTES) return ownCopy(value);
  const buffer = Buffer.isBuffer(value)
    ? value
    : Buffer.from(value.buffer, value.byteOffset, value.length);
  return buffer.toString('latin1');
}

export class StoredVersion implements Version {
  readonly name: KeyName;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  readonly sub: number;
  readonly version: number;
  readonly lease: bigint;
  readonly valueBytes: number;
  private where: string | Buffer | ShelfSegment;
  private at = IN_MEMORY;

  /** @param value is copied; one of {@link valueIn}'s strings has one character a byte */
  constructor(fields: VersionFields, value: Uint8Array | string) {
    this.name = fields.name;
    this.createRevision = fields.createRevision;
    this.modRevision = fields.modRevision;
    this.sub = fields.sub;
    this.version = fields.version;
    // Zeros made by arithmetic or decoding are objects of their own.
    this.lease = fields.lease === NO_LEASE ? NO_LEASE : fields.lease;
    this.valueBytes = value.length;
    this.where = kept(value);
  }

  get tombstone(): boolean {
    return this.version === 0;
  }

  get key(): Buffer {
    return Buffer.from(this.name, 'latin1');
  }

  get value(): Buffer {
    const { where } = this;
    if (typeof where === 'string') return where === '' ? EMPTY : Buffer.from(where, 'latin1');
    if (Buffer.isBuffer(where)) return where;
    return where.read(this.at, this.valueBytes);
  }

  copyValue(to: Buffer, at: number): void {
    const { where } = this;
    if (typeof where === 'string') to.write(where, at, where.length, 'latin1');
    else this.value.copy(to, at);
  }

  /** It has been superseded: its value leaves memory, if the shelf takes it. */
  shelve(shelf: Shelf): void {
    if (this.valueBytes < shelf.minBytes || this.at !== IN_MEMORY) return;
    const at = shelf.append(this.value);
    if (at < 0) return;
    this.where = shelf.segment;
    this.at = at;
  }
}
