/** Every change since the last compaction, in order: what watchers catch up from. */

import type { Change, Revision } from './types.ts';

export class History {
  private changes: Change[] = [];

  append(change: Change): void {
    this.changes.push(change);
  }

  get length(): number {
    return this.changes.length;
  }

  at(position: number): Change | undefined {
    return this.changes[position];
  }

  /** Position of the first change at or after a revision; `length` when there is none. */
  positionOf(revision: Revision): number {
    let low = 0;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.changes[middle]?.version.modRevision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Forgets everything before a revision. What was before the changes of that revision itself is forgotten too.
   * @returns the changes up to and including that revision
   */
  compact(revision: Revision): Change[] {
    const through = this.changes.splice(0, this.positionOf(revision + 1));
    const kept = through.filter((c) => c.version.modRevision === revision);
    this.changes.unshift(...kept.map(({ version }) => ({ version, previous: undefined })));
    return through;
  }
}
