/**
 * Header blocks (HPACK, RFC 7541). What is written here never adds to the other side's table, so a block means the same whenever
 * it is sent and may be made once. What is read here without a table comes from servers, which a client told to keep none; a
 * server's reader has one ({@link HeaderTable}).
 */

import { huffmanText } from './huffman.ts';

export type HeaderFields = Readonly<Record<string, string>>;
export type HeaderField = readonly [name: string, value: string];

/** A header block that breaks the rules; the connection cannot go on. */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

/** RFC 7541, appendix A; entry 1 is the first. */
export const STATIC: readonly HeaderField[] = [
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

/** Where names stand in the table first, and where names with values do. */
const NAMES = new Map<string, number>();
const PAIRS = new Map<string, Map<string, number>>();
for (const [i, [name, value]] of STATIC.entries()) {
  if (!NAMES.has(name)) NAMES.set(name, i + 1);
  const values = PAIRS.get(name) ?? new Map<string, number>();
  if (value !== '') values.set(value, i + 1);
  PAIRS.set(name, values);
}

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
    const text = isCoded ? huffmanText(bytes) : latin1Of(bytes);
    if (text === undefined) throw new HpackError('a header is not well coded');
    return text;
  }

  #byte(): number {
    const byte = this.peek();
    this.#at += 1;
    return byte;
  }
}

/** Longest integer of a field, and the byte that says how it is written. */
const INTEGER_BYTES = 6;

/** Without a copy of the bytes. */
function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** A block of these fields, none of which the other side is to remember. Names are lower case; values are bytes as Latin-1. */
export function writeBlock(fields: HeaderFields): Buffer {
  return writeFields(Object.entries(fields));
}

/** The same for fields in order, of which several may have one name. */
export function writeFields(fields: readonly HeaderField[]): Buffer {
  let room = 0;
  for (const [name, value] of fields) room += name.length + value.length + 3 * INTEGER_BYTES;
  const block = Buffer.allocUnsafe(room);
  let at = 0;
  for (const [name, value] of fields) at = writeField(block, at, name, value);
  return block.subarray(0, at);
}

function writeField(block: Buffer, from: number, name: string, value: string): number {
  const exact = PAIRS.get(name)?.get(value);
  if (exact !== undefined) return writeInteger(block, from, exact, 7, INDEXED);
  const index = NAMES.get(name) ?? 0;
  let at = writeInteger(block, from, index, 4, 0);
  if (index === 0) at = writeText(block, at, name);
  return writeText(block, at, value);
}

function writeInteger(block: Buffer, from: number, value: number, bits: number, flags: number) {
  const most = (1 << bits) - 1;
  let at = from;
  if (value < most) {
    block[at++] = flags | value;
    return at;
  }
  block[at++] = flags | most;
  let rest = value - most;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) block[at++] = (rest % 128) | 0x80;
  block[at++] = rest;
  return at;
}

/** A text with its length in front, not in Huffman's code. */
function writeText(block: Buffer, from: number, text: string): number {
  const at = writeInteger(block, from, text.length, 7, 0);
  return at + block.write(text, at, 'latin1');
}
