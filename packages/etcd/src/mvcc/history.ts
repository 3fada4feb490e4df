/** Every change since the last compaction, in order: what watchers catch up from. */

import type { Revision, Version } from './types.ts';

export class History {
  private versions: Version[];

  /** @param versions in order; they are the history's own from now on */
  constructor(versions: Version[] = []) {
    this.versions = versions;
  }

  append(version: Version): void {
    this.versions.push(version);
  }

  get length(): number {
    return this.versions.length;
  }

  at(position: number): Version | undefined {
    return this.versions[position];
  }

  /** Position of the first change at or after a revision; `length` when there is none. */
  positionOf(revision: Revision): number {
    let low = 0;
    let high = this.versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.versions[middle]?.modRevision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Forgets everything before a revision.
   * @returns the changes up to and including that revision
   */
  compact(revision: Revision): Version[] {
    const kept = this.positionOf(revision);
    const through = this.versions.slice(0, this.positionOf(revision + 1));
    this.versions = this.versions.slice(kept);
    return through;
  }
}
