/** What the members have applied: the same entries at the same places, the same changes at the same revisions. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { CommittedEntry } from '../../ports.ts';
import { type Change, HistoryViolation } from './history.ts';

export class Agreed {
  readonly #entries = new Map<bigint, string>();
  /** Changes by revision. */
  readonly revisions = new Map<number, readonly Change[]>();
  /** When each was first applied anywhere. */
  readonly appliedAtMs = new Map<number, number>();

  /** @throws HistoryViolation when another member has applied something else there */
  entry({ index, term, kind, data }: CommittedEntry): void {
    const digest = createHash('sha1').update(`${term}|${kind}|`).update(data).digest('base64');
    const known = this.#entries.get(index);
    if (known !== undefined && known !== digest) {
      throw new HistoryViolation(`two entries were applied at index ${index}`);
    }
    this.#entries.set(index, digest);
  }

  /** @throws HistoryViolation when another member has changed something else there */
  changes(revision: number, changes: readonly Change[], nowMs: number): void {
    const known = this.revisions.get(revision);
    if (known === undefined) {
      this.revisions.set(revision, changes);
      this.appliedAtMs.set(revision, nowMs);
    } else if (!isDeepStrictEqual(known, changes)) {
      throw new HistoryViolation(
        `members differ at revision ${revision}: ${JSON.stringify([known, changes])}`,
      );
    }
  }
}
