/** Timing and limits of a member. */
import { DEFAULT_RAFT_LIMITS, type RaftLimits } from '../raft/limits.ts';
import type { WalLimits } from '../wal/limits.ts';

export interface NodeLimits {
  /** A tick: the leader's heartbeat. */
  readonly heartbeatMs: number;
  /** A follower that hears nothing this long (up to twice, at random) stands for election. A multiple of `heartbeatMs`. */
  readonly electionMs: number;
  /** How long followers that nobody waits at need not be told what is committed, unless entries are sent to them anyway. */
  readonly commitHoldMs: number;
  /** Entries kept behind the durable state, so that a slow follower needs no snapshot. */
  readonly snapshotCatchUpEntries: number;
  /** Bytes of entries kept in memory; beyond it fewer are kept for slow followers. */
  readonly maxLogBytes: number;
  /** Calls that may wait for a leader, or for a leader's answer. */
  readonly maxWaiting: number;
  /** How long a call waits for a leader to appear, and then for its answer. */
  readonly leaderWaitMs: number;
  /** How long a read point or membership change may take before its caller is told it timed out. */
  readonly requestTimeoutMs: number;
  readonly raft: Partial<RaftLimits>;
  readonly wal: Partial<WalLimits>;
}

export const DEFAULT_NODE_LIMITS: NodeLimits = {
  heartbeatMs: 100,
  electionMs: 1000,
  commitHoldMs: 1,
  snapshotCatchUpEntries: 10_000,
  maxLogBytes: 32 * 1024 * 1024,
  maxWaiting: 20_000,
  leaderWaitMs: 2_000,
  requestTimeoutMs: 7_000,
  raft: {},
  wal: {},
};

/** Election timeout in ticks for the core. */
export function raftLimitsOf(limits: NodeLimits): RaftLimits {
  const electionTicks = Math.max(2, Math.round(limits.electionMs / limits.heartbeatMs));
  return { ...DEFAULT_RAFT_LIMITS, electionTicks, ...limits.raft };
}

/** A duration as a number of ticks, at least one. */
export function ticksOf(limits: NodeLimits, ms: number): number {
  return Math.max(1, Math.ceil(ms / limits.heartbeatMs));
}
