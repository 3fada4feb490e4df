/**
 * The vocabulary between consensus and the state it replicates. Read first.
 *
 * The consensus side (`raft/`, `wal/`, `host/`) knows nothing of keys; the state side (`mvcc/`, `server/`) knows nothing
 * of terms and votes. They meet in {@link StateMachine} (implemented by the state side) and {@link Consensus}
 * (implemented by the consensus side).
 */

/** A member's id: 64 bits, chosen when the member joins, printed in hexadecimal. */
export type MemberId = bigint & { readonly __brand?: 'MemberId' };
/** Position in the replicated log, from 1. */
export type LogIndex = bigint & { readonly __brand?: 'LogIndex' };
/** Raft term, from 1. */
export type Term = bigint & { readonly __brand?: 'Term' };

/** One member as the cluster's configuration knows it. */
export interface MemberInfo {
  readonly id: MemberId;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** An entry every quorum member has, delivered once, in index order. */
export interface CommittedEntry {
  readonly index: LogIndex;
  readonly term: Term;
  /** `normal`: a proposal's bytes (empty for a new leader's first entry). `conf`: a membership change that has taken effect. */
  readonly kind: 'normal' | 'conf';
  readonly data: Uint8Array;
  /** For `conf`: the membership after this entry. */
  readonly members?: readonly MemberInfo[];
}

/** Identifies the state a snapshot holds. */
export interface SnapshotMeta {
  readonly index: LogIndex;
  readonly term: Term;
  readonly members: readonly MemberInfo[];
}

/**
 * What consensus replicates. All calls come one after the other, never concurrently with each other, except
 * `openSnapshot`, whose stream is read while later entries are applied and must not show them.
 */
export interface StateMachine {
  /**
   * The index up to which the state is durable in the member's own storage; 0 when empty. At start, entries after it are
   * applied again from the log. The log is never truncated beyond it.
   */
  durableIndex(): LogIndex;
  /** Takes a batch of committed entries; after it returns, reads see them. Throwing ends the process. */
  apply(entries: readonly CommittedEntry[]): void;
  /** A consistent stream of the whole state as of the last applied entry. */
  openSnapshot(): Promise<{ meta: SnapshotMeta; chunks: AsyncIterable<Uint8Array> }>;
  /** Replaces the whole state, durably, before it resolves. A broken stream leaves the old state. */
  installSnapshot(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void>;
}

/** A member's view of its group. */
export interface ConsensusStatus {
  readonly id: MemberId;
  /** 0 when unknown. */
  readonly leader: MemberId;
  readonly term: Term;
  readonly role: 'leader' | 'follower' | 'candidate' | 'pre-candidate' | 'learner';
  readonly lastIndex: LogIndex;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly members: readonly MemberInfo[];
}

/** A membership change. Adding a voter that is already a learner promotes it. */
export type MemberChange =
  | { readonly type: 'add'; readonly member: MemberInfo }
  | { readonly type: 'remove'; readonly id: MemberId }
  | { readonly type: 'update'; readonly member: MemberInfo }
  | { readonly type: 'promote'; readonly id: MemberId };

/** The replicated log as the state side uses it. */
export interface Consensus {
  /**
   * Hands bytes to the leader (this member or, by forwarding, another). Resolves when they were accepted for replication
   * there, which promises nothing; the proposer learns of success when its own entry reaches `apply`. Rejects with
   * `NoLeaderError`, `ProposalDroppedError` or `TooManyProposalsError`.
   */
  propose(data: Uint8Array): Promise<void>;
  /**
   * Linearizable read point (Raft thesis §6.4, ReadIndex): resolves with an index such that a state that has applied it
   * shows every write acknowledged before the call. Concurrent calls share one round. Rejects like `propose`, or with
   * `TimeoutError`.
   */
  readIndex(): Promise<LogIndex>;
  /** Resolves once `apply` has taken the entry at this index. */
  waitApplied(index: LogIndex): Promise<void>;
  /** Proposes a membership change; resolves with the new membership once applied here. */
  changeMembers(change: MemberChange): Promise<readonly MemberInfo[]>;
  /** Hands leadership to a member that has caught up; resolves when it leads. */
  transferLeadership(to: MemberId): Promise<void>;
  status(): ConsensusStatus;
  /** Called on every change of leader or term; returns its undo. */
  onLeadership(listener: (status: ConsensusStatus) => void): () => void;
  /** Stops taking part: hands over leadership if it leads and can, flushes, closes. */
  stop(): Promise<void>;
}
