/**
 * Header blocks (HPACK, RFC 7541) without a dynamic table: this side announces a table of no bytes and never adds to the other
 * side's. So a block means the same whenever it comes: what is sent is made once, and what was read once is known.
 */

import { huffmanText } from './huffman.ts';

export type HeaderFields = Readonly<Record<string, string>>;

/** A header block that breaks the rules; the connection cannot go on. */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

/** RFC 7541, appendix A; entry 1 is the first. */
const STATIC: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((code) => [':status', code] as const),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    ...['accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age'],
    ...['allow', 'authorization', 'cache-control', 'content-disposition', 'content-encoding'],
    ...['content-language', 'content-length', 'content-location', 'content-range'],
    ...['content-type', 'cookie', 'date', 'etag', 'expect', 'expires', 'from', 'host'],
    ...['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since'],
    ...['last-modified', 'link', 'location', 'max-forwards', 'proxy-authenticate'],
    ...['proxy-authorization', 'range', 'referer', 'refresh', 'retry-after', 'server'],
    ...['set-cookie', 'strict-transport-security', 'transfer-encoding', 'user-agent', 'vary'],
    ...['via', 'www-authenticate'],
  ].map((name) => [name, ''] as const),
];

/** Bits of a field's first byte that say what it is. */
export const INDEXED = 0x80;
export const ADDED = 0x40;
export const TABLE_SIZE = 0x20;
const HUFFMAN = 0x80;
const MAX_INTEGER_BYTES = 4;

/** The fields of a block. A name that comes twice keeps its last value. @throws HpackError */
export function readBlock(block: Uint8Array): HeaderFields {
  const reader = new BlockReader(block);
  const fields: Record<string, string> = Object.create(null);
  while (!reader.isOver) {
    const first = reader.peek();
    if ((first & INDEXED) !== 0) {
      const [name, value] = entryAt(reader.integer(7));
      fields[name] = value;
      continue;
    }
    if ((first & ADDED) === 0 && (first & TABLE_SIZE) !== 0) {
      if (reader.integer(5) !== 0) throw new HpackError('the header table is larger than agreed');
      continue;
    }
    // To be added to the table or not is all one: the table holds nothing.
    const index = reader.integer((first & ADDED) === 0 ? 4 : 6);
    const name = index === 0 ? reader.text() : entryAt(index)[0];
    fields[name] = reader.text();
  }
  return fields;
}

function entryAt(index: number): readonly [name: string, value: string] {
  const entry = STATIC[index - 1];
  if (entry === undefined) throw new HpackError(`no header field ${index}`);
  return entry;
}

/** Reads a block piece by piece. What is cut off, or not well coded, is an HpackError. */
export class BlockReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** How far it has read. */
  get at(): number {
    return this.#at;
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new HpackError('a header block is cut off');
    return byte;
  }

  /** An integer whose first byte has so many bits of it (RFC 7541, 5.1). */
  integer(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let i = 0; i < MAX_INTEGER_BYTES; i += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 128 ** i;
      if (byte < 0x80) return value;
    }
    throw new HpackError('an integer of a header block is too long');
  }

  text(): string {
    const isCoded = (this.peek() & HUFFMAN) !== 0;
    const length = this.integer(7);
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw new HpackError('a header block is cut off');
    this.#at += length;
    const text = isCoded ? huffmanText(bytes) : Buffer.from(bytes).toString('latin1');
    if (text === undefined) throw new HpackError('a header is not well coded');
    return text;
  }

  #byte(): number {
    const byte = this.peek();
    this.#at += 1;
    return byte;
  }
}

/** A block of these fields, none of which the other side is to remember. */
export function writeBlock(fields: HeaderFields): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const exact = STATIC.findIndex((entry) => entry[0] === name && entry[1] === value) + 1;
    if (exact > 0 && value !== '') {
      parts.push(integerBytes(exact, 7, INDEXED));
      continue;
    }
    const index = STATIC.findIndex((entry) => entry[0] === name) + 1;
    parts.push(integerBytes(index, 4, 0));
    if (index === 0) parts.push(...textBytes(name));
    parts.push(...textBytes(value));
  }
  return Buffer.concat(parts);
}

function integerBytes(value: number, bits: number, flags: number): Buffer {
  const most = (1 << bits) - 1;
  if (value < most) return Buffer.from([flags | value]);
  const bytes = [flags | most];
  let rest = value - most;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A text with its length in front, not in Huffman's code. */
export function textBytes(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  return [integerBytes(bytes.length, 7, 0), bytes];
}
