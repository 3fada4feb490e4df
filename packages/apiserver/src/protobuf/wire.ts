/** The protobuf wire format, reading side: field by field, nothing copied. */
import { badRequest } from '@kubets/api';

/** One field as it stands in a message. */
export interface WireField {
  readonly number: number;
  /** Varints and fixed integers. */
  readonly integer: bigint;
  /** Length-delimited content; empty for the other wire types. */
  readonly bytes: Buffer;
  readonly wireType: number;
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;
const NOTHING = Buffer.alloc(0);
const MAX_VARINT_BYTES = 10;

function broken(why: string): Error {
  return badRequest(`the protobuf body is broken: ${why}`);
}

/** Reads integers and slices off a buffer. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw broken('it ends within a number');
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw broken('a number is too long');
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw broken('it ends within a field');
    const slice = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return slice;
  }
}

/** The fields of a message in their order. @throws ApiError BadRequest */
export function* wireFields(bytes: Buffer): Generator<WireField> {
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = Number(reader.varint());
    const number = tag >>> 3;
    const wireType = tag & 7;
    if (number === 0) throw broken('a field has the number 0');
    yield { number, wireType, ...readValue(reader, wireType) };
  }
}

function readValue(reader: Reader, wireType: number): { integer: bigint; bytes: Buffer } {
  switch (wireType) {
    case VARINT:
      return { integer: reader.varint(), bytes: NOTHING };
    case DELIMITED:
      return { integer: 0n, bytes: reader.take(Number(reader.varint())) };
    case FIXED64: {
      const bytes = reader.take(8);
      return { integer: bytes.readBigUInt64LE(), bytes };
    }
    case FIXED32: {
      const bytes = reader.take(4);
      return { integer: BigInt(bytes.readUInt32LE()), bytes };
    }
    default:
      throw broken(`wire type ${wireType} is not known`);
  }
}

/** Whether a field carries bytes. */
export const isDelimited = (field: WireField): boolean => field.wireType === DELIMITED;

/** The integers of a packed field, or the single one. */
export function integersOf(field: WireField): bigint[] {
  if (!isDelimited(field)) return [field.integer];
  const reader = new Reader(field.bytes);
  const found: bigint[] = [];
  while (!reader.done) found.push(reader.varint());
  return found;
}
