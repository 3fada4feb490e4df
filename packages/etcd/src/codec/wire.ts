/**
 * The protocol-buffer wire format: a reader over bytes, and a writer that fills its buffer from the end.
 *
 * Writing backwards makes one pass enough: a nested message is complete, and its length known, before the length goes in
 * front of it.
 */

/** Bytes that are not a well-formed message. */
export class CodecError extends Error {
  override name = 'CodecError';
}

const TWO_28 = 0x10000000;
const LOW_49_BITS = 0x1ffffffffffff;
const LOW_32_BITS = 0xffffffffn;

/** Reads one message's fields; `end` bounds it. */
export class Reader {
  readonly buf: Buffer;
  pos: number;
  end: number;

  constructor(buf: Buffer, pos: number = 0, end: number = buf.length) {
    this.buf = buf;
    this.pos = pos;
    this.end = end;
  }

  private byte(): number {
    if (this.pos >= this.end) throw new CodecError('unexpected end of message');
    return this.buf[this.pos++] as number;
  }

  /** A varint below 2^32; larger ones are cut to 32 bits, as the format asks of 32-bit fields. */
  uint32(): number {
    let result = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const b = this.byte();
      if (shift < 28) result |= (b & 0x7f) << shift;
      else if (shift === 28) result += (b & 0x0f) * TWO_28;
      if (b < 0x80) return result >>> 0;
    }
    throw new CodecError('varint longer than 10 bytes');
  }

  /** A 64-bit varint, exact. */
  varint64(): bigint {
    let low = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const b = this.byte();
      low += (b & 0x7f) * scale;
      if (b < 0x80) return BigInt(low);
      scale *= 128;
    }
    let high = 0;
    for (let shift = 0; shift < 21; shift += 7) {
      const b = this.byte();
      high |= (b & 0x7f) << shift;
      if (b < 0x80) return BigInt.asUintN(64, (BigInt(high) << 49n) | BigInt(low));
    }
    throw new CodecError('varint longer than 10 bytes');
  }

  /** Eight bytes, little-endian. */
  fixed64(): bigint {
    const at = this.pos;
    this.advance(8);
    return this.buf.readBigUInt64LE(at);
  }

  /** Steps over this one-byte tag if it comes next. */
  take(tag: number): boolean {
    if (this.pos >= this.end || this.buf[this.pos] !== tag) return false;
    this.pos++;
    return true;
  }

  /** A varint as a number. @throws CodecError for one that a number cannot hold exactly */
  safeVarint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const b = this.byte();
      value += (b & 0x7f) * scale;
      if (b < 0x80 && value <= Number.MAX_SAFE_INTEGER) return value;
      scale *= 128;
    }
    throw new CodecError('varint larger than a number can hold');
  }

  /** A length-delimited field's bytes: a view, not a copy. */
  bytes(): Buffer {
    const length = this.uint32();
    const start = this.pos;
    if (length > this.end - start) throw new CodecError('field runs past the end of its message');
    this.pos = start + length;
    return this.buf.subarray(start, this.pos);
  }

  /**
   * Goes into a length-delimited field: from here to its end is all there is.
   * @returns where the message around it ends, for {@link leave}
   */
  enter(): number {
    const length = this.uint32();
    if (length > this.end - this.pos) {
      throw new CodecError('field runs past the end of its message');
    }
    const outer = this.end;
    this.end = this.pos + length;
    return outer;
  }

  /** Comes out of a field that was read to its end. */
  leave(outer: number): void {
    this.end = outer;
  }

  /** Steps over a field this version does not know. */
  skip(wireType: number): void {
    if (wireType === 0) this.varint64();
    else if (wireType === 1) this.advance(8);
    else if (wireType === 2) this.bytes();
    else if (wireType === 5) this.advance(4);
    else throw new CodecError(`wire type ${wireType} is not supported`);
  }

  private advance(n: number): void {
    if (n > this.end - this.pos) throw new CodecError('unexpected end of message');
    this.pos += n;
  }
}

/** Writes fields from the last to the first. */
export class Writer {
  private buf: Buffer;
  /** First byte written so far. */
  private pos: number;

  constructor(capacity: number) {
    this.buf = Buffer.allocUnsafeSlow(capacity);
    this.pos = capacity;
  }

  /** Bytes written. */
  get length(): number {
    return this.buf.length - this.pos;
  }

  /** Makes room for `n` bytes in front. May replace the buffer: take it from `this.buf` only afterwards. */
  private room(n: number): number {
    if (this.pos < n) this.grow(n);
    this.pos -= n;
    return this.pos;
  }

  private grow(n: number): void {
    const used = this.length;
    const next = Buffer.allocUnsafeSlow(Math.max(this.buf.length * 2, used + n));
    this.buf.copy(next, next.length - used, this.pos);
    this.pos = next.length - used;
    this.buf = next;
  }

  /** Any non-negative safe integer. */
  varint(value: number): void {
    if (value < 0x80) {
      const at = this.room(1);
      this.buf[at] = value;
      return;
    }
    let size = 1;
    for (let v = value; v >= 0x80; v = Math.floor(v / 128)) size++;
    let at = this.room(size);
    let v = value;
    for (; v > LOW_31; v = Math.floor(v / 128)) this.buf[at++] = (v % 128) | 0x80;
    for (; v >= 0x80; v >>>= 7) this.buf[at++] = (v & 0x7f) | 0x80;
    this.buf[at] = v;
  }

  /** A 64-bit integer, signed or not; negative ones take ten bytes. */
  varint64(value: bigint | number): void {
    const n = Number(value);
    if (n >= 0 && n <= LOW_49_BITS) {
      this.varint(n);
      return;
    }
    // In two halves: arithmetic on bigints allocates at every step.
    const v = BigInt.asUintN(64, BigInt(value));
    let low = Number(v & LOW_32_BITS);
    let high = Number(v >> 32n);
    let size = 1;
    for (let rest = high * 16 + (low >>> 28); rest > 0; rest = Math.floor(rest / 128)) size++;
    size += 3;
    let at = this.room(size);
    for (let i = 1; i < size; i++) {
      this.buf[at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.buf[at] = low;
  }

  /** Eight bytes, little-endian. */
  fixed64(value: bigint): void {
    const at = this.room(8);
    this.buf.writeBigUInt64LE(BigInt.asUintN(64, value), at);
  }

  /** Raw bytes, without a length. */
  raw(bytes: Uint8Array): void {
    const at = this.room(bytes.length);
    this.buf.set(bytes, at);
  }

  utf8(text: string): number {
    const size = Buffer.byteLength(text);
    const at = this.room(size);
    this.buf.write(text, at, size, 'utf8');
    return size;
  }

  /**
   * A copy of what was written, with `head` bytes left free in front.
   * @param keep true for memory of its own; otherwise a small copy shares a block with others, which lives as long as any
   */
  finish(head: number = 0, keep: boolean = false): Buffer {
    const size = head + this.length;
    const out = keep ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size);
    this.buf.copy(out, head, this.pos);
    return out;
  }

  /** Forgets what was written and keeps the buffer, unless it has grown beyond `keepBytes`. */
  reset(keepBytes: number): void {
    if (this.buf.length > keepBytes) this.buf = Buffer.allocUnsafeSlow(keepBytes);
    this.pos = this.buf.length;
  }
}

const LOW_31 = 0x7fffffff;
