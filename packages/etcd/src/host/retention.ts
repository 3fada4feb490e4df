/** How much of the log is kept once the state machine has it. */
import type { Index, LogPoint } from '../raft/types.ts';
import type { NodeLimits } from './limits.ts';

export interface LogUse {
  /** Durable in the state machine and applied. */
  readonly durable: Index;
  /** The entry before the first one kept. */
  readonly offset: LogPoint;
  readonly bytes: number;
  /** Entries after this are needed by a snapshot under way. */
  readonly held: Index | undefined;
}

/**
 * The index up to which entries can go, undefined when it is not worth it: entries are let go in steps, as each one
 * copies what stays. Some are kept behind the durable state for slow followers, unless they take too much memory.
 */
export function releasable(
  use: LogUse,
  limits: Pick<NodeLimits, 'snapshotCatchUpEntries' | 'maxLogBytes'>,
): Index | undefined {
  const keep = use.bytes > limits.maxLogBytes ? 0 : limits.snapshotCatchUpEntries;
  const target = Math.min(use.durable - keep, use.held ?? Number.POSITIVE_INFINITY);
  const freed = target - use.offset.index;
  return freed > 0 && freed >= keep / 10 ? target : undefined;
}
