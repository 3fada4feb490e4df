/**
 * One member's Raft, as a pure state machine: messages and ticks in, {@link Ready} out. It does no I/O, knows no clock,
 * and draws randomness only from what it was given; the same inputs make the same outputs.
 *
 * Sources: D. Ongaro, J. Ousterhout, "In Search of an Understandable Consensus Algorithm" ("the paper") and D. Ongaro's
 * thesis "Consensus: Bridging Theory and Practice" ("thesis").
 */
import { assertNever, invariant, type Random } from '@kubets/platform';
import {
  allMembers,
  type ConfChange,
  type Configuration,
  changeConfiguration,
  isJoint,
} from './configuration.ts';
import { answerVote, campaign, ownVoteDurable } from './elections.ts';
import { DEFAULT_RAFT_LIMITS, type RaftLimits, raftLimitsProblem } from './limits.ts';
import type { RaftLog } from './log.ts';
import { countVotes } from './quorum.ts';
import { localRead } from './reads.ts';
import { acknowledgeOwn, appendOwn, maybeCommit, replicate, trackMembers } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { Outbox, RaftState } from './state.ts';
import { stepCandidate } from './step-candidate.ts';
import { stepFollower } from './step-follower.ts';
import { beginTransfer, stepLeader } from './step-leader.ts';
import {
  entryBytes,
  type HardState,
  type Index,
  type LogPoint,
  type Message,
  NONE,
  type PeerId,
  type PersistToken,
  type Proposal,
  type Ready,
  type Role,
  type Term,
} from './types.ts';

export interface RaftCoreOptions {
  readonly id: PeerId;
  readonly random: Random;
  readonly log: RaftLog;
  readonly hardState: HardState;
  /** The configuration as of `applied`. */
  readonly conf: Configuration;
  /** What the state machine already has. */
  readonly applied: Index;
  readonly limits?: Partial<RaftLimits>;
}

export interface ReadyOptions {
  readonly apply: boolean;
  readonly holdCommits?: boolean;
}

/** What became of a proposal. Anything but `accepted` has had no effect. */
export type ProposeResult = 'accepted' | 'notLeader' | 'full' | 'transferring' | 'confPending';

const LEAVE_JOINT: Proposal = { kind: 'conf', data: new Uint8Array(0) };

export class RaftCore {
  readonly #state: RaftState;
  #handedTerm: Term;
  #handedVote: PeerId;

  /** @throws RangeError for limits that contradict each other */
  constructor(options: RaftCoreOptions) {
    const limits = { ...DEFAULT_RAFT_LIMITS, ...options.limits };
    const problem = raftLimitsProblem(limits);
    if (problem !== undefined) throw new RangeError(problem);
    const { log, hardState } = options;
    invariant(options.applied <= log.lastIndex, 'the state is ahead of the log', {
      applied: options.applied,
      last: log.lastIndex,
    });
    // The stored commit index may be ahead of a torn tail, or behind what was applied.
    log.commitTo(Math.max(Math.min(hardState.commit, log.lastIndex), options.applied));
    log.appliedTo(Math.max(options.applied, log.applied));
    this.#state = new RaftState({ ...options, limits });
    this.#handedTerm = hardState.term;
    this.#handedVote = hardState.vote;
  }

  get id(): PeerId {
    return this.#state.id;
  }
  get term(): Term {
    return this.#state.term;
  }
  get role(): Role {
    return this.#state.role;
  }
  get leader(): PeerId {
    return this.#state.leader;
  }
  get conf(): Configuration {
    return this.#state.conf;
  }
  get log(): RaftLog {
    return this.#state.log;
  }
  /** Whom leadership is being handed to, NONE mostly. */
  get transferee(): PeerId {
    return this.#state.transferee;
  }
  get hardState(): HardState {
    const { term, vote, log } = this.#state;
    return { term, vote, commit: log.committed };
  }

  /** Leader: what a member is known to have on disk; undefined when not leading or not a member. */
  matchOf(id: PeerId): Index | undefined {
    return this.#state.progress.get(id)?.match;
  }

  /** Leader: members heard from since the last check of the quorum, itself included. */
  activeMembers(): PeerId[] {
    const state = this.#state;
    return [...state.progress]
      .filter(([id, p]) => id === state.id || p.recentlyActive)
      .map(([id]) => id);
  }

  /** One heartbeat interval has passed. */
  tick(): void {
    const state = this.#state;
    state.electionElapsed += 1;
    if (state.role === 'leader') {
      this.#tickLeader();
    } else if (state.electionElapsed >= state.electionTimeout && state.promotable()) {
      state.electionElapsed = 0;
      campaign(state, 'pre');
    }
  }

  #tickLeader(): void {
    const state = this.#state;
    state.heartbeatElapsed += 1;
    if (state.electionElapsed >= state.limits.electionTicks) {
      state.electionElapsed = 0;
      state.transferee = NONE;
      if (!this.#quorumActive() || !state.isVoter()) {
        becomeFollower(state, state.term, NONE);
        return;
      }
    }
    if (state.heartbeatElapsed >= state.limits.heartbeatTicks) state.heartbeatDue = true;
    this.#leaveJoint();
  }

  /** Both halves have agreed on the joint configuration and it is applied here: leave it, again by an entry. */
  #leaveJoint(): void {
    const state = this.#state;
    if (state.role !== 'leader' || !isJoint(state.conf)) return;
    if (state.log.applied < state.pendingConfIndex) return;
    if (this.propose([LEAVE_JOINT]) === 'accepted') state.pendingConfIndex = state.log.lastIndex;
  }

  /** Check-quorum (thesis §6.2): a leader that hears no majority for an election timeout steps down. */
  #quorumActive(): boolean {
    const state = this.#state;
    const heard = new Map<PeerId, boolean>();
    for (const [id, progress] of state.progress) {
      heard.set(id, id === state.id || progress.recentlyActive);
      progress.recentlyActive = false;
    }
    return countVotes(state.conf, heard) === 'won';
  }

  /** Takes a message from another member. Unknown senders, old terms and duplicates are harmless. */
  step(message: Message): void {
    const state = this.#state;
    if (message.term > state.term && !this.#meetNewerTerm(message)) return;
    if (message.term < state.term) {
      this.#answerOldTerm(message);
      return;
    }
    if (message.type === 'vote') {
      answerVote(state, message);
      return;
    }
    switch (state.role) {
      case 'leader':
        stepLeader(state, message);
        break;
      case 'follower':
        stepFollower(state, message);
        break;
      case 'candidate':
      case 'preCandidate':
        stepCandidate(state, message);
        break;
      default:
        assertNever(state.role);
    }
  }

  /** @returns false when the message is to be ignored */
  #meetNewerTerm(message: Message): boolean {
    const state = this.#state;
    if (message.type === 'vote') {
      // Thesis §4.2.3: a member that hears its leader does not help to depose it, whatever the term.
      if (!message.forced && state.inLease()) return false;
      // A pre-vote names a term nobody is in yet.
      if (message.pre) return true;
    }
    if (message.type === 'voteResponse' && message.pre && message.granted) return true;
    const leads =
      message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshotOffer';
    becomeFollower(state, message.term, leads ? message.from : NONE);
    return true;
  }

  #answerOldTerm(message: Message): void {
    const state = this.#state;
    if (message.type === 'append' || message.type === 'heartbeat') {
      // A deposed leader learns of the new term; without this a member with a newer term could never rejoin it.
      const hint = { index: 0, term: 0 };
      state.send(message.from, { type: 'appendResponse', rejected: true, index: 0, hint });
    } else if (message.type === 'vote' && message.pre) {
      state.send(message.from, { type: 'voteResponse', pre: true, granted: false });
    }
  }

  /** Leader: takes proposals into its log, all or none. */
  propose(proposals: readonly Proposal[]): ProposeResult {
    const state = this.#state;
    if (state.role !== 'leader' || !state.progress.has(state.id)) return 'notLeader';
    if (state.transferee !== NONE) return 'transferring';
    let bytes = 0;
    for (const proposal of proposals) bytes += entryBytes(proposal);
    const room = state.limits.maxUncommittedBytes - state.uncommittedBytes;
    if (bytes > room && state.uncommittedBytes > 0) return 'full';
    appendOwn(state, proposals);
    return 'accepted';
  }

  /**
   * Leader: proposes a change of the configuration, one at a time.
   * @param data what the host will decode the change from when the entry is applied
   * @param change undefined when the entry changes nothing the core knows of (a member's address)
   * @throws ConfigurationError when the change makes no sense now
   */
  proposeConf(data: Uint8Array, change: ConfChange | undefined): ProposeResult {
    const state = this.#state;
    if (change === undefined) return this.propose([{ kind: 'conf', data }]);
    if (state.role !== 'leader') return 'notLeader';
    if (state.pendingConfIndex > state.log.applied || isJoint(state.conf)) return 'confPending';
    changeConfiguration(state.conf, change);
    const result = this.propose([{ kind: 'conf', data }]);
    if (result === 'accepted') state.pendingConfIndex = state.log.lastIndex;
    return result;
  }

  /** Asks for a read point; the answer comes in a Ready as a read state or a dropped read. */
  readIndex(context: number): void {
    localRead(this.#state, context);
  }

  /** Leader: begins to hand leadership to a voter. Elsewhere: asks the leader to. */
  transferLeadership(target: PeerId): void {
    const state = this.#state;
    if (state.role === 'leader') beginTransfer(state, target);
    else if (state.leader !== NONE) state.send(state.leader, { type: 'transfer', target });
  }

  /** The connection to the leader is gone: its lease no longer keeps this member from voting. Undone by hearing from it. */
  suspectLeader(): void {
    const state = this.#state;
    if (state.role === 'leader') return;
    state.electionElapsed = Math.max(state.electionElapsed, state.limits.electionTicks);
  }

  /** Stands for election now, asking first (pre-vote), unless the leader is alive and well. */
  campaign(): void {
    if (!this.#state.inLease()) campaign(this.#state, 'pre');
  }

  /** The host could not deliver to a member: stop running ahead of its answers. */
  reportUnreachable(id: PeerId): void {
    const progress = this.#state.progress.get(id);
    if (progress?.state === 'replicate') progress.becomeProbe();
  }

  /** The host has opened the snapshot a member needs; it will then be at `index`. */
  snapshotStarted(id: PeerId, index: Index): void {
    const progress = this.#state.progress.get(id);
    if (progress?.state === 'snapshot') progress.pendingSnapshot = index;
  }

  /** The snapshot for a member was delivered, or could not be. */
  reportSnapshot(id: PeerId, delivered: boolean): void {
    const progress = this.#state.progress.get(id);
    if (progress?.state !== 'snapshot') return;
    if (!delivered) progress.pendingSnapshot = 0;
    progress.becomeProbe();
    // Wait for its answer or a heartbeat's before the next message, so that failures do not spin.
    progress.probeSent = true;
  }

  /**
   * Takes everything there is to do, in one batch.
   * @param options.apply false while the host cannot apply (a snapshot is being installed)
   * @param options.holdCommits followers need not be told of a new commit index at once; the host asks again soon
   */
  ready(options: ReadyOptions = { apply: true }): Ready {
    const state = this.#state;
    if (state.role === 'leader') replicate(state, options.holdCommits ?? false);
    const { out } = state;
    state.out = new Outbox();
    const entries = state.log.takeUnhanded();
    const voted = state.term !== this.#handedTerm || state.vote !== this.#handedVote;
    const persist = voted || entries.length > 0;
    this.#handedTerm = state.term;
    this.#handedVote = state.vote;
    return {
      hardState: persist ? this.hardState : undefined,
      entries,
      messages: out.messages,
      afterPersist: out.afterPersist,
      committed: options.apply ? state.log.applicable(state.limits.maxApplyBytes) : [],
      readStates: out.readStates,
      droppedReads: out.droppedReads,
      snapshotsTo: out.snapshotsTo,
      commitsHeld: out.commitsHeld,
      token: persist ? { term: state.term, vote: state.vote, last: state.log.last } : undefined,
    };
  }

  /** What a Ready asked to persist is durable; tokens come back in the order they went out. */
  persisted(token: PersistToken): void {
    const state = this.#state;
    state.log.stableTo(token.last);
    if (state.role === 'leader') acknowledgeOwn(state);
    else if (token.term === state.term && token.vote === state.id) ownVoteDurable(state);
  }

  /** The state machine has applied everything up to `index`. */
  appliedTo(index: Index): void {
    this.#state.log.appliedTo(index);
    this.#leaveJoint();
  }

  /**
   * A committed configuration change takes effect. Call it for each one, in order, before `appliedTo`.
   * @throws ConfigurationError when it makes no sense here; the entry then has no effect, on every member alike
   */
  applyConf(change: ConfChange): Configuration {
    const state = this.#state;
    this.#adopt(changeConfiguration(state.conf, change));
    return state.conf;
  }

  #adopt(conf: Configuration): void {
    const state = this.#state;
    state.conf = conf;
    if (state.role !== 'leader') return;
    trackMembers(state, allMembers(conf));
    if (!conf.voters.has(state.transferee)) state.transferee = NONE;
    maybeCommit(state);
    // Removed or made a learner: lead until the others know, and hand over.
    if (!state.isVoter()) this.#resign();
  }

  /** Hands leadership to the voter that has most of the log. */
  #resign(): void {
    const state = this.#state;
    let best: PeerId = NONE;
    for (const id of state.conf.voters) {
      if (id === state.id) continue;
      if (best === NONE || (this.matchOf(id) ?? 0) > (this.matchOf(best) ?? 0)) best = id;
    }
    if (best !== NONE) beginTransfer(state, best);
  }

  /** Whether a snapshot at `point` would bring anything new. */
  wantsSnapshot(point: LogPoint): boolean {
    return point.index > this.#state.log.committed;
  }

  /**
   * The state machine holds a snapshot now, durably. Nothing handed to the disk may be under way.
   * @returns whether the log was replaced (then the log on disk must be, before anything else is sent)
   */
  restore(point: LogPoint, conf: Configuration): boolean {
    const state = this.#state;
    invariant(state.role !== 'leader', 'a leader never installs a snapshot');
    invariant(point.index > state.log.applied, 'a snapshot behind the state', {
      index: point.index,
      applied: state.log.applied,
    });
    const kept = state.log.matches(point) && state.log.stable >= point.index;
    if (kept) {
      state.log.commitTo(point.index);
      state.log.appliedTo(point.index);
    } else {
      state.log.restore(point);
      // Answers not handed out yet may promise entries that have just been dropped.
      const { out } = state;
      out.afterPersist = out.afterPersist.filter((message) => message.type !== 'appendResponse');
    }
    this.#adopt(conf);
    return !kept;
  }

  /** Tells the leader where the log stands after a snapshot. */
  announce(): void {
    const state = this.#state;
    if (state.role === 'leader' || state.leader === NONE) return;
    const hint = { index: 0, term: 0 };
    const index = state.log.committed;
    state.sendAfterPersist(state.leader, { type: 'appendResponse', rejected: false, index, hint });
  }
}
