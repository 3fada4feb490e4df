/**
 * The vocabulary of the Raft core. Terms and indices are safe integers here (a log of 2^53 entries is out of reach), which
 * keeps the hot path free of bigint arithmetic; the host converts at its edge to the branded bigints of `ports.ts`.
 */

/** A member's 64-bit id. */
export type PeerId = bigint & { readonly __peer?: 'PeerId' };
/** Position in the log, from 1; 0 is "before the first entry". */
export type Index = number & { readonly __index?: 'Index' };
/** Raft term, from 1; 0 is "before the first election". */
export type Term = number & { readonly __term?: 'Term' };

/** "Nobody": no leader known, no vote given. */
export const NONE: PeerId = 0n;

/** What an entry carries: a proposal's bytes, or a change of the configuration. */
export type EntryKind = 'normal' | 'conf';

/** One log entry. `data` is never changed after creation. */
export interface Entry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** An entry's payload before the leader gives it a place in the log. */
export interface Proposal {
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** What must survive a restart besides the log (Raft paper, figure 2). `commit` is a hint, allowed to be stale. */
export interface HardState {
  readonly term: Term;
  readonly vote: PeerId;
  readonly commit: Index;
}

/** A point in the log: the entry at `index` has `term`. */
export interface LogPoint {
  readonly index: Index;
  readonly term: Term;
}

export type Role = 'leader' | 'follower' | 'candidate' | 'preCandidate';

interface Envelope {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly term: Term;
}

/** Asks for a vote; `pre` asks whether one would be given, without anybody changing its term (thesis §9.6). */
export interface VoteRequest extends Envelope {
  readonly type: 'vote';
  readonly pre: boolean;
  readonly last: LogPoint;
  /** Set when the leader asked for this election (TimeoutNow): the leader lease does not protect against it. */
  readonly forced: boolean;
}

export interface VoteResponse extends Envelope {
  readonly type: 'voteResponse';
  readonly pre: boolean;
  readonly granted: boolean;
}

export interface AppendRequest extends Envelope {
  readonly type: 'append';
  readonly prev: LogPoint;
  readonly commit: Index;
  readonly entries: readonly Entry[];
}

/**
 * Accepted: everything up to `index` matches the leader and is durable. Rejected: `index` is the refused `prev.index` and
 * `hint` the last point at which the logs might still agree.
 */
export interface AppendResponse extends Envelope {
  readonly type: 'appendResponse';
  readonly rejected: boolean;
  readonly index: Index;
  readonly hint: LogPoint;
}

/** `readSeq` numbers the newest read waiting for confirmation of leadership, 0 for none. */
export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat';
  readonly commit: Index;
  readonly readSeq: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly type: 'heartbeatResponse';
  readonly readSeq: number;
}

/** Tells the receiver to stand for election at once. */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeoutNow';
}

/** A follower asks the leader for a read point; `context` comes back unchanged. */
export interface ReadIndexRequest extends Envelope {
  readonly type: 'readIndex';
  readonly context: number;
}

export interface ReadIndexResponse extends Envelope {
  readonly type: 'readIndexResponse';
  readonly context: number;
  readonly index: Index;
}

/** A follower asks the leader to hand leadership to `target`. */
export interface TransferRequest extends Envelope {
  readonly type: 'transfer';
  readonly target: PeerId;
}

/** A leader announces a snapshot at `point`; the bytes travel outside the core. */
export interface SnapshotOffer extends Envelope {
  readonly type: 'snapshotOffer';
  readonly point: LogPoint;
}

export type Message =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse
  | TransferRequest
  | SnapshotOffer;

/** A message without its envelope: the core fills in sender and term. */
export type Body = Message extends infer M
  ? M extends Message
    ? Omit<M, keyof Envelope>
    : never
  : never;

/** Answer to a local read request. */
export interface ReadState {
  readonly context: number;
  readonly index: Index;
}

/** What was handed to the disk: give it back to `RaftCore.persisted` once it is durable. */
export interface PersistToken {
  readonly term: Term;
  readonly vote: PeerId;
  readonly last: LogPoint;
}

/**
 * What the host must do, in this order for each part on its own:
 * 1. `hardState` and `entries` go to the log on disk (an entry replaces any earlier one at its index or after);
 * 2. `messages` may be sent at once, even before the disk has answered (thesis §10.2.1);
 * 3. `afterPersist` may be sent only after 1, and everything handed out by earlier Readies, is durable; then `token` goes
 *    back through `persisted`;
 * 4. `committed` are applied in order, configuration changes through `applyConf`, and acknowledged by `appliedTo`.
 */
export interface Ready {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly messages: readonly Message[];
  readonly afterPersist: readonly Message[];
  readonly committed: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /** Local reads that can no longer be answered (leadership was lost). */
  readonly droppedReads: readonly number[];
  /** Members that need a snapshot because the entries they lack are gone. */
  readonly snapshotsTo: readonly PeerId[];
  /** Followers are not told of the newest commit index yet, because `holdCommits` allowed it. */
  readonly commitsHeld: boolean;
  /** Present when there is something to persist. */
  readonly token: PersistToken | undefined;
}

/** Bytes an entry is charged with in limits and flow control: its data and a fixed overhead. */
export const ENTRY_OVERHEAD_BYTES = 32;

/** @returns the charge of an entry in bytes */
export function entryBytes(entry: { readonly data: Uint8Array }): number {
  return entry.data.byteLength + ENTRY_OVERHEAD_BYTES;
}
