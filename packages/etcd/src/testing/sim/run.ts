/** One simulated run: faults first, then everything heals and the cluster has to make progress. */
import type { NodeLimits } from '../../host/limits.ts';
import { SIM_LIMITS } from './cluster.ts';
import { Nemesis, type Profile } from './nemesis.ts';
import type { SimNetwork } from './network.ts';
import { type ClusterOptions, SimCluster } from './registers-cluster.ts';
import { checkRejoin } from './rejoin.ts';
import { Workload } from './workload.ts';

export interface RunOptions extends Omit<ClusterOptions, 'members'> {
  /** Slices of 100 simulated milliseconds with faults. */
  readonly steps: number;
  readonly members?: number;
  /** What goes wrong; `mixed` by default. */
  readonly profile?: Profile;
  readonly onNetwork?: (network: SimNetwork) => void;
}

export interface RunResult {
  readonly seed: number;
  readonly events: number;
  readonly simulatedMs: number;
  readonly leaders: number;
  readonly writes: number;
  readonly reads: number;
  readonly snapshots: number;
  readonly committed: number;
  /** A digest of the final state: the same seed gives the same. */
  readonly hash: string;
}

const SLICE_MS = 100;

/** Limits for a profile: where leaders change all the time, each entry travels alone. */
export function limitsFor(profile: Profile | undefined): Partial<NodeLimits> {
  if (profile !== 'churn') return {};
  return { raft: { ...SIM_LIMITS.raft, maxAppendBytes: 1 } };
}

/** @throws Violation, or whatever a member died of */
export async function runSimulation(options: RunOptions): Promise<RunResult> {
  const { profile, members: count = 3 } = options;
  const limits = { ...limitsFor(profile), ...options.limits };
  const cluster = new SimCluster({ spares: 2, ...options, limits, members: count });
  options.onNetwork?.(cluster.network);
  const workload = new Workload(cluster);
  const nemesis = new Nemesis(cluster, profile === undefined ? {} : { profile });
  const { random, members } = cluster;
  for (const member of members.slice(0, count)) cluster.start(member);
  for (let step = 0; step < options.steps; step += 1) {
    const operations = random.int(10);
    for (let n = 0; n < operations; n += 1) {
      cluster.loop.schedule(random.next() * SLICE_MS, () => workload.step());
    }
    if (random.int(5) === 0) nemesis.step();
    await cluster.run(SLICE_MS);
  }
  nemesis.stop();
  return heal(cluster, workload, options.seed);
}

async function heal(cluster: SimCluster, workload: Workload, seed: number): Promise<RunResult> {
  cluster.network.heal();
  for (const member of cluster.members) {
    member.syncMs = 4;
    if (member.generation > 0) cluster.start(member);
  }
  await cluster.until('a leader after healing', () => cluster.leader() !== undefined);
  let written = false;
  const attempt = async (): Promise<void> => {
    const leader = cluster.leader();
    if (leader !== undefined && (await workload.write(leader, 'a'))) written = true;
  };
  await cluster.until('a write after healing', () => {
    if (!written) attempt().catch(() => undefined);
    return written;
  });
  await cluster.until('all members caught up', () => caughtUp(cluster));
  await checkRejoin(cluster);
  cluster.checker.checkAcknowledged();
  const { counts, highestCommitted } = cluster.checker;
  return {
    seed,
    events: cluster.loop.eventCount,
    simulatedMs: Math.round(cluster.loop.nowMs),
    leaders: counts.leaders,
    writes: counts.writes,
    reads: counts.reads,
    snapshots: counts.snapshots,
    committed: highestCommitted,
    hash: cluster.leader()?.part.registers.hash ?? '',
  };
}

/** Everybody in the leader's configuration has applied the same. */
function caughtUp(cluster: SimCluster): boolean {
  const leader = cluster.leader();
  if (leader === undefined) return false;
  const { applied, lastIndex } = leader.core.log;
  if (applied !== lastIndex) return false;
  const ids = new Set(leader.node.status().members.map((member) => member.id));
  const inside = cluster.lives.filter((life) => ids.has(life.core.id));
  return (
    inside.length === ids.size &&
    inside.every(
      (life) =>
        life.core.log.applied === applied &&
        life.part.registers.hash === leader.part.registers.hash,
    )
  );
}
