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
import type { Consensus, MemberId } from '../ports.ts';
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

export class Proposer {
  private readonly options: ProposerOptions;
  private readonly waiting = new Map<bigint, Waiting>();
  private readonly sweep: Timer;
  private queue: Queued[] = [];
  private scheduled = false;
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
      this.waiting.set(id, {
        deadlineMs: clock.monotonicMs() + timeoutMs,
        settle: (result) => {
          if (result instanceof EtcdError) return reject(result);
          const { outcome, revision, term } = result;
          if (outcome instanceof EtcdError) return reject(outcome);
          invariant(outcome.type === type, 'a proposal has the result of its kind');
          return resolve({
            revision,
            term,
            outcome: outcome as Extract<Outcome, { type: T }>,
          });
        },
      });
      this.queue.push({ id, body, bytes });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Hands what has gathered to consensus, cut into entries of bounded size. */
  private flush(): void {
    this.scheduled = false;
    const queue = this.queue;
    this.queue = [];
    let batch: Queued[] = [];
    let bytes = 0;
    for (const one of queue) {
      if (batch.length > 0 && bytes + one.bytes > LIMITS.entryBytes) {
        this.send(batch);
        batch = [];
        bytes = 0;
      }
      batch.push(one);
      bytes += one.bytes;
    }
    if (batch.length > 0) this.send(batch);
  }

  private send(batch: readonly Queued[]): void {
    const { consensus, memberId: member } = this.options;
    const proposals = batch.map(({ id, body }) => ({ ...body, id, member }));
    consensus()
      .propose(BATCH.encode({ proposals }))
      .catch((error: unknown) => {
        // What may have been accepted may yet be applied: its callers go on waiting.
        if (error instanceof ConsensusError && error.outcomeUnknown) return;
        const known = fromConsensus(error);
        for (const { id } of batch) this.settle(id, known);
      });
  }

  /** A proposal of this member was applied. */
  applied(proposal: Proposal, applied: Applied): void {
    if (proposal.member === this.options.memberId) this.settle(proposal.id, applied);
  }

  private settle(id: bigint, result: Applied | EtcdError): void {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    this.waiting.delete(id);
    waiting.settle(result);
  }

  private expire(): void {
    const nowMs = this.options.clock.monotonicMs();
    // Oldest first, and all with the same patience: the first that has time left ends the search.
    for (const [id, { deadlineMs }] of this.waiting) {
      if (deadlineMs > nowMs) return;
      this.settle(id, etcdError('timeout'));
    }
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
