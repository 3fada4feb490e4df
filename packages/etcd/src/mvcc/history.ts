/**
 * Every change since the last compaction, in order: what watchers catch up from. A change is its key and, once it is superseded,
 * its row; what it is lies there or with the key.
 */

import type { KeyEntry } from './key-entry.ts';
import type { StoredVersion } from './stored-version.ts';
import { NO_ROW, type Row, type Superseded } from './superseded.ts';
import type { KeyName, Revision } from './types.ts';

const CHUNK_CHANGES = 4096;

class Chunk {
  readonly entries: KeyEntry[] = [];
  /** One more than the row; 0: the change is its key's newest. */
  readonly rows = new Uint32Array(CHUNK_CHANGES);
}

export interface HistoryChange {
  readonly version: StoredVersion;
  readonly before: StoredVersion | undefined;
}

export class History {
  private readonly superseded: Superseded;
  private chunks: Chunk[] = [];
  /** Positions: changes are counted from the first there ever was, so that they keep theirs. */
  private first = 0;
  private end = 0;

  constructor(superseded: Superseded) {
    this.superseded = superseded;
  }

  /** @returns the position of the change that has just become its key's newest */
  append(entry: KeyEntry): number {
    const position = this.end++;
    let chunk = this.chunks.at(-1);
    if (chunk === undefined || chunk.entries.length === CHUNK_CHANGES) {
      chunk = new Chunk();
      this.chunks.push(chunk);
    }
    chunk.entries.push(entry);
    return position;
  }

  /** The change at a position is superseded: from now on it is a row. */
  moved(position: number, row: Row): void {
    if (position < this.first) return;
    const chunk = this.chunkOf(position);
    if (chunk) chunk.rows[position % CHUNK_CHANGES] = row + 1;
  }

  private chunkOf(position: number): Chunk | undefined {
    // Only whole chunks are given up, so they begin at multiples of their size.
    const gone = Math.floor(this.first / CHUNK_CHANGES);
    return this.chunks[Math.floor(position / CHUNK_CHANGES) - gone];
  }

  private entryAt(position: number): KeyEntry | undefined {
    return this.chunkOf(position)?.entries[position % CHUNK_CHANGES];
  }

  private rowAt(position: number): Row {
    return (this.chunkOf(position)?.rows[position % CHUNK_CHANGES] ?? 0) - 1;
  }

  private modAt(position: number): Revision {
    const row = this.rowAt(position);
    if (row !== NO_ROW) return this.superseded.modOf(row);
    return this.entryAt(position)?.newest.modRevision ?? 0;
  }

  private subAt(position: number): number {
    const row = this.rowAt(position);
    if (row !== NO_ROW) return this.superseded.subOf(row);
    return this.entryAt(position)?.newest.sub ?? 0;
  }

  /** The change at a position and what its key was before, as far as that is kept; undefined beyond the last one. */
  at(position: number): HistoryChange | undefined {
    const entry = position < this.end ? this.entryAt(position) : undefined;
    if (entry === undefined) return undefined;
    const { superseded } = this;
    const row = this.rowAt(position);
    const [version, before] =
      row === NO_ROW
        ? [entry.newest, entry.row]
        : [superseded.versionOf(row, entry.name), superseded.before(row)];
    if (before === NO_ROW) return { version, before: undefined };
    return { version, before: superseded.versionOf(before, entry.name) };
  }

  /** Position of the first change at or after a revision; one beyond the last when there is none. */
  positionOf(revision: Revision): number {
    let low = this.first;
    let high = this.end;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.modAt(middle) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Forgets everything before a revision.
   * @returns the names of the keys changed up to and including that revision
   */
  compact(revision: Revision): Set<KeyName> {
    const kept = this.positionOf(revision);
    const through = this.positionOf(revision + 1);
    const names = new Set<KeyName>();
    for (let at = this.first; at < through; at++) names.add(this.entryAt(at)?.name ?? '');
    const gone = Math.floor(kept / CHUNK_CHANGES) - Math.floor(this.first / CHUNK_CHANGES);
    this.chunks.splice(0, gone);
    this.first = kept;
    return names;
  }

  /** The same changes in their order, however they were appended. */
  sorted(): History {
    const positions: number[] = [];
    for (let at = this.first; at < this.end; at++) positions.push(at);
    positions.sort((a, b) => this.modAt(a) - this.modAt(b) || this.subAt(a) - this.subAt(b));
    const out = new History(this.superseded);
    for (const position of positions) {
      const entry = this.entryAt(position) as KeyEntry;
      const row = this.rowAt(position);
      const at = out.append(entry);
      if (row === NO_ROW) entry.position = at;
      else out.moved(at, row);
    }
    return out;
  }
}
