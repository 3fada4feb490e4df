/**
 * Writes a database front to back, without ever holding it. The content is gone through twice: once to see how it falls into
 * pages (their number is announced before the first byte, and the first page names the last), once to write them.
 *
 * Pages are laid out as `meta meta freelist  bucket bucket …  root`, a bucket's pages as `leaves  branches  …  its root`.
 */

import { setImmediate } from 'node:timers/promises';
import {
  BUCKET_BYTES,
  BUCKET_FLAG,
  ELEMENT_BYTES,
  encodeMeta,
  PAGE,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  writePageHeader,
} from './format.ts';

/** Keys in byte order, each once, with their values. Both are used before the next pair is asked for. */
export type Entries = Iterable<readonly [key: Uint8Array, value: Uint8Array]>;

/** Keys in byte order, and how many bytes their values have. */
export type Sizes = Iterable<readonly [key: Uint8Array, valueBytes: number]>;

/** A bucket to be written; buckets come in byte order of their names. */
export interface BucketSource {
  readonly name: string;
  /** Gives the same pairs each time it is called. */
  readonly entries: () => Entries;
  /** The same keys, and how many bytes their values have, where that is known without them. */
  readonly sizes?: () => Sizes;
}

/** Pairs read before other work gets its turn. */
const ENTRIES_PER_TURN = 500;
/** What pages are gathered to before they are handed out. */
const CHUNK_BYTES = 64 * 1024;
/** An even one: its meta is page 0, and the next transaction's page 1. */
const TRANSACTION = 2;
const FREELIST_PAGE = 2;
const FIRST_PAGE = 3;

/** A page to be: how many elements it holds, how many pages it takes, its first key. */
interface Planned {
  readonly count: number;
  readonly span: number;
  readonly firstKey: Buffer;
}

interface Level {
  readonly flags: number;
  readonly firstPage: number;
  readonly pages: readonly Planned[];
}

/** A bucket's pages: leaves first, the root last. */
interface Tree {
  readonly levels: readonly Level[];
  readonly root: number;
  readonly nextPage: number;
}

/** Cuts a sequence of elements into pages. */
class Cutter {
  readonly pages: Planned[] = [];
  private count = 0;
  private bytes = PAGE_HEADER_BYTES;
  private firstKey: Buffer = Buffer.alloc(0);

  add(key: Uint8Array, valueBytes: number): void {
    const size = ELEMENT_BYTES + key.length + valueBytes;
    if (this.count > 0 && this.bytes + size > PAGE_BYTES) this.cut();
    if (this.count === 0) this.firstKey = Buffer.from(key);
    this.count++;
    this.bytes += size;
  }

  /** Closes the page under way. */
  cut(): void {
    const { count, firstKey } = this;
    this.pages.push({ count, span: Math.ceil(this.bytes / PAGE_BYTES), firstKey });
    this.count = 0;
    this.bytes = PAGE_HEADER_BYTES;
  }

  /** The pages; an empty sequence has one without elements. */
  finish(): readonly Planned[] {
    if (this.count > 0 || this.pages.length === 0) this.cut();
    return this.pages;
  }
}

function spanOf(pages: readonly Planned[]): number {
  return pages.reduce((sum, page) => sum + page.span, 0);
}

/** Puts branches over leaves until a single page is left. */
function treeOver(leaves: readonly Planned[], firstPage: number): Tree {
  const levels: Level[] = [{ flags: PAGE.leaf, firstPage, pages: leaves }];
  let top = leaves;
  let nextPage = firstPage + spanOf(leaves);
  while (top.length > 1) {
    const cutter = new Cutter();
    for (const { firstKey } of top) cutter.add(firstKey, 0);
    top = cutter.finish();
    levels.push({ flags: PAGE.branch, firstPage: nextPage, pages: top });
    nextPage += spanOf(top);
  }
  return { levels, root: nextPage - spanOf(top), nextPage };
}

function* sizesOf(entries: Entries): Generator<readonly [Uint8Array, number]> {
  for (const [key, value] of entries) yield [key, value.length];
}

async function planTree(sizes: Sizes, firstPage: number): Promise<Tree> {
  const cutter = new Cutter();
  let seen = 0;
  for (const [key, valueBytes] of sizes) {
    cutter.add(key, valueBytes);
    if (++seen % ENTRIES_PER_TURN === 0) await setImmediate();
  }
  return treeOver(cutter.finish(), firstPage);
}

/** Fills a page with elements, in order. */
class PageFiller {
  readonly page: Buffer;
  private element = PAGE_HEADER_BYTES;
  private data: number;

  constructor(id: number, flags: number, planned: Planned) {
    this.page = Buffer.alloc(planned.span * PAGE_BYTES);
    this.data = PAGE_HEADER_BYTES + planned.count * ELEMENT_BYTES;
    const { count, span } = planned;
    writePageHeader(this.page, { id, flags, count, overflow: span - 1 });
  }

  leaf(elementFlags: number, key: Uint8Array, value: Uint8Array): void {
    const { page, element, data } = this;
    page.writeUInt32LE(elementFlags, element);
    page.writeUInt32LE(data - element, element + 4);
    page.writeUInt32LE(key.length, element + 8);
    page.writeUInt32LE(value.length, element + 12);
    page.set(key, data);
    page.set(value, data + key.length);
    this.step(key.length + value.length);
  }

  branch(key: Uint8Array, child: number): void {
    const { page, element, data } = this;
    page.writeUInt32LE(data - element, element);
    page.writeUInt32LE(key.length, element + 4);
    page.writeBigUInt64LE(BigInt(child), element + 8);
    page.set(key, data);
    this.step(key.length);
  }

  private step(dataBytes: number): void {
    this.element += ELEMENT_BYTES;
    this.data += dataBytes;
  }
}

function* leafPages(level: Level, entries: Entries, elementFlags: number): Generator<Buffer> {
  const iterator = entries[Symbol.iterator]();
  let id = level.firstPage;
  for (const planned of level.pages) {
    const filler = new PageFiller(id, level.flags, planned);
    for (let i = 0; i < planned.count; i++) {
      const next = iterator.next();
      if (next.done) throw new RangeError('a bucket was shorter the second time');
      filler.leaf(elementFlags, next.value[0], next.value[1]);
    }
    id += planned.span;
    yield filler.page;
  }
}

function* branchPages(level: Level, below: Level): Generator<Buffer> {
  let id = level.firstPage;
  let child = below.firstPage;
  let at = 0;
  for (const planned of level.pages) {
    const filler = new PageFiller(id, level.flags, planned);
    for (const { firstKey, span } of below.pages.slice(at, at + planned.count)) {
      filler.branch(firstKey, child);
      child += span;
    }
    at += planned.count;
    id += planned.span;
    yield filler.page;
  }
}

function* treePages(tree: Tree, entries: Entries, elementFlags: number): Generator<Buffer> {
  for (const [depth, level] of tree.levels.entries()) {
    const below = tree.levels[depth - 1];
    if (below === undefined) yield* leafPages(level, entries, elementFlags);
    else yield* branchPages(level, below);
  }
}

/** The root's element for a bucket. */
function bucketEntry({ name }: BucketSource, { root }: Tree): [Buffer, Buffer] {
  const value = Buffer.alloc(BUCKET_BYTES);
  value.writeBigUInt64LE(BigInt(root), 0);
  return [Buffer.from(name), value];
}

interface Plan {
  readonly buckets: readonly { readonly source: BucketSource; readonly tree: Tree }[];
  readonly directory: readonly [Buffer, Buffer][];
  readonly root: Tree;
}

function* pagesOf({ buckets, directory, root }: Plan): Generator<Buffer> {
  const { root: rootPage, nextPage } = root;
  const meta = { pageBytes: PAGE_BYTES, root: rootPage, freelist: FREELIST_PAGE };
  yield encodeMeta(0, { ...meta, pageCount: nextPage, transaction: TRANSACTION });
  yield encodeMeta(1, { ...meta, pageCount: nextPage, transaction: TRANSACTION - 1 });
  const freelist = Buffer.alloc(PAGE_BYTES);
  writePageHeader(freelist, { id: FREELIST_PAGE, flags: PAGE.freelist, count: 0, overflow: 0 });
  yield freelist;
  for (const { source, tree } of buckets) yield* treePages(tree, source.entries(), 0);
  yield* treePages(root, directory, BUCKET_FLAG);
}

async function* gathered(pages: Iterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for (const page of pages) {
    waiting.push(page);
    bytes += page.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
    await setImmediate();
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

/** A database of these buckets: how many bytes it has, and the bytes. Other work runs in between. */
export async function writeDatabase(
  sources: readonly BucketSource[],
): Promise<{ totalBytes: number; chunks: AsyncGenerator<Buffer> }> {
  const buckets: { source: BucketSource; tree: Tree }[] = [];
  let nextPage = FIRST_PAGE;
  for (const source of sources) {
    const tree = await planTree(source.sizes?.() ?? sizesOf(source.entries()), nextPage);
    buckets.push({ source, tree });
    nextPage = tree.nextPage;
  }
  const directory = buckets.map(({ source, tree }) => bucketEntry(source, tree));
  const root = await planTree(sizesOf(directory), nextPage);
  const plan = { buckets, directory, root };
  return { totalBytes: root.nextPage * PAGE_BYTES, chunks: gathered(pagesOf(plan)) };
}
