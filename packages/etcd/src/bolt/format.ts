/**
 * The file format of bbolt, the database of a stock etcd, as far as snapshots need it. Little endian.
 *
 * ```
 *  page:  0     8       10      12         16
 *         | id  | flags | count | overflow | content … (runs on into `overflow` more pages)
 *  leaf:    elements (flags, pos, key bytes, value bytes: 16 bytes each), then keys and values; pos counts from the element
 *  branch:  elements (pos, key bytes, page id: 16 bytes each), then keys
 *  meta:    magic, version, page size, flags, root bucket (page, sequence), freelist page, pages, transaction, checksum
 * ```
 * Pages 0 and 1 are metas; the valid one of the higher transaction counts. A bucket is a leaf element with {@link BUCKET_FLAG}
 * whose value is its root page and sequence; root page 0: the page follows in the value itself.
 */

/** What we write; others are read. */
export const PAGE_BYTES = 4096;
export const PAGE_HEADER_BYTES = 16;
export const ELEMENT_BYTES = 16;
/** Value of a bucket's element: root page, sequence. */
export const BUCKET_BYTES = 16;
export const BUCKET_FLAG = 1;
export const PAGE = { branch: 0x01, leaf: 0x02, meta: 0x04, freelist: 0x10 } as const;

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const META_BYTES = 64;
const SUMMED_BYTES = 56;

/** A meta page's content. */
export interface Meta {
  readonly pageBytes: number;
  readonly root: number;
  readonly freelist: number;
  /** Pages in use, free ones included: the file must have as many. */
  readonly pageCount: number;
  readonly transaction: number;
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** FNV-1a, 64 bits. */
export function fnv64a(bytes: Uint8Array): bigint {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  return hash;
}

export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  readonly count: number;
  /** Pages after this one that belong to it. */
  readonly overflow: number;
}

export function writePageHeader(page: Buffer, header: PageHeader): void {
  page.writeBigUInt64LE(BigInt(header.id), 0);
  page.writeUInt16LE(header.flags, 8);
  page.writeUInt16LE(header.count, 10);
  page.writeUInt32LE(header.overflow, 12);
}

/** A number of 64 bits; what is too large to be exact is no valid page number either, and comes out as larger than any. */
export function readNumber(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

export function readPageHeader(page: Buffer): PageHeader {
  return {
    id: readNumber(page, 0),
    flags: page.readUInt16LE(8),
    count: page.readUInt16LE(10),
    overflow: page.readUInt32LE(12),
  };
}

/** The page that holds a meta. */
export function encodeMeta(id: number, meta: Meta): Buffer {
  const page = Buffer.alloc(meta.pageBytes);
  writePageHeader(page, { id, flags: PAGE.meta, count: 0, overflow: 0 });
  const body = page.subarray(PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + META_BYTES);
  body.writeUInt32LE(MAGIC, 0);
  body.writeUInt32LE(VERSION, 4);
  body.writeUInt32LE(meta.pageBytes, 8);
  body.writeBigUInt64LE(BigInt(meta.root), 16);
  body.writeBigUInt64LE(BigInt(meta.freelist), 32);
  body.writeBigUInt64LE(BigInt(meta.pageCount), 40);
  body.writeBigUInt64LE(BigInt(meta.transaction), 48);
  body.writeBigUInt64LE(fnv64a(body.subarray(0, SUMMED_BYTES)), SUMMED_BYTES);
  return page;
}

/** @returns undefined when there is no valid meta in this page */
export function decodeMeta(page: Buffer): Meta | undefined {
  if (page.length < PAGE_HEADER_BYTES + META_BYTES) return undefined;
  const body = page.subarray(PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + META_BYTES);
  if (body.readUInt32LE(0) !== MAGIC || body.readUInt32LE(4) !== VERSION) return undefined;
  if (body.readBigUInt64LE(SUMMED_BYTES) !== fnv64a(body.subarray(0, SUMMED_BYTES))) {
    return undefined;
  }
  return {
    pageBytes: body.readUInt32LE(8),
    root: readNumber(body, 16),
    freelist: readNumber(body, 32),
    pageCount: readNumber(body, 40),
    transaction: readNumber(body, 48),
  };
}
