/**
 * The log in memory: the entries after `offset` (what came before lives in the state machine's snapshot).
 *
 * ```
 *  offset      applied      committed     stable      handed      last
 *    |────────────|────────────|────────────|───────────|──────────|
 *    gone <= kept for slow followers        on disk     being      not yet handed
 *                                                       written    to the disk
 * ```
 * `committed` may run ahead of `stable` on a leader (others have the entry first); only stable entries are applied, so
 * that the state machine never holds what this member's own log could lose.
 */
import { invariant } from '@kubets/platform';
import { type Entry, entryBytes, type Index, type LogPoint, type Term } from './types.ts';

export class RaftLog {
  #offset: LogPoint;
  #entries: Entry[];
  #bytes = 0;
  committed: Index;
  applied: Index;
  /** Durable up to here. */
  stable: Index;
  /** Given to the disk up to here. */
  handed: Index;

  /**
   * @param offset the entry before the first one kept
   * @param entries everything durable after it, without gaps
   */
  constructor(offset: LogPoint, entries: readonly Entry[] = []) {
    this.#offset = offset;
    this.#entries = [...entries];
    for (const entry of entries) this.#bytes += entryBytes(entry);
    const last = offset.index + entries.length;
    invariant((entries.at(-1)?.index ?? offset.index) === last, 'the log has a gap', { last });
    this.committed = offset.index;
    this.applied = offset.index;
    this.stable = last;
    this.handed = last;
  }

  get offset(): LogPoint {
    return this.#offset;
  }
  get firstIndex(): Index {
    return this.#offset.index + 1;
  }
  get lastIndex(): Index {
    return this.#offset.index + this.#entries.length;
  }
  /** Bytes of entries kept in memory. */
  get bytes(): number {
    return this.#bytes;
  }
  get last(): LogPoint {
    return { index: this.lastIndex, term: this.#entries.at(-1)?.term ?? this.#offset.term };
  }

  /** The term of an entry, undefined when it is not here (gone or not yet). */
  term(index: Index): Term | undefined {
    if (index === this.#offset.index) return this.#offset.term;
    return this.#entries[index - this.#offset.index - 1]?.term;
  }

  matches(point: LogPoint): boolean {
    return this.term(point.index) === point.term;
  }

  entry(index: Index): Entry | undefined {
    return this.#entries[index - this.#offset.index - 1];
  }

  /** Entries in [from, to), at most `maxBytes` but always at least one. */
  slice(from: Index, to: Index, maxBytes: number): Entry[] {
    const out: Entry[] = [];
    let bytes = 0;
    const end = Math.min(to - 1, this.lastIndex);
    for (let index = from; index <= end; index += 1) {
      const entry = this.entry(index);
      invariant(entry !== undefined, 'entries asked for are gone', {
        from,
        first: this.firstIndex,
      });
      bytes += entryBytes(entry);
      if (out.length > 0 && bytes > maxBytes) break;
      out.push(entry);
    }
    return out;
  }

  /** Whether a candidate's log may lead (paper §5.4.1): its last term is newer, or equal and at least as long. */
  isUpToDate(other: LogPoint): boolean {
    const last = this.last;
    return other.term > last.term || (other.term === last.term && other.index >= last.index);
  }

  /** Appends entries that follow the last one directly (a leader's own). */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(entry.index === this.lastIndex + 1, 'an append leaves a gap', {
        index: entry.index,
        last: this.lastIndex,
      });
      this.#entries.push(entry);
      this.#bytes += entryBytes(entry);
    }
  }

  /**
   * A follower's append: keeps what agrees, replaces from the first disagreement on.
   * @returns the last index the entries cover, or undefined when `prev` does not match
   */
  tryAppend(prev: LogPoint, entries: readonly Entry[]): Index | undefined {
    if (!this.matches(prev)) return undefined;
    const covered = prev.index + entries.length;
    const from = entries.findIndex((entry) => this.term(entry.index) !== entry.term);
    if (from < 0) return covered;
    const fresh = entries.slice(from);
    const first = fresh[0]?.index ?? 0;
    if (first <= this.lastIndex) this.#truncateFrom(first);
    this.append(fresh);
    return covered;
  }

  #truncateFrom(index: Index): void {
    invariant(index > this.committed, 'a committed entry would be replaced', {
      index,
      committed: this.committed,
    });
    const removed = this.#entries.splice(index - this.#offset.index - 1);
    for (const entry of removed) this.#bytes -= entryBytes(entry);
    this.stable = Math.min(this.stable, index - 1);
    this.handed = Math.min(this.handed, index - 1);
  }

  /**
   * Going back from `index`, the first point whose term is at most `term`: logs that disagree within a term cannot agree
   * before it, so a whole term is skipped in one round trip. A term of 0 means "not known here any more".
   */
  lastPointWithin(index: Index, term: Term): LogPoint {
    let at = Math.min(index, this.lastIndex);
    for (; at > this.#offset.index; at -= 1) {
      const own = this.term(at) ?? 0;
      if (own <= term) return { index: at, term: own };
    }
    return { index: at, term: this.term(at) ?? 0 };
  }

  /** @returns whether the commit index moved */
  commitTo(index: Index): boolean {
    if (index <= this.committed) return false;
    invariant(index <= this.lastIndex, 'the commit index is beyond the log: entries were lost', {
      index,
      last: this.lastIndex,
    });
    this.committed = index;
    return true;
  }

  /** Whether there are entries to hand to the disk. */
  get hasUnhanded(): boolean {
    return this.handed < this.lastIndex;
  }

  /** Entries to hand to the disk; they count as handed from now on. */
  takeUnhanded(): Entry[] {
    const out = this.#entries.slice(this.handed - this.#offset.index);
    this.handed = this.lastIndex;
    return out;
  }

  /** The disk has everything up to `point`, unless it was replaced meanwhile (its term tells). */
  stableTo(point: LogPoint): void {
    if (point.index > this.stable && point.index > this.#offset.index && this.matches(point)) {
      this.stable = point.index;
    }
  }

  /** Entries ready to be applied. */
  applicable(maxBytes: number): Entry[] {
    const to = Math.min(this.committed, this.stable);
    return to > this.applied ? this.slice(this.applied + 1, to + 1, maxBytes) : [];
  }

  appliedTo(index: Index): void {
    invariant(index >= this.applied && index <= this.committed, 'applied out of order', {
      index,
      applied: this.applied,
      committed: this.committed,
    });
    this.applied = index;
  }

  /** Whether a configuration change lies in (from, to]. */
  hasConf(from: Index, to: Index): boolean {
    for (let index = from + 1; index <= to; index += 1) {
      if (this.entry(index)?.kind === 'conf') return true;
    }
    return false;
  }

  /** Forgets entries up to and including `index` (applied ones only). */
  compactTo(index: Index): void {
    if (index <= this.#offset.index) return;
    invariant(index <= this.applied, 'entries not applied yet would be forgotten', {
      index,
      applied: this.applied,
    });
    const term = this.term(index);
    invariant(term !== undefined, 'the log is compacted beyond its end', { index });
    const count = index - this.#offset.index;
    for (let at = 0; at < count; at += 1) {
      const entry = this.#entries[at];
      if (entry !== undefined) this.#bytes -= entryBytes(entry);
    }
    this.#entries = this.#entries.slice(count);
    this.#offset = { index, term };
  }

  /** Replaces everything by a snapshot at `point`. */
  restore(point: LogPoint): void {
    this.#offset = point;
    this.#entries = [];
    this.#bytes = 0;
    this.committed = point.index;
    this.applied = point.index;
    this.stable = point.index;
    this.handed = point.index;
  }
}
