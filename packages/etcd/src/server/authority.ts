/**
 * The `:authority` of requests whose client puts a whole URL there.
 *
 * etcd's Go client of 3.4 dials single endpoints as it was given them, so `etcdctl --endpoints=http://10.0.0.1:2379 endpoint
 * status` sends `:authority: http://10.0.0.1:2379`. A Go server takes no notice; the HTTP/2 library below Node.js ends the
 * stream, as RFC 3986 allows no slash in an authority, and has no setting for it. Nobody here reads the value, so the characters
 * that do not belong are replaced in the header block (RFC 7541) before that library sees it. The number of characters stays
 * the same, and with it the size of the entry in both ends' tables.
 */

import { huffmanText } from '../client/http2/huffman.ts';

/** RFC 7541, appendix A: where the table every connection starts with has `:authority`. */
const AUTHORITY_INDEX = 1;
/** The widest integer that can be meant here; longer ones are left to the library to refuse. */
const LONGEST_INTEGER_BYTES = 4;
const UNUSUAL = /[^A-Za-z0-9\-._~!$&'()*+,;=:@%[\]]/g;

interface Field {
  /** Index of the name; 0 when the name is written out. */
  readonly index: number;
  /** Where the value stands with its length in front, if it is written out. */
  readonly value?: { readonly from: number; readonly to: number };
  readonly end: number;
}

/**
 * @param block a whole header block
 * @returns the block with an authority every server takes, or the same block if there is nothing to mend or it cannot be read
 */
export function mendAuthority(block: Buffer): Buffer {
  for (let at = 0; at < block.length; ) {
    const field = readField(block, at);
    if (field === undefined) return block;
    if (field.index === AUTHORITY_INDEX && field.value !== undefined) {
      return mendValue(block, field.value);
    }
    at = field.end;
  }
  return block;
}

function mendValue(block: Buffer, { from, to }: { from: number; to: number }): Buffer {
  const text = readText(block, from, to);
  const mended = text?.replace(UNUSUAL, '-');
  if (mended === undefined || mended === text) return block;
  const bytes = Buffer.from(mended, 'latin1');
  return Buffer.concat([
    block.subarray(0, from),
    writeLength(bytes.length),
    bytes,
    block.subarray(to),
  ]);
}

/** RFC 7541, section 6: the kinds of fields by their first bits. */
function readField(block: Buffer, at: number): Field | undefined {
  const first = block[at] ?? 0;
  if (first >= 0x80) return bare(readInteger(block, at, 7));
  if (first >= 0x20 && first < 0x40) return bare(readInteger(block, at, 5));
  const name = readInteger(block, at, first >= 0x40 ? 6 : 4);
  if (name === undefined) return undefined;
  const from = name.value === 0 ? skipText(block, name.end) : name.end;
  if (from === undefined) return undefined;
  const to = skipText(block, from);
  return to === undefined ? undefined : { index: name.value, value: { from, to }, end: to };
}

function bare(integer: { value: number; end: number } | undefined): Field | undefined {
  return integer === undefined ? undefined : { index: integer.value, end: integer.end };
}

/** RFC 7541, section 5.1. */
function readInteger(
  block: Buffer,
  at: number,
  bits: number,
): { value: number; end: number } | undefined {
  const full = (1 << bits) - 1;
  let value = (block[at] ?? 0) & full;
  if (value < full) return { value, end: at + 1 };
  for (let i = 0; i < LONGEST_INTEGER_BYTES; i++) {
    const byte = block[at + 1 + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: at + 2 + i };
  }
  return undefined;
}

/** @returns where the text that starts with its length at `at` ends */
function skipText(block: Buffer, at: number): number | undefined {
  const length = readInteger(block, at, 7);
  if (length === undefined || length.end + length.value > block.length) return undefined;
  return length.end + length.value;
}

/** RFC 7541, section 5.2. */
function readText(block: Buffer, from: number, to: number): string | undefined {
  const length = readInteger(block, from, 7);
  if (length === undefined) return undefined;
  const isCoded = (block[from] ?? 0) >= 0x80;
  const bytes = block.subarray(length.end, to);
  return isCoded ? huffmanText(bytes) : bytes.toString('latin1');
}

function writeLength(length: number): Buffer {
  const full = 0x7f;
  if (length < full) return Buffer.from([length]);
  const bytes = [full];
  let rest = length - full;
  for (; rest >= 0x80; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
