/** The surroundings of a member's parts, in a test's hands: a core, what was sent, and the count of ticks. */
import { seededRandom, silentLogger } from '@kubets/platform';
import type { NodeContext } from '../host/context.ts';
import { DEFAULT_NODE_LIMITS, type NodeLimits } from '../host/limits.ts';
import type { PeerMessage } from '../host/ports.ts';
import { configurationOf } from '../raft/configuration.ts';
import { RaftCore } from '../raft/core.ts';
import { RaftLog } from '../raft/log.ts';

export interface FakeContext extends NodeContext {
  readonly sent: PeerMessage[];
  readonly fatals: unknown[];
  kicks: number;
  tick: number;
  /** Makes the core hear a leader. */
  follow(leader: bigint, term: number): void;
  /** Makes the core lead (it must be the only voter). */
  lead(): void;
}

/** Member 1 of the given voters. */
export function fakeContext(
  voters: readonly bigint[] = [1n, 2n, 3n],
  limits: Partial<NodeLimits> = {},
): FakeContext {
  const core = new RaftCore({
    id: 1n,
    random: seededRandom(1),
    log: new RaftLog({ index: 0, term: 0 }),
    hardState: { term: 0, vote: 0n, commit: 0 },
    conf: configurationOf(voters),
    applied: 0,
  });
  const sent: PeerMessage[] = [];
  const fatals: unknown[] = [];
  const context: FakeContext = {
    core,
    sent,
    fatals,
    kicks: 0,
    tick: 0,
    transport: {
      start: async () => undefined,
      setPeers: () => undefined,
      send: (messages) => {
        sent.push(...messages);
      },
      sendSnapshot: async () => undefined,
      stop: async () => undefined,
    },
    limits: { ...DEFAULT_NODE_LIMITS, ...limits },
    random: seededRandom(2),
    log: silentLogger,
    kick: () => {
      context.kicks += 1;
    },
    fatal: (err) => {
      fatals.push(err);
    },
    ticks: () => context.tick,
    follow: (from, term) => {
      core.step({ type: 'heartbeat', from, to: 1n, term, commit: 0, readSeq: 0 });
    },
    lead: () => {
      core.campaign();
      const { token } = core.ready();
      if (token !== undefined) core.persisted(token);
      const again = core.ready();
      if (again.token !== undefined) core.persisted(again.token);
    },
  };
  return context;
}
