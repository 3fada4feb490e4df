/** One simulated run of the whole store: faults first, then everything heals, makes progress, and is judged. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { armFailpoint } from '@kubets/platform';
import type { Life } from '../sim/cluster.ts';
import { Nemesis, type Profile } from '../sim/nemesis.ts';
import { checkRejoin } from '../sim/rejoin.ts';
import { limitsFor } from '../sim/run.ts';
import { checkHistory } from './check-history.ts';
import { checkWatch } from './check-watch.ts';
import { Clients } from './clients.ts';
import { StoreCluster, type StoreOptions, type StorePart } from './cluster.ts';
import { HistoryViolation } from './history.ts';
import { type Model, modelOf } from './model.ts';
import { everythingFrom, Watchers } from './watchers.ts';

export interface StoreRunOptions extends Omit<StoreOptions, 'members' | 'drift'> {
  /** Slices of 100 simulated milliseconds with faults. */
  readonly steps: number;
  readonly members?: number;
  /** What goes wrong; `mixed` by default. */
  readonly profile?: Profile;
}

export interface StoreRunResult {
  readonly seed: number;
  readonly events: number;
  readonly simulatedMs: number;
  readonly leaders: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly revisions: number;
  readonly watchers: number;
  readonly watchEvents: number;
  readonly snapshots: number;
  readonly failpoints: number;
  /** Members that refused to start on damaged data. */
  readonly damageDetected: number;
  /** A digest of the final state: the same seed gives the same. */
  readonly hash: string;
}

const SLICE_MS = 100;
const DRIFT = 0.1;
/** No client sends any more when these are counted: each compaction that still happens cancels a watcher once. */
const COMPACTIONS_UNDER_WAY = 20;
const FAILPOINTS = [
  ...['wal.beforeWrite', 'wal.beforeSync', 'wal.afterSync', 'wal.beforeRemove'],
  ...['storage.beforeWrite', 'storage.afterWrite', 'storage.beforeSwitch'],
  ...['raft.beforeApply', 'raft.afterApply', 'snapshot.beforeInstall', 'snapshot.afterInstall'],
];

interface Run {
  readonly cluster: StoreCluster;
  readonly clients: Clients;
  readonly watchers: Watchers;
}

/** @throws HistoryViolation, Violation, or whatever a member died of */
export async function runStore(options: StoreRunOptions): Promise<StoreRunResult> {
  const members = options.members ?? 3;
  const { profile = 'mixed' } = options;
  const limits = { ...limitsFor(profile), ...options.limits };
  const cluster = new StoreCluster({ spares: 2, ...options, limits, members, drift: DRIFT });
  const { random } = cluster;
  const clients = new Clients(cluster);
  const watchers = new Watchers(cluster, clients);
  // Damage takes a member away for good: with members coming and going, a majority could be lost honestly.
  const damage = members > 2 && random.int(3) === 0;
  const membership = !damage && options.spares !== 0;
  const nemesis = new Nemesis(cluster, { membership, profile });
  for (const member of cluster.members.slice(0, members)) cluster.start(member);
  const disarm: (() => void)[] = [];
  try {
    for (let step = 0; step < options.steps; step += 1) {
      const operations = random.int(12);
      for (let n = 0; n < operations; n += 1) {
        cluster.loop.schedule(random.next() * SLICE_MS, () => clients.step());
      }
      if (random.int(2) === 0) watchers.step();
      if (random.int(5) === 0) nemesis.step();
      if (random.int(25) === 0) disarm.push(arm(cluster));
      if (damage && cluster.damageable.size === 0 && random.int(30) === 0) damageOne(cluster);
      await cluster.run(SLICE_MS);
    }
    while (disarm.length > 0) disarm.pop()?.();
    nemesis.stop();
    await heal({ cluster, clients, watchers });
  } finally {
    for (const undo of disarm) undo();
  }
  return judge({ cluster, clients, watchers }, options.seed);
}

/** Whoever comes by there next crashes. */
function arm({ random }: StoreCluster): () => void {
  return armFailpoint(FAILPOINTS[random.int(FAILPOINTS.length)] ?? '', 'error');
}

function damageOne(cluster: StoreCluster): void {
  const member = cluster.members[cluster.random.int(3)];
  if (member === undefined || member.generation === 0) return;
  cluster.damageable.add(member);
  cluster.damage(member);
  cluster.start(member);
}

async function heal({ cluster, clients, watchers }: Run): Promise<void> {
  cluster.network.heal();
  for (const member of cluster.members) {
    member.syncMs = 4;
    if (member.generation > 0) cluster.start(member);
  }
  // Whoever dies of what befell it earlier is started again, as a supervisor would.
  const until = (what: string, holds: () => boolean): Promise<void> =>
    cluster.until(what, () => {
      for (const member of cluster.members) if (member.generation > 0) cluster.start(member);
      return holds();
    });
  await until('a leader after healing', () => cluster.leader() !== undefined);
  let written = false;
  const attempt = async (): Promise<void> => {
    const leader = cluster.leader();
    if (leader !== undefined && (await clients.send(leader, clients.traffic.put('a')))) {
      written = true;
    }
  };
  await until('a write after healing', () => {
    if (!written) void attempt();
    return written;
  });
  await until('leases end', () => leasesEnded(cluster));
  await until('all members caught up', () => caughtUp(cluster));
  await checkRejoin(cluster);
  await watchAll({ cluster, clients, watchers });
}

function leasesEnded(cluster: StoreCluster): boolean {
  const leader = cluster.leader();
  return leader !== undefined && leader.part.state.lessor.size === 0;
}

/** Everybody in the leader's configuration, but those whose data was damaged, has applied the same. */
function caughtUp(cluster: StoreCluster): boolean {
  const leader = cluster.leader();
  if (leader === undefined) return false;
  const { applied, lastIndex } = leader.core.log;
  if (applied !== lastIndex) return false;
  const lost = new Set(cluster.members.filter((one) => one.lost).map(({ id }) => id));
  const ids = leader.node.status().members.filter(({ id }) => !lost.has(id));
  return ids.every(({ id }) =>
    cluster.lives.some(({ core }) => core.id === id && core.log.applied === applied),
  );
}

/** A new watcher at each member, from as far back as it goes, must see everything. */
async function watchAll({ cluster, watchers }: Run): Promise<void> {
  const newest = cluster.agreed.revisions.size + 1;
  const status = cluster.leader()?.node.status();
  const inside = new Set(status?.members.map(({ id }) => id));
  let waiting = cluster.lives.filter(({ core }) => inside.has(core.id));
  // A compaction whose sender gave up may still happen, and cancel a watcher of what it drops: it begins anew behind it.
  for (let round = 0; waiting.length > 0; round += 1) {
    if (round > COMPACTIONS_UNDER_WAY) throw new HistoryViolation('compactions do not end');
    const opened = waiting.map((life) => {
      const start = Math.max(1, life.part.state.store.compactRevision);
      const [record] = watchers.open(life, [everythingFrom(start)]).records.values();
      if (record === undefined) throw new HistoryViolation('a watcher was not created');
      record.mustReach = newest;
      return { life, record };
    });
    await cluster.run(5_000);
    const cancelled = opened.filter(({ record }) => record.messages.at(-1)?.type === 'compacted');
    waiting = cancelled.map(({ life }) => life);
  }
}

function judge({ cluster, clients, watchers }: Run, seed: number): StoreRunResult {
  const { agreed, checker, counts } = cluster;
  const model = modelOf(agreed.revisions);
  const { operations } = clients;
  const clockRate = 1 + DRIFT;
  checkHistory(model, operations, { appliedAtMs: agreed.appliedAtMs, clockRate });
  for (const record of watchers.records) checkWatch(model, record, clients);
  const hash = checkStates(cluster, model);
  const outcomes = (type: string): number =>
    operations.filter(({ outcome }) => outcome.type === type).length;
  const messages = watchers.records.flatMap((record) => record.messages);
  return {
    seed,
    events: cluster.loop.eventCount,
    simulatedMs: Math.round(cluster.loop.nowMs),
    leaders: checker.counts.leaders,
    acknowledged: outcomes('ok'),
    refused: outcomes('refused'),
    unknown: outcomes('unknown'),
    revisions: model.revision,
    watchers: watchers.records.length,
    watchEvents: messages.flatMap((m) => (m.type === 'events' ? m.events : [])).length,
    snapshots: checker.counts.snapshots,
    failpoints: counts.failpoints,
    damageDetected: counts.detected,
    hash,
  };
}

/** Every member that takes part holds the same, and what the model says is alive. */
function checkStates(cluster: StoreCluster, model: Model): string {
  const leader = cluster.leader();
  if (leader === undefined) throw new HistoryViolation('no leader at the end');
  const inside = new Set(leader.node.status().members.map(({ id }) => id));
  const reference = contentOf(leader);
  for (const life of cluster.lives) {
    if (!inside.has(life.core.id) || isDeepStrictEqual(contentOf(life), reference)) continue;
    throw new HistoryViolation(
      `members ${leader.core.id} and ${life.core.id} hold different states`,
    );
  }
  const alive = model
    .range({ key: 'a', end: 'z', at: model.revision })
    .map(({ key, mod }) => [key, mod]);
  const held = [...leader.part.state.store.aliveVersions()].map((version) => [
    version.key.toString('latin1'),
    version.modRevision,
  ]);
  if (!isDeepStrictEqual(held, alive)) throw new HistoryViolation('the state is not the model');
  return createHash('sha1').update(JSON.stringify(reference)).digest('hex');
}

function contentOf({ part }: Life<StorePart>): unknown {
  const { versions, leases, alarms, revision, compactRevision } = part.stateMachine.content();
  return {
    ...{ alarms: alarms.length, revision, compactRevision },
    leases: leases.map(({ id, ttlSeconds, renewals }) => `${id} ${ttlSeconds} ${renewals}`).sort(),
    versions: [...versions].map((v) => [
      ...[v.key.toString('latin1'), v.value.toString('latin1'), String(v.lease), v.tombstone],
      ...[v.createRevision, v.modRevision, v.version, v.sub],
    ]),
  };
}
