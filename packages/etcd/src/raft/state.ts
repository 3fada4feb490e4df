/** The data of one member's core. Changed only by the functions of this folder; see `core.ts` for the way in. */
import type { Random } from '@kubets/platform';
import { type Configuration, isVoter } from './configuration.ts';
import type { RaftLimits } from './limits.ts';
import type { RaftLog } from './log.ts';
import type { Progress } from './progress.ts';
import {
  type Body,
  type HardState,
  type Index,
  type Message,
  NONE,
  type PeerId,
  type ReadState,
  type Role,
  type Term,
} from './types.ts';

/** A read waiting on the leader. */
export interface PendingRead {
  readonly from: PeerId;
  readonly context: number;
  /** The commit index when it was registered. */
  readonly index: Index;
  /** Confirmed once a quorum has answered a heartbeat with this sequence number or a later one. */
  readonly seq: number;
}

export interface StateOptions {
  readonly id: PeerId;
  readonly limits: RaftLimits;
  readonly random: Random;
  readonly log: RaftLog;
  readonly hardState: HardState;
  readonly conf: Configuration;
}

/** What has been produced since the last Ready. */
export class Outbox {
  messages: Message[] = [];
  afterPersist: Message[] = [];
  readStates: ReadState[] = [];
  droppedReads: number[] = [];
  snapshotsTo: PeerId[] = [];
  commitsHeld = false;
}

export class RaftState {
  readonly id: PeerId;
  readonly limits: RaftLimits;
  readonly random: Random;
  readonly log: RaftLog;
  conf: Configuration;
  term: Term;
  vote: PeerId;
  role: Role = 'follower';
  leader: PeerId = NONE;
  /** Ticks since the leader was last heard of; on a leader, since the last check of the quorum. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** The randomised number of ticks after which this member stands for election. */
  electionTimeout: number;
  votes = new Map<PeerId, boolean>();
  /** Leader only: one per member, itself included. */
  progress = new Map<PeerId, Progress>();
  /** Leader only: whom leadership is being handed to. */
  transferee: PeerId = NONE;
  /** Leader only: a configuration change at or before this index may not be applied yet; no second one until then. */
  pendingConfIndex: Index = 0;
  uncommittedBytes = 0;
  readSeq = 0;
  reads: PendingRead[] = [];
  /** Reads that wait for the first commit of the leader's own term. */
  earlyReads: { from: PeerId; context: number }[] = [];
  heartbeatDue = false;
  /** Leader only: followers have been sent at least this commit index, if they take anything at all. */
  toldCommit: Index = 0;
  out = new Outbox();

  constructor(options: StateOptions) {
    this.id = options.id;
    this.limits = options.limits;
    this.random = options.random;
    this.log = options.log;
    this.conf = options.conf;
    this.term = options.hardState.term;
    this.vote = options.hardState.vote;
    this.electionTimeout = this.rollElectionTimeout();
  }

  rollElectionTimeout(): number {
    this.electionTimeout = this.limits.electionTicks + this.random.int(this.limits.electionTicks);
    return this.electionTimeout;
  }

  /**
   * Learners do not stand for election, nor does a member that knows of no group. One that has been removed does: it may
   * hold the only knowledge that its removal was committed, which the others need to elect among themselves (thesis
   * §4.2.2). Its log decides, and the pre-vote keeps it from disturbing a group that is well.
   */
  promotable(): boolean {
    const { voters, learners, learnersNext } = this.conf;
    return (
      voters.size > 0 && (this.isVoter() || !(learners.has(this.id) || learnersNext.has(this.id)))
    );
  }

  /** Has a say in the group. */
  isVoter(): boolean {
    return isVoter(this.conf, this.id);
  }

  /** Heard of a leader recently enough that no vote is given against it. */
  inLease(): boolean {
    return this.leader !== NONE && this.electionElapsed < this.limits.electionTicks;
  }

  /** Queues a message that promises nothing about this member's disk. */
  send(to: PeerId, body: Body, term: Term = this.term): void {
    this.out.messages.push(this.#seal(to, body, term));
  }

  /** Queues a message that promises something this member must not forget. */
  sendAfterPersist(to: PeerId, body: Body, term: Term = this.term): void {
    this.out.afterPersist.push(this.#seal(to, body, term));
  }

  #seal(to: PeerId, body: Body, term: Term): Message {
    return { ...body, from: this.id, to, term };
  }
}
