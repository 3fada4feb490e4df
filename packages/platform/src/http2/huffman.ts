/**
 * The Huffman code of HPACK (RFC 7541, appendix B), to read what the other side sends. The code is canonical: how long each
 * symbol's code is says everything, as codes of one length follow each other in the order of their symbols.
 */

/** Bits of each byte's code, and of the end of string as the 257th; lines of 16. */
const LENGTHS: readonly number[] = [
  [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  [28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  [6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  [5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  [13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  [7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  [15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  [6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  [20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  [24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  [22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  [21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  [26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  [19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  [20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  [26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  [30],
].flat();

const END = 256;
const MAX_BITS = 30;

/**
 * A table of 256 entries for each place the code can be at after whole bytes: what the next eight bits mean there. An entry is
 * the number of the next table above the symbol's bits, or a symbol with the bits of its code that lie in this byte.
 */
interface Tables {
  readonly next: Int32Array;
  readonly symbol: Int16Array;
  readonly bits: Uint8Array;
}

const SIZE = 256;
/** Tables that the code needs: the first, and one for each prefix of 8, 16 or 24 bits with longer codes. */
const MAX_TABLES = 64;

function makeTables(): Tables {
  const next = new Int32Array(MAX_TABLES * SIZE);
  const symbol = new Int16Array(MAX_TABLES * SIZE).fill(-1);
  const bits = new Uint8Array(MAX_TABLES * SIZE);
  let tables = 1;
  const put = (code: number, length: number, of: number): void => {
    let table = 0;
    let left = length;
    for (; left > 8; left -= 8) {
      const at = table * SIZE + ((code >>> (left - 8)) & 0xff);
      if (next[at] === 0) next[at] = tables++;
      table = next[at] ?? 0;
    }
    const first = (code << (8 - left)) & 0xff;
    const from = table * SIZE + first;
    symbol.fill(of, from, from + 2 ** (8 - left));
    bits.fill(left, from, from + 2 ** (8 - left));
  };
  let code = 0;
  for (let length = 1; length <= MAX_BITS; length += 1) {
    code *= 2;
    for (const [of, bitsOf] of LENGTHS.entries()) if (bitsOf === length) put(code++, length, of);
  }
  return { next, symbol, bits };
}

let known: Tables | undefined;

/** @returns the text, or undefined when the bytes are not well coded */
export function huffmanText(bytes: Uint8Array): string | undefined {
  known ??= makeTables();
  const { next, symbol, bits } = known;
  // The shortest code has five bits.
  const out = Buffer.allocUnsafe(Math.ceil((bytes.length * 8) / 5));
  let length = 0;
  let table = 0;
  /** Bits that were read and are not used yet, in the lower end, and how many. */
  let held = 0;
  let count = 0;
  for (let i = 0; ; ) {
    if (count < 8 && i < bytes.length) {
      held = ((held << 8) | (bytes[i++] ?? 0)) & 0xffff;
      count += 8;
    }
    // Fewer than eight bits at the end are looked at as if ones followed.
    const window = count < 8 ? (held << (8 - count)) | (0xff >>> count) : held >>> (count - 8);
    const at = table * SIZE + (window & 0xff);
    const of = symbol[at] ?? -1;
    const used = of === -1 ? 8 : (bits[at] ?? 0);
    if (used > count) break;
    count -= used;
    if (of === END) return undefined;
    if (of !== -1) out[length++] = of;
    table = of === -1 ? (next[at] ?? 0) : 0;
  }
  // What is left is the beginning of the end of string: fewer than eight bits, all ones.
  const ones = 2 ** count - 1;
  if (table !== 0 || (held & ones) !== ones) return undefined;
  return out.toString('latin1', 0, length);
}
