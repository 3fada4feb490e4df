/**
 * Reads a database without trusting a byte of it: every page is checked for being the one asked for, every offset for staying
 * within its page, keys for their order; no page is visited twice, so that no loop of pages goes on for ever. What does not
 * fit is one {@link DatabaseError}. Nothing but the page in hand is held in memory.
 */

import { LIMITS } from '../limits.ts';
import { DatabaseError } from './errors.ts';
import {
  BUCKET_BYTES,
  BUCKET_FLAG,
  decodeMeta,
  ELEMENT_BYTES,
  type Meta,
  PAGE,
  PAGE_HEADER_BYTES,
  type PageHeader,
  readNumber,
  readPageHeader,
} from './format.ts';

/** Where the bytes are. */
export interface ByteSource {
  readonly size: number;
  /** Exactly these bytes, in a buffer of their own. They lie within `size`. */
  read(position: number, length: number): Buffer;
}

export type Pair = readonly [key: Buffer, value: Buffer];

interface Page extends PageHeader {
  readonly bytes: Buffer;
}

interface LeafElement {
  readonly flags: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 64 * 1024;
const META_PAGE_BYTES = 80;

function readMeta(source: ByteSource, position: number): Meta | undefined {
  if (position + META_PAGE_BYTES > source.size) return undefined;
  const meta = decodeMeta(source.read(position, META_PAGE_BYTES));
  if (meta === undefined) return undefined;
  const { pageBytes } = meta;
  const fits = pageBytes >= PAGE_BYTES_MIN && pageBytes <= PAGE_BYTES_MAX;
  return fits && Number.isInteger(Math.log2(pageBytes)) ? meta : undefined;
}

/** The meta that counts. When the first is damaged, the second is where a page size puts it. */
function newestMeta(source: ByteSource): Meta {
  const found: Meta[] = [];
  const first = readMeta(source, 0);
  if (first !== undefined) found.push(first);
  for (let bytes = PAGE_BYTES_MIN; bytes <= PAGE_BYTES_MAX; bytes *= 2) {
    const second = readMeta(source, bytes);
    if (second?.pageBytes === bytes) found.push(second);
  }
  const newest = found.toSorted((a, b) => b.transaction - a.transaction)[0];
  if (newest === undefined) {
    throw new DatabaseError('not an etcd database: neither of its first pages is valid');
  }
  const needed = newest.pageCount * newest.pageBytes;
  if (needed > source.size) {
    throw new DatabaseError(`cut short: ${needed} bytes expected, ${source.size} found`);
  }
  return newest;
}

/** What one walk through a bucket has seen. */
class Walk {
  private readonly seen: Uint8Array;
  private last: Buffer | undefined;

  constructor(pageCount: number) {
    this.seen = new Uint8Array(Math.ceil(pageCount / 8));
  }

  page(id: number): void {
    const bit = 1 << (id & 7);
    if (((this.seen[id >>> 3] ?? 0) & bit) !== 0) throw damaged(id, 'it is reached twice');
    this.seen[id >>> 3] = (this.seen[id >>> 3] ?? 0) | bit;
  }

  key(key: Buffer, page: number): void {
    if (this.last !== undefined && Buffer.compare(this.last, key) >= 0) {
      throw damaged(page, 'its keys are out of order');
    }
    this.last = key;
  }
}

function damaged(page: number, what: string): DatabaseError {
  return new DatabaseError(`damaged: page ${page}: ${what}`);
}

function elementsEnd(page: Page): number {
  const end = PAGE_HEADER_BYTES + page.count * ELEMENT_BYTES;
  if (end > page.bytes.length) throw damaged(page.id, 'more elements than it has room for');
  return end;
}

function slice(page: Page, from: number, length: number): Buffer {
  if (from < elementsEnd(page) || from + length > page.bytes.length) {
    throw damaged(page.id, 'an element points outside of it');
  }
  return page.bytes.subarray(from, from + length);
}

function* leafElements(page: Page): Generator<LeafElement> {
  const end = elementsEnd(page);
  for (let at = PAGE_HEADER_BYTES; at < end; at += ELEMENT_BYTES) {
    const flags = page.bytes.readUInt32LE(at);
    const from = at + page.bytes.readUInt32LE(at + 4);
    const keyBytes = page.bytes.readUInt32LE(at + 8);
    const valueBytes = page.bytes.readUInt32LE(at + 12);
    const both = slice(page, from, keyBytes + valueBytes);
    yield { flags, key: both.subarray(0, keyBytes), value: both.subarray(keyBytes) };
  }
}

function childrenOf(page: Page): number[] {
  const end = elementsEnd(page);
  if (page.count === 0) throw damaged(page.id, 'a branch without children');
  const children: number[] = [];
  for (let at = PAGE_HEADER_BYTES; at < end; at += ELEMENT_BYTES) {
    children.push(readNumber(page.bytes, at + 8));
  }
  return children;
}

/** A database, opened. Buckets in buckets are not read: etcd has none. */
export class Database {
  readonly meta: Meta;
  private readonly source: ByteSource;
  private readonly buckets = new Map<string, Buffer>();

  /** @throws DatabaseError when the file is none, or its list of buckets cannot be read */
  constructor(source: ByteSource) {
    this.source = source;
    this.meta = newestMeta(source);
    for (const element of this.elements(this.meta.root)) {
      const { flags, key, value } = element;
      if (flags !== BUCKET_FLAG || value.length < BUCKET_BYTES) {
        throw new DatabaseError('damaged: something that is no bucket among the buckets');
      }
      if (this.buckets.size >= LIMITS.databaseBuckets) {
        throw new DatabaseError('not an etcd database: too many buckets');
      }
      this.buckets.set(key.toString('latin1'), Buffer.from(value));
    }
  }

  /** In byte order. */
  get bucketNames(): readonly string[] {
    return [...this.buckets.keys()];
  }

  /** Bytes of all pages, free ones included. */
  get sizeBytes(): number {
    return this.meta.pageCount * this.meta.pageBytes;
  }

  /**
   * A bucket's pairs in byte order; none when there is no such bucket. They are views of the page: copy what is kept.
   * @throws DatabaseError at the first thing that is not as it must be
   */
  *entries(bucket: string): Generator<Pair> {
    const value = this.buckets.get(bucket);
    if (value === undefined) return;
    const root = readNumber(value, 0);
    const elements = root === 0 ? inlineElements(value) : this.elements(root);
    for (const { flags, key, value } of elements) {
      if (flags !== 0) throw new DatabaseError(`damaged: a bucket in the bucket "${bucket}"`);
      yield [key, value];
    }
  }

  private *elements(root: number): Generator<LeafElement> {
    const walk = new Walk(this.meta.pageCount);
    for (const page of this.leaves(root, walk, 0)) {
      for (const element of leafElements(page)) {
        walk.key(element.key, page.id);
        yield element;
      }
    }
  }

  private *leaves(id: number, walk: Walk, depth: number): Generator<Page> {
    if (depth > LIMITS.databaseDepth) throw damaged(id, 'it lies too deep');
    const page = this.page(id);
    walk.page(id);
    if (page.flags === PAGE.leaf) yield page;
    else if (page.flags !== PAGE.branch) throw damaged(id, 'neither a leaf nor a branch');
    else for (const child of childrenOf(page)) yield* this.leaves(child, walk, depth + 1);
  }

  private page(id: number): Page {
    const { pageBytes, pageCount } = this.meta;
    if (!(id > 1 && id < pageCount)) throw damaged(id, 'there is no such page');
    const head = this.source.read(id * pageBytes, pageBytes);
    const header = readPageHeader(head);
    if (header.id !== id) throw damaged(id, `it says it is page ${header.id}`);
    if (header.overflow === 0) return { ...header, bytes: head };
    const length = (header.overflow + 1) * pageBytes;
    if (id + header.overflow >= pageCount || length > LIMITS.databasePageBytes) {
      throw damaged(id, 'it says it is longer than can be');
    }
    return { ...header, bytes: this.source.read(id * pageBytes, length) };
  }
}

/** A small bucket lies in its parent's page, behind its header. */
function* inlineElements(value: Buffer): Generator<LeafElement> {
  const bytes = value.subarray(BUCKET_BYTES);
  if (bytes.length < PAGE_HEADER_BYTES) throw new DatabaseError('damaged: a bucket is cut short');
  const header = readPageHeader(bytes);
  const page: Page = { ...header, id: 0, bytes };
  if (header.flags !== PAGE.leaf) throw damaged(0, 'a small bucket that is no leaf');
  const walk = new Walk(1);
  for (const element of leafElements(page)) {
    walk.key(element.key, 0);
    yield element;
  }
}
