/**
 * The newest version of a key as the store keeps it: small values are strings (one byte a character, in the engine's own heap,
 * where they cost a quarter of what a Buffer does and leave no holes), or lie in a block with others they were read with. When a
 * version is superseded its value goes to a {@link Shelf}, and the rest becomes a row of `superseded.ts`.
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

/** What holds a value: itself, a block of several, or a part of the shelf. */
export type Holder = string | Buffer | ShelfSegment;

const EMPTY = Buffer.alloc(0);
/** Larger values stay in memory of their own: copying them to read them would cost too much. */
const STRING_MAX_BYTES = 1024;
const BLOCK_BYTES = 64 * 1024;
const NO_LEASE = 0n;

/** A value that is somewhere already. */
export class Place {
  readonly holder: Holder;
  /** Where in a block or segment it begins. */
  readonly at: number;
  readonly length: number;

  constructor(holder: Holder, at: number, length: number) {
    this.holder = holder;
    this.at = at;
    this.length = length;
  }
}

const NOTHING = new Place('', 0, 0);

/**
 * Takes in the values of many versions read one after the other. Blocks are memory that the garbage collector neither moves nor
 * looks into; each stays until none of its values is needed, so they are for reading a whole store, where those that are replaced
 * soon, the youngest, lie together.
 */
export class Blocks {
  private block = EMPTY;
  private used = 0;

  /** Copies a part of a buffer. */
  take(from: Buffer, start: number, end: number): Place {
    const length = end - start;
    if (length === 0) return NOTHING;
    if (length > STRING_MAX_BYTES) {
      return new Place(ownCopy(from.subarray(start, end)), 0, length);
    }
    if (this.used + length > this.block.length) {
      this.block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.used = 0;
    }
    const at = this.used;
    from.copy(this.block, at, start, end);
    this.used += length;
    return new Place(this.block, at, length);
  }
}

/** A copy in memory of its own: a small slice of a shared pool would keep the whole pool alive as long as it lives. */
function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

function kept(value: Uint8Array): Holder {
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
  private where: Holder;
  private at: number;

  /** @param value is copied, unless it has a place */
  constructor(fields: VersionFields, value: Uint8Array | Place) {
    this.name = fields.name;
    this.createRevision = fields.createRevision;
    this.modRevision = fields.modRevision;
    this.sub = fields.sub;
    this.version = fields.version;
    // Zeros made by arithmetic or decoding are objects of their own.
    this.lease = fields.lease === NO_LEASE ? NO_LEASE : fields.lease;
    this.valueBytes = value.length;
    const placed = value instanceof Place;
    this.where = placed ? value.holder : kept(value);
    this.at = placed ? value.at : 0;
  }

  get tombstone(): boolean {
    return this.version === 0;
  }

  get key(): Buffer {
    return Buffer.from(this.name, 'latin1');
  }

  get value(): Buffer {
    const { where, at, valueBytes } = this;
    if (typeof where === 'string') return where === '' ? EMPTY : Buffer.from(where, 'latin1');
    if (!Buffer.isBuffer(where)) return where.read(at, valueBytes);
    return where.length === valueBytes ? where : where.subarray(at, at + valueBytes);
  }

  copyValue(to: Buffer, at: number): void {
    const { where } = this;
    if (typeof where === 'string') to.write(where, at, where.length, 'latin1');
    else if (Buffer.isBuffer(where)) where.copy(to, at, this.at, this.at + this.valueBytes);
    else this.value.copy(to, at);
  }

  /** Where the value is now. */
  get place(): Place {
    return new Place(this.where, this.at, this.valueBytes);
  }

  /** It has been superseded: its value leaves memory, if the shelf takes it. */
  shelve(shelf: Shelf): void {
    const shelved = typeof this.where !== 'string' && !Buffer.isBuffer(this.where);
    if (this.valueBytes < shelf.minBytes || shelved) return;
    const at = shelf.append(this.value);
    if (at < 0) return;
    this.where = shelf.segment;
    this.at = at;
  }
}
