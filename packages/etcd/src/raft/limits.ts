/** Limits and timing of the core, in ticks and bytes. */
export interface RaftLimits {
  /** A follower that hears nothing for this many ticks (randomised up to twice as many) stands for election. */
  readonly electionTicks: number;
  /** The leader sends a heartbeat every this many ticks. */
  readonly heartbeatTicks: number;
  /** Bytes of entries in one append message (one entry larger than this still goes). */
  readonly maxAppendBytes: number;
  /** Append messages under way to one follower. */
  readonly maxInflightMessages: number;
  /** Bytes under way to one follower. */
  readonly maxInflightBytes: number;
  /** Bytes of proposals a leader holds that are not committed yet; more are refused. */
  readonly maxUncommittedBytes: number;
  /** Bytes of committed entries in one Ready. */
  readonly maxApplyBytes: number;
  /** Reads waiting for the leader's first commit or for confirmation; more are refused. */
  readonly maxPendingReads: number;
}

export const DEFAULT_RAFT_LIMITS: RaftLimits = {
  electionTicks: 10,
  heartbeatTicks: 1,
  maxAppendBytes: 1024 * 1024,
  maxInflightMessages: 256,
  maxInflightBytes: 16 * 1024 * 1024,
  maxUncommittedBytes: 64 * 1024 * 1024,
  maxApplyBytes: 4 * 1024 * 1024,
  maxPendingReads: 4096,
};

/**
 * Checks limits against each other.
 * @returns what is wrong, or undefined
 */
export function raftLimitsProblem(limits: RaftLimits): string | undefined {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) return `${name} must be a positive integer`;
  }
  if (limits.electionTicks <= limits.heartbeatTicks) {
    return 'electionTicks must be greater than heartbeatTicks, or followers campaign between two heartbeats';
  }
  if (limits.maxInflightBytes < limits.maxAppendBytes) {
    return 'maxInflightBytes must hold at least one message of maxAppendBytes';
  }
  return undefined;
}
