/**
 * The Huffman code of HPACK (RFC 7541, appendix B), to read what servers send. The code is canonical: how long each symbol's
 * code is says everything, as codes of one length follow each other in the order of their symbols.
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
const MAX_PADDING_BITS = 7;

/** For each length: the first code of it, and its symbols in order. */
interface Rank {
  readonly first: number;
  readonly symbols: readonly number[];
}

function ranksOf(lengths: readonly number[]): readonly Rank[] {
  const ranks: Rank[] = [];
  let code = 0;
  for (let bits = 0; bits <= MAX_BITS; bits += 1) {
    const symbols = [...lengths.keys()].filter((symbol) => lengths[symbol] === bits);
    ranks.push({ first: code, symbols });
    code = (code + symbols.length) * 2;
  }
  return ranks;
}

let known: readonly Rank[] | undefined;

/** @returns the text, or undefined when the bytes are not well coded */
export function huffmanText(bytes: Uint8Array): string | undefined {
  known ??= ranksOf(LENGTHS);
  const out: number[] = [];
  let code = 0;
  let bits = 0;
  for (const byte of bytes) {
    for (let shift = 7; shift >= 0; shift -= 1) {
      code = code * 2 + ((byte >> shift) & 1);
      bits += 1;
      const rank = known[bits];
      if (rank === undefined) return undefined;
      const symbol = rank.symbols[code - rank.first];
      if (symbol === undefined) continue;
      if (symbol === END) return undefined;
      out.push(symbol);
      code = 0;
      bits = 0;
    }
  }
  // What is left is the beginning of the end of string, which is all ones.
  if (bits > MAX_PADDING_BITS || code !== 2 ** bits - 1) return undefined;
  return Buffer.from(out).toString('latin1');
}
