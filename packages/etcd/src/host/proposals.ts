/**
 * Proposals on their way to the leader's log, until they are applied here.
 *
 * ```
 *  propose ──► leader here? ──yes──► core.propose ──► accepted ──► resolve ──► applied: forgotten
 *                 │ no                  └─ full ──► TooManyProposalsError         └─ lost: goes again
 *                 ├─ leader elsewhere ──► forward ──► reply, same as above
 *                 └─ nobody leads ──► wait ──► nobody does within leaderWaitMs ──► NoLeaderError
 * ```
 *
 * **Never twice.** A leader takes a forwarded proposal only in the term the sender named, and remembers its answers
 * within the term, so that a repeated message is not taken again. Once an entry of a later term has been applied here and
 * the proposal has not, it never will be: entries of the older term come before it or not at all. Only then is it
 * proposed again. For this to work the bytes of every proposal must be unique (carry an id).
 */
import { crc32 } from 'node:zlib';
import { type Entry, type Index, NONE } from '../raft/types.ts';
import { type NodeContext, requestNumbers } from './context.ts';
import {
  type ConsensusError,
  ConsensusStoppedError,
  MemberChangeError,
  NoLeaderError,
  ProposalDroppedError,
  TooManyProposalsError,
} from './errors.ts';
import { ForwardMemory } from './forward-memory.ts';
import { ticksOf } from './limits.ts';
import { isMemberChangeCode, memberChangeText } from './member-rules.ts';
import type { Forward, ForwardReply } from './ports.ts';

type Kind = 'normal' | 'conf';

interface Call {
  readonly kind: Kind;
  readonly data: Uint8Array;
  readonly digest: number;
  /** Until then a leader must have taken it. */
  readonly acceptTick: number;
  /** Until then it is followed up. */
  readonly forgetTick: number;
  /** The term it was last given to a leader in. */
  term: number;
  resendTick: number;
  settled: boolean;
  resolve(): void;
  reject(err: ConsensusError): void;
}

/** A forward that is not answered is sent again after this many ticks. */
const RESEND_TICKS = 5;

export class Proposals {
  readonly #ctx: NodeContext;
  readonly #accept: (kind: Kind, data: Uint8Array) => string;
  readonly #nextId: () => number;
  readonly #memory = new ForwardMemory();
  /** No leader to give them to. */
  #waiting: Call[] = [];
  /** Given to a leader, not applied yet. */
  readonly #given = new Map<number, Call>();
  readonly #byDigest = new Map<number, readonly number[]>();
  #appliedTerm = 0;
  /** Leader: the newest entry another member has proposed, and waits to apply. */
  forwardedIndex: Index = 0;
  /** Counters for metrics. */
  readonly counts = { accepted: 0, failed: 0, retried: 0 };

  /** @param accept puts a proposal into this member's log if it leads: `accepted` or why not */
  constructor(ctx: NodeContext, accept: (kind: Kind, data: Uint8Array) => string) {
    this.#ctx = ctx;
    this.#accept = accept;
    this.#nextId = requestNumbers(ctx.random);
  }

  get pending(): number {
    return this.#waiting.length + this.#given.size;
  }

  propose(kind: Kind, data: Uint8Array): Promise<void> {
    const { limits } = this.#ctx;
    if (this.pending >= limits.maxWaiting) {
      return Promise.reject(new TooManyProposalsError(`${this.pending} proposals wait already`));
    }
    const now = this.#ctx.ticks();
    return new Promise((resolve, reject) => {
      this.#route({
        kind,
        data,
        digest: crc32(data),
        acceptTick: now + ticksOf(limits, limits.leaderWaitMs),
        forgetTick: now + ticksOf(limits, limits.requestTimeoutMs),
        term: 0,
        resendTick: 0,
        settled: false,
        resolve,
        reject,
      });
    });
  }

  #route(call: Call): void {
    const { core } = this.#ctx;
    if (core.leader === NONE) {
      this.#waiting.push(call);
      return;
    }
    const id = this.#nextId();
    call.term = core.term;
    this.#add(id, call);
    if (core.leader === core.id) this.#answered(id, call, this.#accept(call.kind, call.data));
    else this.#forward(id, call);
  }

  #add(id: number, call: Call): void {
    this.#given.set(id, call);
    this.#byDigest.set(call.digest, [...(this.#byDigest.get(call.digest) ?? []), id]);
  }

  #remove(id: number): void {
    const call = this.#given.get(id);
    if (call === undefined) return;
    this.#given.delete(id);
    const others = this.#byDigest.get(call.digest)?.filter((other) => other !== id) ?? [];
    if (others.length > 0) this.#byDigest.set(call.digest, others);
    else this.#byDigest.delete(call.digest);
  }

  #forward(requestId: number, call: Call): void {
    const { core, transport } = this.#ctx;
    const { kind, data, term } = call;
    call.resendTick = this.#ctx.ticks() + RESEND_TICKS;
    const to = core.leader;
    transport.send([{ type: 'forward', from: core.id, to, term, requestId, kind, data }]);
  }

  #answered(id: number, call: Call, result: string): void {
    if (result === 'accepted') {
      this.#resolve(call);
      this.#ctx.kick();
      return;
    }
    // Whether an earlier copy was taken is not known: what is applied here will tell.
    if (result === 'notLeader' || result === 'forgotten') return;
    this.#remove(id);
    if (result === 'transferring') this.#waiting.push(call);
    else this.#reject(call, refusal(result));
  }

  #resolve(call: Call): void {
    if (call.settled) return;
    call.settled = true;
    this.counts.accepted += 1;
    call.resolve();
  }

  #reject(call: Call, err: ConsensusError): void {
    if (call.settled) return;
    call.settled = true;
    this.counts.failed += 1;
    call.reject(err);
  }

  /** Another member's proposal; this one should be the leader. */
  onForward(forward: Forward): void {
    const { core, transport } = this.#ctx;
    const { from, term, requestId } = forward;
    const leads = core.leader === core.id && term === core.term;
    const result = leads
      ? this.#memory.once(term, from, requestId, () => this.#accept(forward.kind, forward.data))
      : 'notLeader';
    if (result === 'accepted') {
      this.forwardedIndex = core.log.lastIndex;
      this.#ctx.kick();
    }
    transport.send([{ type: 'forwardReply', from: core.id, to: from, term, requestId, result }]);
  }

  onReply(reply: ForwardReply): void {
    const call = this.#given.get(reply.requestId);
    if (call === undefined || call.settled || call.term !== reply.term) return;
    this.#answered(reply.requestId, call, reply.result);
  }

  /** Entries have been applied here. */
  onApplied(entries: readonly Entry[]): void {
    if (this.#given.size === 0) {
      this.#appliedTerm = entries.at(-1)?.term ?? this.#appliedTerm;
      return;
    }
    for (const entry of entries) {
      if (entry.data.byteLength === 0) continue;
      for (const id of this.#byDigest.get(crc32(entry.data)) ?? []) this.#matchApplied(id, entry);
    }
    const term = entries.at(-1)?.term ?? 0;
    if (term > this.#appliedTerm) this.#retryBefore(term);
    this.#appliedTerm = term;
  }

  #matchApplied(id: number, entry: Entry): void {
    const call = this.#given.get(id);
    if (call === undefined || Buffer.compare(call.data, entry.data) !== 0) return;
    this.#remove(id);
    this.#resolve(call);
  }

  /** What was given to a leader of an earlier term and has not been applied by now is lost. */
  #retryBefore(term: number): void {
    const lost = [...this.#given].filter(([, call]) => call.term < term);
    for (const [id] of lost) this.#remove(id);
    for (const [, call] of lost) {
      if (call.forgetTick <= this.#ctx.ticks()) {
        this.#reject(call, new ProposalDroppedError('lost with a former leader'));
        continue;
      }
      this.counts.retried += 1;
      this.#route(call);
    }
  }

  /** A snapshot took the place of entries: whether they were among them cannot be known. */
  onSnapshot(term: number): void {
    for (const [id, call] of this.#given) {
      if (call.term > term) continue;
      this.#remove(id);
      this.#reject(call, new ProposalDroppedError('the state was replaced by a snapshot', true));
    }
    this.#appliedTerm = Math.max(this.#appliedTerm, term);
  }

  /** Somebody leads: calls that waited go there. */
  onLeader(): void {
    if (this.#waiting.length === 0 || this.#ctx.core.leader === NONE) return;
    const calls = this.#waiting;
    this.#waiting = [];
    for (const call of calls) this.#route(call);
  }

  /** Sends again what is not answered, gives up on what has waited too long. */
  tick(): void {
    const now = this.#ctx.ticks();
    const { core } = this.#ctx;
    for (const [id, call] of this.#given) {
      if (call.forgetTick <= now) this.#remove(id);
      if (call.settled) continue;
      if (call.acceptTick <= now) {
        this.#remove(id);
        this.#reject(call, new ProposalDroppedError('the leader did not answer in time', true));
      } else if (call.resendTick <= now && call.term === core.term && core.leader !== NONE) {
        this.#forward(id, call);
      }
    }
    if (this.#waiting.length === 0) return;
    const late = new NoLeaderError('no leader: a majority of the members is not reachable');
    this.#waiting = this.#waiting.filter((call) => {
      if (call.settled) return call.forgetTick > now;
      if (call.acceptTick > now) return true;
      // Its caller takes it for undone: it must not be given to a leader any more.
      this.#reject(call, late);
      return false;
    });
    this.onLeader();
  }

  stop(): void {
    const stopped = new ConsensusStoppedError('the member is stopping', true);
    for (const call of [...this.#waiting, ...this.#given.values()]) this.#reject(call, stopped);
    this.#waiting = [];
    this.#given.clear();
    this.#byDigest.clear();
  }
}

function refusal(result: string): ConsensusError {
  if (result === 'full') {
    return new TooManyProposalsError('the leader holds too much that is not committed');
  }
  if (isMemberChangeCode(result)) return new MemberChangeError(result, memberChangeText(result));
  return new ProposalDroppedError(`the leader refused the proposal: ${result}`);
}
