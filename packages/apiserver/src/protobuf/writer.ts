/**
 * The protobuf wire format, writing side. Messages are written from their end to their beginning: the length of what
 * is nested is known when it is to be written, and nothing is measured beforehand or copied afterwards.
 */
import type { ExactInteger } from '@kubets/api';

const FIRST_BYTES = 4 * 1024;
const DELIMITED = 2;
const FIXED64 = 1;

export class BackWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  /** Where what is written begins. */
  #at = FIRST_BYTES;

  /** How many bytes are written. */
  get length(): number {
    return this.#buffer.length - this.#at;
  }

  /** What was written; the writer is empty again. */
  take(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(this.#at));
    this.#at = this.#buffer.length;
    return bytes;
  }

  /** A whole number from 0 on, as a varint. */
  uint(value: number): void {
    this.#room(10);
    if (value < 0x80) {
      this.#at -= 1;
      this.#buffer[this.#at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
    this.#at -= size;
    let rest = value;
    for (let i = this.#at; size > 1; i += 1, size -= 1) {
      this.#buffer[i] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
      if (size === 2) this.#buffer[i + 1] = rest;
    }
  }

  /** A whole number of either sign; negative ones take ten bytes. */
  int(value: ExactInteger): void {
    if (typeof value === 'number' && value >= 0) {
      this.uint(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    const bytes: number[] = [];
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.#room(bytes.length);
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  /** An integer field. */
  intField(number: number, value: ExactInteger): void {
    this.int(value);
    this.uint(number << 3);
  }

  boolField(number: number, value: boolean): void {
    this.intField(number, value ? 1 : 0);
  }

  doubleField(number: number, value: number): void {
    this.#room(8);
    this.#at -= 8;
    this.#buffer.writeDoubleLE(value, this.#at);
    this.uint((number << 3) | FIXED64);
  }

  textField(number: number, text: string): void {
    const size = Buffer.byteLength(text);
    this.#room(size);
    this.#at -= size;
    this.#buffer.write(text, this.#at, size, 'utf8');
    this.#head(number, size);
  }

  bytesField(number: number, bytes: Buffer): void {
    this.raw(bytes);
    this.#head(number, bytes.length);
  }

  /** Closes a message: everything written since `before` (a `length`) becomes the content of a field. */
  messageField(number: number, before: number): void {
    this.#head(number, this.length - before);
  }

  /** Bytes as they are. */
  raw(bytes: Buffer): void {
    this.#room(bytes.length);
    this.#at -= bytes.length;
    bytes.copy(this.#buffer, this.#at);
  }

  #head(number: number, size: number): void {
    this.uint(size);
    this.uint((number << 3) | DELIMITED);
  }

  #room(size: number): void {
    if (this.#at >= size) return;
    const used = this.length;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + size));
    this.#buffer.copy(larger, larger.length - used, this.#at);
    this.#at = larger.length - used;
    this.#buffer = larger;
  }
}
