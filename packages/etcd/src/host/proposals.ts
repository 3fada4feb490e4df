/**
 * Proposals on their way to the leader's log.
 *
 * ```
 *  propose ──► leader here? ──yes──► core.propose ──► accepted ─────────────────────► resolve
 *                 │ no                    └─ full ──────────────────────────────────► TooManyProposalsError
 *                 ├─ leader elsewhere ──► forward ──► reply
 *                 │                          ├─ leader lost, no answer in time ──────► ProposalDroppedError (unknown)
 *                 │                          └─ not the leader any more ─┐
 *                 └─ nobody leads ──► wait ◄─────────────────────────────┘
 *                                      └─ nobody does within leaderWaitMs ──────────► NoLeaderError
 * ```
 */
import { NONE } from '../raft/types.ts';
import type { NodeContext } from './context.ts';
import { requestNumbers } from './context.ts';
import {
  type ConsensusError,
  ConsensusStoppedError,
  type MemberChangeCode,
  MemberChangeError,
  NoLeaderError,
  ProposalDroppedError,
  TooManyProposalsError,
} from './errors.ts';
import { ticksOf } from './limits.ts';
import type { Forward, ForwardReply } from './ports.ts';

type Kind = 'normal' | 'conf';

interface Call {
  readonly kind: Kind;
  readonly data: Uint8Array;
  readonly deadlineTick: number;
  resolve(): void;
  reject(err: ConsensusError): void;
}

const MEMBER_CHANGE_TEXT: Record<MemberChangeCode, string> = {
  exists: 'a member with this id is already in the cluster',
  notFound: 'no member has this id',
  notLearner: 'the member is not a learner',
  learnerNotReady: 'the learner has not caught up with the leader yet; try again later',
  pending: 'another membership change is under way; try again when it is done',
  lastVoter: 'the change would leave the cluster without a voting member',
};

function isMemberChangeCode(code: string): code is MemberChangeCode {
  return Object.hasOwn(MEMBER_CHANGE_TEXT, code);
}

export class Proposals {
  readonly #ctx: NodeContext;
  readonly #accept: (kind: Kind, data: Uint8Array) => string;
  readonly #nextId: () => number;
  #waiting: Call[] = [];
  readonly #forwarded = new Map<number, Call>();
  /** Counters for metrics. */
  readonly counts = { accepted: 0, failed: 0 };

  /** @param accept puts a proposal into this member's log if it leads: `accepted` or why not */
  constructor(ctx: NodeContext, accept: (kind: Kind, data: Uint8Array) => string) {
    this.#ctx = ctx;
    this.#accept = accept;
    this.#nextId = requestNumbers(ctx.random);
  }

  get pending(): number {
    return this.#waiting.length + this.#forwarded.size;
  }

  propose(kind: Kind, data: Uint8Array): Promise<void> {
    if (this.pending >= this.#ctx.limits.maxWaiting) {
      const why = `${this.pending} proposals wait for the leader already`;
      return Promise.reject(new TooManyProposalsError(why));
    }
    const { limits } = this.#ctx;
    const deadlineTick = this.#ctx.ticks() + ticksOf(limits, limits.leaderWaitMs);
    return new Promise((resolve, reject) => {
      this.#route({ kind, data, deadlineTick, resolve, reject });
    });
  }

  #route(call: Call): void {
    const { core, transport } = this.#ctx;
    if (core.leader === core.id) {
      this.#settle(call, this.#accept(call.kind, call.data));
    } else if (core.leader === NONE) {
      this.#waiting.push(call);
    } else {
      const requestId = this.#nextId();
      this.#forwarded.set(requestId, call);
      const { kind, data } = call;
      transport.send([{ type: 'forward', from: core.id, to: core.leader, requestId, kind, data }]);
    }
  }

  #settle(call: Call, result: string): void {
    if (result === 'accepted') {
      this.counts.accepted += 1;
      this.#ctx.kick();
      call.resolve();
    } else if (result === 'notLeader' || result === 'transferring') {
      // It has had no effect: whoever leads next gets it.
      this.#waiting.push(call);
    } else if (result === 'full') {
      this.#fail(
        call,
        new TooManyProposalsError('the leader holds too much that is not committed'),
      );
    } else if (isMemberChangeCode(result)) {
      this.#fail(call, new MemberChangeError(result, MEMBER_CHANGE_TEXT[result]));
    } else {
      this.#fail(call, new ProposalDroppedError(`the leader refused the proposal: ${result}`));
    }
  }

  #fail(call: Call, err: ConsensusError): void {
    this.counts.failed += 1;
    call.reject(err);
  }

  /** Another member's proposal; this one should be the leader. */
  onForward(forward: Forward): void {
    const { core, transport } = this.#ctx;
    const leads = core.leader === core.id;
    const result = leads ? this.#accept(forward.kind, forward.data) : 'notLeader';
    if (result === 'accepted') this.#ctx.kick();
    const { from, requestId } = forward;
    transport.send([{ type: 'forwardReply', from: core.id, to: from, requestId, result }]);
  }

  onReply(reply: ForwardReply): void {
    const call = this.#forwarded.get(reply.requestId);
    if (call === undefined) return;
    this.#forwarded.delete(reply.requestId);
    this.#settle(call, reply.result);
  }

  /** The leader has changed or its connection broke: what was sent to the former one may or may not have arrived. */
  onLeaderLost(): void {
    const lost = [...this.#forwarded.values()];
    this.#forwarded.clear();
    for (const call of lost) {
      this.#fail(call, new ProposalDroppedError('the leader was lost before it answered', true));
    }
  }

  /** Somebody leads: calls that waited go there. */
  onLeader(): void {
    if (this.#waiting.length === 0 || this.#ctx.core.leader === NONE) return;
    const calls = this.#waiting;
    this.#waiting = [];
    for (const call of calls) this.#route(call);
  }

  /** Gives up on what has waited too long. */
  tick(): void {
    const now = this.#ctx.ticks();
    for (const [id, call] of this.#forwarded) {
      if (call.deadlineTick > now) break;
      this.#forwarded.delete(id);
      this.#fail(call, new ProposalDroppedError('the leader did not answer in time', true));
    }
    if (this.#waiting.length === 0) return;
    const expired = this.#waiting.filter((call) => call.deadlineTick <= now);
    this.#waiting = this.#waiting.filter((call) => call.deadlineTick > now);
    for (const call of expired) {
      this.#fail(call, new NoLeaderError('no leader: a majority of the members is not reachable'));
    }
    this.onLeader();
  }

  stop(): void {
    const stopped = new ConsensusStoppedError('the member is stopping');
    for (const call of this.#waiting) this.#fail(call, stopped);
    this.#waiting = [];
    this.onLeaderLost();
  }
}
