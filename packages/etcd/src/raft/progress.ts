/**
 * What the leader knows of one follower. Three ways of feeding it:
 * - `probe`: its log is unknown; one message at a time until an answer says where the logs meet;
 * - `replicate`: the logs meet; messages are pipelined, `next` runs ahead of `match`;
 * - `snapshot`: the entries it lacks are gone; nothing is sent until the snapshot has been delivered or has failed.
 */
import { Inflights } from './inflights.ts';
import type { RaftLimits } from './limits.ts';
import type { Index } from './types.ts';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export class Progress {
  state: ProgressState = 'probe';
  /** Known to be durable there. Never goes back. */
  match: Index = 0;
  /** The next entry to send. */
  next: Index;
  /** In `probe`: a message is under way, wait for its answer or the next heartbeat's. */
  probeSent = false;
  /** In `snapshot`: the index it will have, 0 until the host has opened the snapshot. */
  pendingSnapshot: Index = 0;
  /** Heard from since the last check of the quorum. */
  recentlyActive = false;
  /** The commit index last sent. */
  sentCommit: Index = 0;
  /** The newest read sequence it confirmed. */
  readSeq = 0;
  /** An append must go even without entries, to find out whether earlier ones arrived. */
  forceAppend = false;
  readonly inflights: Inflights;

  constructor(next: Index, limits: RaftLimits) {
    this.next = next;
    this.inflights = new Inflights(limits.maxInflightMessages, limits.maxInflightBytes);
  }

  becomeProbe(): void {
    // After a snapshot the follower is known to be at least there.
    const from = this.state === 'snapshot' ? this.pendingSnapshot : 0;
    this.#enter('probe');
    this.next = Math.max(this.match, from) + 1;
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(): void {
    this.#enter('snapshot');
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.probeSent = false;
    this.pendingSnapshot = 0;
    this.sentCommit = 0;
    this.forceAppend = false;
    this.inflights.reset();
  }

  /** No append may be sent now. */
  paused(): boolean {
    if (this.state === 'replicate') return this.inflights.full();
    return this.state === 'snapshot' || this.probeSent;
  }

  /** An acknowledgement up to `index`. @returns whether it told something new */
  acknowledge(index: Index): boolean {
    const news = index > this.match;
    if (news) {
      this.match = index;
      this.probeSent = false;
    }
    this.next = Math.max(this.next, index + 1);
    return news;
  }

  /**
   * A rejection of an append whose `prev` was `rejected`; `hint` is where the logs may meet.
   * @returns false when it is stale: a newer answer has already told more
   */
  decrease(rejected: Index, hint: Index): boolean {
    if (this.state === 'replicate') {
      // Reordered: everything up to match is known to be there.
      if (rejected <= this.match) return false;
      this.becomeProbe();
      this.next = this.match + 1;
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    // A follower that refuses what it once acknowledged has lost its disk: asking again at once would never end.
    if (this.next <= rejected) this.probeSent = false;
    return true;
  }
}
