/**
 * Versions that newer ones of their key have replaced, as rows of numbers outside the engine's heap: some 30 bytes each where
 * an object with its place in two lists takes over a hundred, and nothing for the garbage collector to walk through. A version
 * is made of a row when somebody asks for it.
 *
 * Rows are added as versions are superseded, and dropped when compaction has passed what superseded them, which is the same
 * order. So chunks of rows fill and empty one after the other, and an empty one is given back. A chunk's rows are never written
 * again, apart from the link to the version before: who has the chunk can read it, whatever has been dropped since.
 */

import { Column } from './column.ts';
import { type Holder, Place, StoredVersion } from './stored-version.ts';
import type { KeyName, Revision } from './types.ts';

/** Names a row as long as it is not dropped. */
export type Row = number;

export const NO_ROW: Row = -1;
const CHUNK_ROWS = 4096;
const NO_LEASE = 0n;

export class Chunk {
  readonly mod = new Column(CHUNK_ROWS);
  readonly sub = new Column(CHUNK_ROWS);
  readonly create = new Column(CHUNK_ROWS);
  readonly version = new Column(CHUNK_ROWS);
  readonly valueBytes = new Column(CHUNK_ROWS);
  /** Where in its holder the value begins. */
  readonly at = new Column(CHUNK_ROWS);
  /** One more than the row of the version before; 0: there is none. */
  readonly before = new Column(CHUNK_ROWS);
  /** Which of the holders the value is in: one that many follow each other in is there once. */
  private readonly holder = new Column(CHUNK_ROWS);
  private readonly holders: Holder[] = [];
  /** Made for the first version with a lease. */
  private leases: BigInt64Array | undefined;
  private used = 0;
  live = 0;

  get full(): boolean {
    return this.used === CHUNK_ROWS;
  }

  add(version: StoredVersion, before: Row): number {
    const i = this.used++;
    const { holder, at, length } = version.place;
    if (this.holders.at(-1) !== holder) this.holders.push(holder);
    this.holder.set(i, this.holders.length - 1);
    this.mod.set(i, version.modRevision);
    this.sub.set(i, version.sub);
    this.create.set(i, version.createRevision);
    this.version.set(i, version.version);
    this.valueBytes.set(i, length);
    this.at.set(i, at);
    this.before.set(i, before + 1);
    if (version.lease !== NO_LEASE) {
      this.leases ??= new BigInt64Array(CHUNK_ROWS);
      this.leases[i] = version.lease;
    }
    this.live++;
    return i;
  }

  versionOf(i: number, name: KeyName): StoredVersion {
    const fields = {
      name,
      createRevision: this.create.get(i),
      modRevision: this.mod.get(i),
      sub: this.sub.get(i),
      version: this.version.get(i),
      lease: this.leases?.[i] ?? NO_LEASE,
    };
    const holder = this.holders[this.holder.get(i)] ?? '';
    const place = new Place(holder, this.at.get(i), this.valueBytes.get(i));
    return new StoredVersion(fields, place);
  }
}

export class Superseded {
  private readonly chunks: (Chunk | undefined)[] = [];
  private readonly free: number[] = [];
  private filling = -1;

  /** @param before the row of the version that this one has superseded itself */
  add(version: StoredVersion, before: Row): Row {
    let chunk = this.chunks[this.filling];
    if (chunk === undefined || chunk.full) {
      const full = this.filling;
      chunk = new Chunk();
      this.filling = this.free.pop() ?? this.chunks.length;
      this.chunks[this.filling] = chunk;
      this.release(full);
    }
    return this.filling * CHUNK_ROWS + chunk.add(version, before);
  }

  /** Gives up a row. */
  drop(row: Row): void {
    const number = Math.floor(row / CHUNK_ROWS);
    this.chunkOf(row).live--;
    this.release(number);
  }

  private release(number: number): void {
    if (number === this.filling || this.chunks[number]?.live !== 0) return;
    this.chunks[number] = undefined;
    this.free.push(number);
  }

  /** Holds a row's numbers, whatever becomes of the row. */
  chunkOf(row: Row): Chunk {
    return this.chunks[Math.floor(row / CHUNK_ROWS)] as Chunk;
  }

  modOf(row: Row): Revision {
    return this.chunkOf(row).mod.get(row % CHUNK_ROWS);
  }

  subOf(row: Row): number {
    return this.chunkOf(row).sub.get(row % CHUNK_ROWS);
  }

  isTombstone(row: Row): boolean {
    return this.chunkOf(row).version.get(row % CHUNK_ROWS) === 0;
  }

  /** The row of the version before. */
  before(row: Row): Row {
    return this.chunkOf(row).before.get(row % CHUNK_ROWS) - 1;
  }

  /** There is no version before this one any more. */
  cut(row: Row): void {
    this.chunkOf(row).before.set(row % CHUNK_ROWS, 0);
  }

  versionOf(row: Row, name: KeyName): StoredVersion {
    return this.chunkOf(row).versionOf(row % CHUNK_ROWS, name);
  }
}

export const placeInChunk = (row: Row): number => row % CHUNK_ROWS;
