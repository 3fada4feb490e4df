/** Puts a member together and starts it: state, consensus, services, door. */

import { dirname, join } from 'node:path';
import {
  type Clock,
  type Health,
  type Logger,
  type Metrics,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
  type TlsMaterial,
} from '@kubets/platform';
import type { Vault } from '../encryption/vault.ts';
import { LIMITS } from '../limits.ts';
import type { Consensus, MemberId, MemberInfo, StateMachine } from '../ports.ts';
import { KvState } from '../state/kv-state.ts';
import { KvStateMachine } from '../state/state-machine.ts';
import { LevelStorage } from '../storage/level-storage.ts';
import { FileShelf } from '../storage/runtime/file-shelf.ts';
import { WatchHub } from '../watch/index.ts';
import { AuthService } from './auth-service.ts';
import { type AuthSettings, BCRYPT_COST, makeTokens } from './auth-settings.ts';
import { Compactor, type Retention } from './compactor.ts';
import { Door } from './door.ts';
import { httpReplier } from './http.ts';
import { LeaderGuard } from './leader-guard.ts';
import { LeaseExpirer } from './lease-expirer.ts';
import { Member, type ServerLimits } from './member.ts';
import { Passwords } from './passwords.ts';
import { Proposer } from './proposer.ts';
import { Publisher } from './publisher.ts';
import { Quota } from './quota.ts';
import { addServices } from './services.ts';

export interface Listener {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** Makes the consensus once the state it replicates is there. */
export type MakeConsensus = (stateMachine: StateMachine) => Promise<JoinedConsensus>;

export interface JoinedConsensus {
  readonly consensus: Consensus;
  readonly memberId: MemberId;
  readonly clusterId: bigint;
}

export interface MemberOptions {
  readonly name: string;
  /** Where the state is kept; absent: nowhere. */
  readonly stateDir?: string;
  readonly makeConsensus: MakeConsensus;
  readonly listeners: readonly Listener[];
  /** Where only what plain HTTP asks for is served, without TLS. */
  readonly metricsListeners?: readonly Listener[];
  /** What others are told to reach this member's clients port by; absent: where it listens. */
  readonly clientUrls?: readonly string[];
  readonly tls?: TlsMaterial & { readonly requireClientCert: boolean };
  readonly electionMs: number;
  readonly limits?: Partial<ServerLimits>;
  readonly watchProgressMs?: number;
  /** Absent: history is kept until someone compacts it. */
  readonly retention?: Retention;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  readonly health?: Health;
  readonly metrics?: Metrics;
  /** How users log in. */
  readonly auth?: AuthSettings;
  /** Encrypts the state on disk. */
  readonly vault?: Vault | undefined;
  /** Called when the member cannot go on: its process must end. */
  readonly onFatal: (error: unknown) => void;
}

/** A member that serves. */
export interface RunningMember {
  readonly member: Member;
  /** Ports in the order of the listeners. */
  readonly ports: readonly number[];
  /** Finishes what is under way, hands over, and lets go of everything. */
  stop(graceMs?: number): Promise<void>;
}

interface Base {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface StateSide {
  readonly state: KvState;
  readonly stateMachine: KvStateMachine;
  readonly hub: WatchHub;
  readonly storage: LevelStorage | undefined;
}

/** The parts that know each other through what is made last. */
interface Late {
  member: Member | undefined;
  proposer: Proposer | undefined;
}

async function openStorage(options: MemberOptions, { clock, log }: Base) {
  if (options.stateDir === undefined) return { storage: undefined, loaded: undefined };
  const { stateDir: dir, onFatal, vault } = options;
  const onRefreshed = (records: number): void => {
    const what = 'all data is encrypted with the first key; others may leave the key file';
    log.info({ records, key: vault?.primaryId }, what);
  };
  return LevelStorage.open({ dir, clock, vault, onRefreshed, onFailure: onFatal });
}

async function openState(options: MemberOptions, base: Base, late: Late): Promise<StateSide> {
  const { storage, loaded } = await openStorage(options, base);
  const { stateDir } = options;
  const shelf = stateDir && new FileShelf(join(dirname(stateDir), 'history'), base.log);
  // As in etcd: one and a half elections, in whole seconds.
  const minLeaseTtlSeconds = Math.ceil((1.5 * options.electionMs) / 1000);
  const journal = storage?.journal;
  const shelved = shelf ? { shelf } : {};
  const state = new KvState({ minLeaseTtlSeconds, ...(journal && { journal }), ...shelved });
  if (loaded !== undefined) state.restore(loaded.content, base.clock.monotonicMs());
  const hub = new WatchHub({
    store: state.store,
    header: (revision) => late.member?.header(revision) ?? { revision },
    defer: setImmediate,
  });
  const stateMachine = new KvStateMachine({
    ...{ state, clock: base.clock, ...(storage && { storage }) },
    ...(loaded && { position: loaded.position }),
    onApplied: (proposal, applied) => late.proposer?.applied(proposal, applied),
    onTerm: (term) => late.proposer?.onTerm(term),
    defer: setImmediate,
    onChanges: (changes) => hub.notify(changes),
    onReplaced: () => {
      late.proposer?.onReplaced();
      hub.storeReplaced();
    },
  });
  return { state, stateMachine, hub, storage };
}

function serverLimits(options: MemberOptions): ServerLimits {
  return {
    requestBytes: LIMITS.requestBytes,
    txnOps: LIMITS.txnOps,
    learners: LIMITS.learners,
    quotaBytes: LIMITS.quotaBackendBytes,
    ...options.limits,
  };
}

/** Starts a member; resolves once its ports are open. It may have no leader yet. */
export async function startMember(options: MemberOptions): Promise<RunningMember> {
  const { clock = systemClock, random = systemRandom, log = silentLogger } = options;
  const base: Base = { clock, random, log };
  const late: Late = { member: undefined, proposer: undefined };
  const side = await openState(options, base, late);
  const undo: (() => Promise<void> | undefined)[] = [() => side.storage?.close()];
  try {
    const joined = await options.makeConsensus(side.stateMachine);
    undo.push(() => joined.consensus.stop());
    const member = makeMember(options, base, { side, joined });
    late.member = member;
    late.proposer = member.parts.proposer;
    return await serve(options, base, { side, member });
  } catch (error) {
    // Nothing is left half started: neither the directory held nor a member that takes part.
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

function makeMember(
  options: MemberOptions,
  { clock, random, log }: Base,
  { side, joined }: { side: StateSide; joined: JoinedConsensus },
): Member {
  const { consensus, memberId, clusterId } = joined;
  const { state, stateMachine, hub, storage } = side;
  const proposer = new Proposer({
    ...{ consensus: () => consensus, memberId, clock, random },
    timeoutMs: LIMITS.writeTimeoutMs + 2 * options.electionMs,
    overloaded: () => (storage?.backlog ?? 0) > LIMITS.storageBacklogRecords,
  });
  consensus.onLeadership(() => proposer.onLeadership());
  const limits = serverLimits(options);
  const replicated = { state, stateMachine, hub, proposer, consensus };
  const linearize = (): Promise<void> => member.linearize();
  const tokens = makeTokens(options.auth, { state, stateMachine, proposer, clock, linearize });
  const credentials = {
    tokens,
    certificateUsers: options.tls?.requireClientCert === true,
    strictTxns: options.auth?.strictTxns === true,
  };
  const own = { memberId, clusterId, limits, clock, log, credentials };
  const member: Member = new Member({ ...own, ...replicated });
  return member;
}

/** Opens the door and starts what runs by itself. */
async function serve(
  options: MemberOptions,
  base: Base,
  { side, member }: { side: StateSide; member: Member },
): Promise<RunningMember> {
  const { clock, log } = base;
  const { state, hub, storage } = side;
  const { proposer, consensus, memberId, limits } = member.parts;
  const sizeBytes = () => state.store.sizeBytes;
  const { quotaBytes } = limits;
  const quota = new Quota({ quotaBytes, memberId, alarms: state.alarms, proposer, sizeBytes, log });
  const guard = new LeaderGuard(consensus, LIMITS.leaderlessElections * options.electionMs, clock);
  const passwords = new Passwords(clock, options.auth?.bcryptCost ?? BCRYPT_COST);
  const auth = new AuthService(member, passwords);
  const { door, ports } = await openDoor(options, base, { member, quota, guard, auth });
  const running = [
    guard,
    startPublisher(options, { member, ports }),
    new LeaseExpirer({ consensus, lessor: state.lessor, proposer, clock, log }),
    ...startCompactor(options, member),
    every(clock, options.watchProgressMs ?? LIMITS.watchProgressMs, () => hub.progressTick()),
    every(clock, LIMITS.quotaCheckMs, () => {
      quota.relax().catch((error: unknown) => log.debug({ err: error }, 'alarm not cleared yet'));
    }),
  ];
  return {
    member,
    ports,
    async stop(graceMs = LIMITS.drainMs) {
      for (const one of running) one.close();
      hub.close();
      await door.close(graceMs);
      await consensus.stop();
      proposer.close();
      await passwords.close();
      await storage?.close();
    },
  };
}

function every(clock: Clock, ms: number, fn: () => void): { close(): void } {
  const timer = clock.setInterval(fn, ms);
  return { close: () => timer.cancel() };
}

function startPublisher(
  options: MemberOptions,
  { member, ports }: { member: Member; ports: readonly number[] },
): Publisher {
  const { consensus, clock, log } = member.parts;
  const scheme = options.tls === undefined ? 'http' : 'https';
  const own = ports.map((port, i) => `${scheme}://${options.listeners[i]?.host}:${port}`);
  const { name, clientUrls = own } = options;
  const onPublished = () => {
    member.published = true;
  };
  return new Publisher({ consensus, name, clientUrls, clock, log, onPublished });
}

function startCompactor({ retention }: MemberOptions, member: Member): Compactor[] {
  if (retention === undefined) return [];
  const { consensus, proposer, state, clock, log } = member.parts;
  const revision = () => state.store.revision;
  return [new Compactor({ retention, consensus, proposer, revision, clock, log })];
}

async function openDoor(
  options: MemberOptions,
  { clock, log }: Base,
  services: Parameters<typeof addServices>[1],
): Promise<{ door: Door; ports: number[] }> {
  const { tls, health, metrics } = options;
  const http = httpReplier({
    ...{ member: () => services.member, clock, ...(health && { health }) },
    ...(metrics && { metrics }),
  });
  const maxMessageBytes = services.member.parts.limits.requestBytes + LIMITS.requestOverheadBytes;
  const door = new Door({ ...{ clock, log, maxMessageBytes, http }, ...(tls && { tls }) });
  for (const { host, port } of options.metricsListeners ?? []) await door.listenHttp(host, port);
  addServices(door, services);
  const ports: number[] = [];
  for (const { host, port } of options.listeners) ports.push(await door.listen(host, port));
  return { door, ports };
}

export type { MemberInfo };
