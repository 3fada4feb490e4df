/**
 * What must hold whatever happens. Each check throws {@link Violation}.
 *
 * - election safety: one leader a term;
 * - state-machine safety: every member applies the same entry at the same index (compared by chained hash);
 * - leader completeness: a new leader has every entry committed in earlier terms;
 * - log matching: where two logs agree on index and term, they agree on everything before;
 * - linearizability: the log gives writes their order, so it is enough that this order respects real time, and that each
 *   read returns a version no older than any write acknowledged, or read completed, before it began;
 * - at most once: no write is applied at two places, however often it had to be sent;
 * - acknowledged is durable: every acknowledged write is at its index in the final sequence.
 */
import type { RaftCore } from '../../raft/core.ts';
import type { PeerId } from '../../raft/types.ts';
import type { AppliedFact, Version } from './state-machine.ts';

export class Violation extends Error {
  override readonly name = 'Violation';
}

interface Committed {
  readonly hash: string;
  readonly term: number;
  /** The term of the member that applied it first: at least the one it was committed in. */
  readonly byTerm: number;
  readonly value: number | undefined;
}

interface Point {
  readonly atMs: number;
  readonly index: number;
}

export class Checker {
  readonly #leaders = new Map<number, PeerId>();
  readonly #committed = new Map<number, Committed>();
  /** For each key: the newest version known to be visible since a time, ascending in both. */
  readonly #visible = new Map<string, Point[]>();
  /** Where each value was applied. */
  readonly #places = new Map<number, number>();
  readonly #acknowledged: { readonly index: number; readonly value: number }[] = [];
  readonly counts = { leaders: 0, writes: 0, reads: 0, applied: 0, snapshots: 0 };
  #highest = 0;

  get highestCommitted(): number {
    return this.#highest;
  }

  onLeader(core: RaftCore): void {
    const known = this.#leaders.get(core.term);
    if (known === core.id) return;
    if (known !== undefined) {
      throw new Violation(`two leaders in term ${core.term}: ${known} and ${core.id}`);
    }
    this.#leaders.set(core.term, core.id);
    this.counts.leaders += 1;
    for (const [index, entry] of this.#committed) {
      if (entry.byTerm >= core.term || index < core.log.offset.index) continue;
      if (core.log.term(index) !== entry.term) {
        throw new Violation(
          `leader ${core.id} of term ${core.term} lacks committed entry ${index}`,
        );
      }
    }
  }

  onApplied(member: PeerId, byTerm: number, fact: AppliedFact): void {
    const known = this.#committed.get(fact.index);
    if (known !== undefined && known.hash !== fact.hash) {
      throw new Violation(`member ${member} applied something else at ${fact.index}`);
    }
    this.counts.applied += 1;
    if (known !== undefined) return;
    const { hash, term, write } = fact;
    if (write !== undefined) {
      const other = this.#places.get(write.value);
      if (other !== undefined) {
        throw new Violation(`write ${write.value} applied at ${other} and again at ${fact.index}`);
      }
      this.#places.set(write.value, fact.index);
    }
    this.#committed.set(fact.index, { hash, term, byTerm, value: write?.value });
    this.#highest = Math.max(this.#highest, fact.index);
  }

  /** The newest version of a key that must be visible to whatever begins at `atMs`. */
  #floor(key: string, atMs: number): number {
    return this.#visible.get(key)?.findLast((point) => point.atMs < atMs)?.index ?? 0;
  }

  #raise(key: string, atMs: number, index: number): void {
    const points = this.#visible.get(key) ?? [];
    const newest = points.at(-1)?.index ?? 0;
    if (index > newest) points.push({ atMs, index });
    this.#visible.set(key, points);
  }

  onWriteAcknowledged(key: string, begunMs: number, endedMs: number, version: Version): void {
    this.counts.writes += 1;
    const floor = this.#floor(key, begunMs);
    if (version.index <= floor) {
      throw new Violation(`write of ${key} at ${version.index} went before ${floor}`);
    }
    this.#acknowledged.push({ index: version.index, value: version.value });
    this.#raise(key, endedMs, version.index);
  }

  onRead(key: string, begunMs: number, endedMs: number, version: Version | undefined): void {
    this.counts.reads += 1;
    const index = version?.index ?? 0;
    const floor = this.#floor(key, begunMs);
    if (index < floor) throw new Violation(`stale read of ${key}: ${index}, not ${floor}`);
    this.#raise(key, endedMs, index);
  }

  /** Every acknowledged write is where it was said to be. */
  checkAcknowledged(): void {
    for (const { index, value } of this.#acknowledged) {
      const entry = this.#committed.get(index);
      // A member that took this index over in a snapshot tells nothing of its value; then another one must have.
      if (entry === undefined || (entry.value !== undefined && entry.value !== value)) {
        throw new Violation(`acknowledged write ${value} at ${index} is gone`);
      }
    }
  }

  checkLogs(cores: readonly RaftCore[]): void {
    for (const a of cores) for (const b of cores) if (a.id < b.id) matchLogs(a, b);
  }
}

function matchLogs(a: RaftCore, b: RaftCore): void {
  const from = Math.max(a.log.firstIndex, b.log.firstIndex);
  let agreed = false;
  for (let index = Math.min(a.log.lastIndex, b.log.lastIndex); index >= from; index -= 1) {
    const left = a.log.entry(index);
    const right = b.log.entry(index);
    if (left === undefined || right === undefined) continue;
    if (left.term !== right.term) {
      if (agreed)
        throw new Violation(`logs of ${a.id} and ${b.id} part before an agreement at ${index}`);
      continue;
    }
    agreed = true;
    if (Buffer.compare(left.data, right.data) !== 0) {
      throw new Violation(`logs of ${a.id} and ${b.id} differ at ${index} within a term`);
    }
  }
}
