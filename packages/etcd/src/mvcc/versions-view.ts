/** All versions of a store as they are now, without making them before somebody asks. */

import type { KeyEntry } from './key-entry.ts';
import type { StoredVersion } from './stored-version.ts';
import { type Chunk, NO_ROW, placeInChunk, type Superseded } from './superseded.ts';

/** Versions in key order, each key's oldest first. The store may move on while they are gone through, more than once. */
export class VersionsView implements Iterable<StoredVersion> {
  /** What was each key's newest. */
  private readonly newest: StoredVersion[] = [];
  /** Chunks, and places in them, of the versions before; each key's newest first, closed by an undefined chunk. */
  private readonly chunks: (Chunk | undefined)[] = [];
  private readonly places: number[] = [];
  private superseded = 0;

  constructor(entries: Iterable<KeyEntry>, superseded: Superseded) {
    for (const { newest, row: last } of entries) {
      this.newest.push(newest);
      for (let row = last; row !== NO_ROW; row = superseded.before(row)) {
        this.chunks.push(superseded.chunkOf(row));
        this.places.push(placeInChunk(row));
        this.superseded++;
      }
      this.chunks.push(undefined);
      this.places.push(0);
    }
  }

  get length(): number {
    return this.newest.length + this.superseded;
  }

  *[Symbol.iterator](): Generator<StoredVersion> {
    let from = 0;
    for (const newest of this.newest) {
      let end = from;
      while (this.chunks[end] !== undefined) end++;
      for (let i = end - 1; i >= from; i--) {
        yield (this.chunks[i] as Chunk).versionOf(this.places[i] ?? 0, newest.name);
      }
      yield newest;
      from = end + 1;
    }
  }
}
