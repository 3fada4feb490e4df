/**
 * Writes on their way through the log. Those made in one turn of the event loop share one log entry; each waits, by its
 * number, until its own member has applied it.
 */

import { type Clock, invariant, type Random, type Timer } from '@kubets/platform';
import { type Loose, messageType, type Proposal, type ProposalBatch } from '../codec/index.ts';
import { EtcdError, etcdError } from '../errors.ts';
import {
  ConsensusError,
  ConsensusStoppedError,
  NoLeaderError,
  TooManyProposalsError,
} from '../host/errors.ts';
import { LIMITS } from '../limits.ts';
import type { Revision } from '../mvcc/index.ts';
import type { Consensus, MemberId, Term } from '../ports.ts';
import type { Outcome } from '../state/kv-state.ts';
import type { Applied } from '../state/state-machine.ts';

const BATCH = messageType<ProposalBatch>('kubets.etcd.v1.ProposalBatch');

/** The body of a proposal: one of its fields, as an object or already encoded. */
export type ProposalBody = Omit<Exclude<Loose<Proposal>, Uint8Array>, 'id' | 'member'>;

/** A write that was applied. */
export interface Written<T extends Outcome> {
  readonly revision: Revision;
  readonly term: bigint;
  readonly outcome: T;
}

export interface ProposerOptions {
  readonly consensus: () => Consensus;
  readonly memberId: MemberId;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a write may wait to be applied. */
  readonly timeoutMs: number;
  /** True when the disk is too far behind to take more. */
  readonly overloaded: () => boolean;
}

interface Waiting {
  readonly deadlineMs: number;
  readonly settle: (result: Applied | EtcdError) => void;
}

interface Queued {
  readonly id: bigint;
  readonly body: ProposalBody;
  readonly bytes: number;
}

/** Writes handed to consensus together, whose fate is not known yet. */
interface Batch {
  readonly term: Term;
  readonly members: readonly Queued[];
}

/**
 * Every batch is bound to the term it was proposed in: the state machine skips it in an entry of any other term. Once an entry
 * of a later term is applied, a batch that was not applied never will be, and is proposed again. So a write survives the
 * loss of the leader it was sent to, and still happens once.
 */
export class Proposer {
  private readonly options: ProposerOptions;
  private readonly waiting = new Map<bigint, Waiting>();
  private readonly underWay = new Set<Batch>();
  private readonly sweep: Timer;
  private queue: Queued[] = [];
  private scheduled = false;
  private leaderlessSinceMs: number | undefined;
  private nextId: bigint;

  constructor(options: ProposerOptions) {
    this.options = options;
    const { clock, random } = options;
    // Numbers of an earlier life of this member may still be in the log: start somewhere else each time.
    this.nextId = BigInt(random.int(0x7fffffff)) << 32n;
    this.sweep = clock.setInterval(() => this.expire(), LIMITS.waiterSweepMs);
  }

  /** Writes under way. */
  get pending(): number {
    return this.waiting.size;
  }

  /**
   * Writes; resolves once this member has applied it.
   * @param bytes its size, roughly: bounds the log entry it shares with others
   * @throws EtcdError what applying it was refused with, or why it did not come to that
   */
  propose<T extends Outcome['type']>(
    type: T,
    body: ProposalBody,
    bytes = 0,
  ): Promise<Written<Extract<Outcome, { type: T }>>> {
    const tooMany = this.waiting.size >= LIMITS.writesWaiting || this.options.overloaded();
    if (tooMany) return Promise.reject(etcdError('tooManyRequests'));
    const id = this.nextId++;
    const { clock, timeoutMs } = this.options;
    return new Promise((resolve, reject) => {
      const settle = (result: Applied | EtcdError): void => {
        const outcome = result instanceof EtcdError ? result : result.outcome;
        if (result instanceof EtcdError || outcome instanceof EtcdError) {
          reject(outcome);
          return;
        }
        invariant(outcome.type === type, 'a proposal has the result of its kind');
        const { revision, term } = result;
        resolve({ revision, term, outcome: outcome as Extract<Outcome, { type: T }> });
      };
      this.waiting.set(id, { deadlineMs: clock.monotonicMs() + timeoutMs, settle });
      this.enqueue([{ id, body, bytes }]);
    });
  }

  private enqueue(members: readonly Queued[]): void {
    this.queue.push(...members);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Hands what has gathered to consensus, cut into entries of bounded size. Without a leader it stays where it is. */
  private flush(): void {
    this.scheduled = false;
    if (this.queue.length === 0 || this.options.consensus().status().leader === 0n) return;
    const queue = this.queue;
    this.queue = [];
    let members: Queued[] = [];
    let bytes = 0;
    for (const one of queue) {
      if (members.length > 0 && bytes + one.bytes > LIMITS.entryBytes) {
        this.send(members);
        members = [];
        bytes = 0;
      }
      members.push(one);
      bytes += one.bytes;
    }
    this.send(members);
  }

  private send(members: readonly Queued[]): void {
    const { consensus, memberId: member } = this.options;
    const { term } = consensus().status();
    const proposals = members.map(({ id, body }) => ({ ...body, id, member }));
    const batch: Batch = { term, members };
    this.underWay.add(batch);
    consensus()
      .propose(BATCH.encodeToKeep({ proposals, term }))
      .catch((error: unknown) => this.notAccepted(batch, error));
  }

  private notAccepted(batch: Batch, error: unknown): void {
    // What may have been accepted may yet be applied; a later term will tell.
    if (error instanceof ConsensusError && error.outcomeUnknown) return;
    // Of a batch that is no longer under way, the writes have gone on: proposed again in a later term, or reported.
    if (!this.underWay.delete(batch)) return;
    if (error instanceof NoLeaderError) {
      this.queue.push(...batch.members);
      return;
    }
    const known = fromConsensus(error);
    for (const { id } of batch.members) this.settle(id, known);
  }

  /** A proposal of this member was applied. */
  applied(proposal: Proposal, applied: Applied): void {
    if (proposal.member === this.options.memberId) this.settle(proposal.id, applied);
  }

  /** An entry of this term was applied: whatever was proposed in earlier ones and is still waiting is proposed again. */
  onTerm(term: Term): void {
    for (const batch of this.underWay) {
      if (batch.term >= term) continue;
      this.underWay.delete(batch);
      this.enqueue(batch.members.filter(({ id }) => this.waiting.has(id)));
    }
  }

  /**
   * The state was replaced by a snapshot: which of the batches under way it holds cannot be known, so none may be proposed
   * again. Their callers are told when their time is over.
   */
  onReplaced(): void {
    this.underWay.clear();
  }

  private settle(id: bigint, result: Applied | EtcdError): void {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    this.waiting.delete(id);
    waiting.settle(result);
  }

  private expire(): void {
    const nowMs = this.options.clock.monotonicMs();
    // What never left the queue has had no effect: a client may try another member.
    const queued = new Set(this.queue.map(({ id }) => id));
    const queuedEndMs = nowMs + this.impatienceMs(nowMs);
    // Oldest first, and all with the same patience: the first that has time left ends the search.
    for (const [id, { deadlineMs }] of this.waiting) {
      if (deadlineMs > queuedEndMs) break;
      if (queued.has(id)) this.settle(id, etcdError('noLeader'));
      else if (deadlineMs <= nowMs) this.settle(id, etcdError('timeout'));
    }
    this.queue = this.queue.filter(({ id }) => this.waiting.has(id));
    for (const batch of this.underWay) {
      if (!batch.members.some(({ id }) => this.waiting.has(id))) this.underWay.delete(batch);
    }
    this.flush();
  }

  /**
   * How much earlier than usual a write is told that nobody leads. An election is waited for; where there has been no leader for
   * longer than any takes, a majority is away, and whoever asks is to hear so while there is time for something else.
   */
  private impatienceMs(nowMs: number): number {
    if (this.options.consensus().status().leader !== 0n) {
      this.leaderlessSinceMs = undefined;
      return 0;
    }
    this.leaderlessSinceMs ??= nowMs;
    const { timeoutMs } = this.options;
    const isOver = nowMs - this.leaderlessSinceMs >= timeoutMs;
    return isOver ? Math.max(0, timeoutMs - LIMITS.leaderlessWriteMs) : 0;
  }

  /** There is a leader, or another one. */
  onLeadership(): void {
    this.flush();
  }

  /** Fails everything that waits. */
  close(): void {
    this.sweep.cancel();
    for (const id of [...this.waiting.keys()]) this.settle(id, etcdError('stopped'));
  }
}

/** What a client is told when consensus could not help. */
export function fromConsensus(error: unknown): EtcdError {
  if (error instanceof EtcdError) return error;
  if (error instanceof NoLeaderError) return etcdError('noLeader');
  if (error instanceof TooManyProposalsError) return etcdError('tooManyRequests');
  if (error instanceof ConsensusStoppedError) return etcdError('stopped');
  if (error instanceof ConsensusError)
    return etcdError(error.outcomeUnknown ? 'timeout' : 'noLeader');
  throw error;
}
