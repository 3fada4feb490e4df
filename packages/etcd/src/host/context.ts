/** What the parts of a member share. */
import type { Logger, Random } from '@kubets/platform';
import type { RaftCore } from '../raft/core.ts';
import type { NodeLimits } from './limits.ts';
import type { Transport } from './ports.ts';

export interface NodeContext {
  readonly core: RaftCore;
  readonly transport: Transport;
  readonly limits: NodeLimits;
  readonly random: Random;
  readonly log: Logger;
  /** Has the core's output taken soon, together with whatever else arrives until then. */
  kick(): void;
  /** Ends the member: what it knows or holds can no longer be trusted. */
  fatal(err: unknown): void;
  /** Heartbeat intervals since the start: the coarse clock deadlines are checked against. */
  ticks(): number;
}

/**
 * Numbers that do not repeat across restarts of a member (an answer to a former life must not be taken for one of this
 * life), small enough to stay exact.
 */
export function requestNumbers(random: Random): () => number {
  let next = random.int(2 ** 31) * 2 ** 20;
  return () => {
    next += 1;
    return next;
  };
}
