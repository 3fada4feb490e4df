/** Errors of the consensus side. Match on the class, never on the text. */

/** A proposal or read came to nothing. */
export abstract class ConsensusError extends Error {
  /**
   * Whether the proposal may still take effect: a retry must then be idempotent. False: it certainly has had none.
   */
  readonly outcomeUnknown: boolean;

  constructor(message: string, outcomeUnknown = false, options?: ErrorOptions) {
    super(message, options);
    this.outcomeUnknown = outcomeUnknown;
  }
}

/** No leader is known, and none appeared within the time a caller is made to wait for one. */
export class NoLeaderError extends ConsensusError {
  override readonly name = 'NoLeaderError';
}

/** The leader did not take the proposal, or the connection to it broke before it answered. */
export class ProposalDroppedError extends ConsensusError {
  override readonly name = 'ProposalDroppedError';
}

/** The leader holds as many uncommitted bytes as it may, or this member as many waiting calls. Try again later. */
export class TooManyProposalsError extends ConsensusError {
  override readonly name = 'TooManyProposalsError';
}

/** No answer within the time allowed. */
export class ConsensusTimeoutError extends ConsensusError {
  override readonly name = 'ConsensusTimeoutError';
}

/** The member has been stopped. */
export class ConsensusStoppedError extends ConsensusError {
  override readonly name = 'ConsensusStoppedError';
}

/** A membership change that cannot be made: unknown or duplicate member, or it would leave no voter. */
export class MemberChangeError extends ConsensusError {
  override readonly name = 'MemberChangeError';
  readonly code: MemberChangeCode;

  constructor(code: MemberChangeCode, message: string) {
    super(message);
    this.code = code;
  }
}

export type MemberChangeCode =
  | 'exists'
  | 'notFound'
  | 'notLearner'
  | 'learnerNotReady'
  | 'pending'
  | 'lastVoter';

/** The log on disk holds something that was written and synced but cannot be read back. */
export class CorruptLogError extends Error {
  override readonly name = 'CorruptLogError';
  readonly file: string;
  readonly offset: number;

  constructor(file: string, offset: number, what: string) {
    super(
      `${file}: ${what} at byte ${offset}; this member's log is damaged: remove its data directory and add it to the ` +
        'cluster again, or restore it from a backup',
    );
    this.file = file;
    this.offset = offset;
  }
}

/** The log could not be written. The process must end: what the disk holds is unknown (a failed fsync is not retried). */
export class LogWriteError extends Error {
  override readonly name = 'LogWriteError';
}

/** Another process uses the data directory. */
export class DataDirLockedError extends Error {
  override readonly name = 'DataDirLockedError';

  constructor(dir: string, options?: ErrorOptions) {
    super(
      `${dir} is in use by another process; stop that one, or choose another --data-dir`,
      options,
    );
  }
}

/** The data directory belongs to another member or cluster than the flags say, or its parts do not fit together. */
export class DataDirMismatchError extends Error {
  override readonly name = 'DataDirMismatchError';
}

/** A peer refused this member: another cluster, an unknown member, an incompatible protocol. */
export class PeerRefusedError extends Error {
  override readonly name = 'PeerRefusedError';
}

/** A snapshot stream ended early or does not match its checksum. */
export class SnapshotStreamError extends Error {
  override readonly name = 'SnapshotStreamError';
}
