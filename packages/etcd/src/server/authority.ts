/**
 * The `:authority` of requests whose client puts a whole URL there.
 *
 * etcd's Go client of 3.4 dials single endpoints as it was given them, so `etcdctl --endpoints=http://10.0.0.1:2379 endpoint
 * status` sends `:authority: http://10.0.0.1:2379`. A Go server takes no notice; the HTTP/2 library below Node.js ends the
 * stream, as RFC 3986 allows no slash in an authority, and has no setting for it. Nobody here reads the value, so the characters
 * that do not belong are replaced in the header block (RFC 7541) before that library sees it. The number of characters stays
 * the same, and with it the size of the entry in both ends' tables.
 */

import {
  ADDED,
  BlockReader,
  HpackError,
  INDEXED,
  TABLE_SIZE,
  textBytes,
} from '../client/http2/hpack.ts';

/** RFC 7541, appendix A: where the table every connection starts with has `:authority`. */
const AUTHORITY_INDEX = 1;
const UNUSUAL = /[^A-Za-z0-9\-._~!$&'()*+,;=:@%[\]]/g;

/**
 * @param block a whole header block
 * @returns the block with an authority every server takes, or the same block if there is nothing to mend or it cannot be read
 */
export function mendAuthority(block: Buffer): Buffer {
  try {
    const written = writtenAuthority(block);
    return written === undefined ? block : mend(block, written);
  } catch (error) {
    // The library refuses it in its own way.
    if (error instanceof HpackError) return block;
    throw error;
  }
}

interface Written {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** The value of `:authority` and where it stands, its length in front included; undefined where the table is referred to. */
function writtenAuthority(block: Buffer): Written | undefined {
  const reader = new BlockReader(block);
  while (!reader.isOver) {
    const first = reader.peek();
    if ((first & INDEXED) !== 0) reader.integer(7);
    else if ((first & ADDED) === 0 && (first & TABLE_SIZE) !== 0) reader.integer(5);
    else {
      const index = reader.integer((first & ADDED) === 0 ? 4 : 6);
      if (index === 0) reader.text();
      const from = reader.at;
      const text = reader.text();
      if (index === AUTHORITY_INDEX) return { text, from, to: reader.at };
    }
  }
  return undefined;
}

function mend(block: Buffer, { text, from, to }: Written): Buffer {
  const mended = text.replace(UNUSUAL, '-');
  if (mended === text) return block;
  return Buffer.concat([block.subarray(0, from), ...textBytes(mended), block.subarray(to)]);
}
