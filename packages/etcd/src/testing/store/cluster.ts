/** Whole members in one process: consensus, the key-value state, its storage, leases, watches and the services' handlers. */
import { type Clock, FailpointError, silentLogger } from '@kubets/platform';
import { StorageError } from '../../errors.ts';
import { CorruptLogError, DataDirMismatchError } from '../../host/errors.ts';
import type { RaftNode } from '../../host/raft-node.ts';
import type { Change as StoreChange } from '../../mvcc/index.ts';
import type { CommittedEntry } from '../../ports.ts';
import { KvService } from '../../server/kv-service.ts';
import { LeaseExpirer } from '../../server/lease-expirer.ts';
import { Member as ServerMember } from '../../server/member.ts';
import { Proposer } from '../../server/proposer.ts';
import { Quota } from '../../server/quota.ts';
import { KvState } from '../../state/kv-state.ts';
import { KvStateMachine } from '../../state/state-machine.ts';
import { LevelStorage } from '../../storage/level-storage.ts';
import { WatchHub } from '../../watch/index.ts';
import {
  BaseCluster,
  type BaseOptions,
  type LifeEnv,
  type Member,
  type Part,
} from '../sim/cluster.ts';
import { Agreed } from './agreed.ts';
import type { Change } from './history.ts';
import { SimLevel } from './level.ts';
import { SimShelf } from './shelf.ts';
import { kvOf } from './values.ts';

const MIN_TTL_SECONDS = 2;
const QUOTA_BYTES = 1 << 30;
const REQUEST_BYTES = 1 << 20;

export interface StoreOptions extends BaseOptions {
  /** Clocks run up to this much faster or slower. */
  readonly drift?: number;
}

/** The state side of a member's life. */
export interface StorePart extends Part {
  readonly hub: WatchHub;
  readonly state: KvState;
  readonly stateMachine: KvStateMachine;
  /** Undefined until consensus is there. */
  kv: KvService | undefined;
  proposer: Proposer | undefined;
}

export class StoreCluster extends BaseCluster<StorePart> {
  readonly agreed = new Agreed();
  readonly #drift: number;
  readonly #levels = new Map<bigint, SimLevel>();
  readonly #rates = new Map<bigint, number>();
  /** Members that refused to start on damaged data, and those that crashed at a failpoint. */
  readonly counts = { detected: 0, failpoints: 0 };

  constructor(options: StoreOptions) {
    super(options);
    this.#drift = options.drift ?? 0;
  }

  levelOf({ id }: Member<StorePart>): SimLevel {
    const { loop, random } = this;
    const known = this.#levels.get(id);
    if (known !== undefined) return known;
    const writeMs = (): number => 1 + random.next() * (random.int(8) === 0 ? 1_500 : 20);
    const made = new SimLevel({ loop, random, writeMs });
    this.#levels.set(id, made);
    return made;
  }

  override crash(member: Member<StorePart>): void {
    super.crash(member);
    this.levelOf(member).crash();
  }

  /** Crashes a member and flips a bit of what it has stored. */
  damage(member: Member<StorePart>): void {
    this.crash(member);
    if (this.random.int(2) === 0) {
      this.levelOf(member).damage();
      return;
    }
    const paths = member.disk.paths();
    const path = paths[this.random.int(Math.max(1, paths.length))];
    // The newest batch is left alone: damage to it cannot be told from a write the power failure interrupted.
    const bytes = path === undefined ? 0 : member.disk.usedBytes(path) - 2048;
    if (path !== undefined && bytes > 0) member.disk.damage(path, this.random.int(bytes));
  }

  protected override died(member: Member<StorePart>, err: unknown): void {
    if (causedByFailpoint(err)) {
      this.counts.failpoints += 1;
      this.crash(member);
      return;
    }
    const damaged =
      err instanceof CorruptLogError ||
      err instanceof StorageError ||
      err instanceof DataDirMismatchError;
    if (!damaged || !this.damageable.has(member)) {
      this.fail(err);
      return;
    }
    this.counts.detected += 1;
    this.crash(member);
    member.lost = true;
  }

  /** Members whose data was damaged: only they may refuse to start. */
  readonly damageable = new Set<Member<StorePart>>();

  protected override clockOf({ id }: Member<StorePart>, alive: () => boolean): Clock {
    const rate = this.#rates.get(id) ?? 1 + (this.random.next() * 2 - 1) * this.#drift;
    this.#rates.set(id, rate);
    const wallMs = this.random.int(1_000_000);
    const clock = this.loop.clock(alive);
    return {
      now: () => wallMs + clock.now() * rate,
      monotonicMs: () => clock.monotonicMs() * rate,
      setTimeout: (fn, ms) => clock.setTimeout(fn, ms / rate),
      setInterval: (fn, ms) => clock.setInterval(fn, ms / rate),
    };
  }

  protected async open(member: Member<StorePart>, env: LifeEnv): Promise<StorePart> {
    const { clock, alive } = env;
    const guarded = (fn: () => void): void => {
      if (alive()) fn();
    };
    const defer = (fn: () => void): void => {
      this.loop.schedule(this.random.next() * 2, () => guarded(fn));
    };
    const { storage, loaded } = await LevelStorage.open({
      dir: 'state',
      clock,
      makeDb: () => this.levelOf(member).mount(),
      onFailure: (error) => guarded(() => this.died(member, error)),
    });
    const shelf = new SimShelf(this.random);
    const minLeaseTtlSeconds = MIN_TTL_SECONDS;
    const state = new KvState({ minLeaseTtlSeconds, journal: storage.journal, shelf });
    if (loaded !== undefined) state.restore(loaded.content, clock.monotonicMs());
    let server: ServerMember | undefined;
    const hub = new WatchHub({
      store: state.store,
      header: (revision) => server?.header(revision) ?? { revision },
      defer,
    });
    const stateMachine = new KvStateMachine({
      ...{ state, clock, storage, defer, ...(loaded && { position: loaded.position }) },
      onApplied: (proposal, applied) => part.proposer?.applied(proposal, applied),
      onTerm: (term) => part.proposer?.onTerm(term),
      onChanges: (changes) => {
        this.#agree(changes);
        hub.notify(changes);
      },
      onReplaced: () => {
        this.checker.counts.snapshots += 1;
        part.proposer?.onReplaced();
        hub.storeReplaced();
      },
    });
    const part: StorePart = {
      ...{ hub, state, stateMachine, kv: undefined, proposer: undefined },
      machine: this.#watched(stateMachine),
      flush: () => void storage.flush(),
      joined: (node) => {
        server = this.#serve(part, { node, member, clock });
      },
    };
    return part;
  }

  /** Every member must apply the same entry at the same index. */
  #watched(machine: KvStateMachine) {
    return {
      durableIndex: () => machine.durableIndex(),
      apply: (entries: readonly CommittedEntry[]) => {
        for (const entry of entries) this.check(() => this.agreed.entry(entry));
        machine.apply(entries);
      },
      openSnapshot: () => machine.openSnapshot(),
      installSnapshot: (...args: Parameters<KvStateMachine['installSnapshot']>) =>
        machine.installSnapshot(...args),
    };
  }

  #agree(changes: readonly StoreChange[]): void {
    const byRevision = new Map<number, Change[]>();
    for (const { version } of changes) {
      const of = byRevision.get(version.modRevision) ?? [];
      const { key, value, lease, modRevision, createRevision, version: count } = version;
      const numbers = { modRevision: BigInt(modRevision), createRevision: BigInt(createRevision) };
      const kv = kvOf({ key, value, lease, ...numbers, version: BigInt(count) });
      of.push({ type: version.tombstone ? 'delete' : 'put', kv });
      byRevision.set(version.modRevision, of);
    }
    for (const [revision, of] of byRevision) {
      this.check(() => this.agreed.changes(revision, of, this.loop.nowMs));
    }
  }

  #serve(
    part: StorePart,
    { node, member, clock }: { node: RaftNode; member: Member<StorePart>; clock: Clock },
  ): ServerMember {
    const { state, stateMachine, hub } = part;
    const { id: memberId } = member;
    const { random } = this;
    const log = silentLogger;
    const proposer = new Proposer({
      ...{ consensus: () => node, memberId, clock, random },
      timeoutMs: 7_000,
      overloaded: () => false,
    });
    part.proposer = proposer;
    node.onLeadership(() => proposer.onLeadership());
    const limits = {
      requestBytes: REQUEST_BYTES,
      txnOps: 128,
      learners: 1,
      quotaBytes: QUOTA_BYTES,
    };
    const parts = { state, stateMachine, hub, proposer, consensus: node, limits };
    const server = new ServerMember({ memberId, clusterId: 7n, ...parts, clock, log });
    const sizeBytes = (): number => state.store.sizeBytes;
    const { alarms } = state;
    const quotaParts = { quotaBytes: QUOTA_BYTES, memberId, alarms, proposer, sizeBytes, log };
    part.kv = new KvService(server, new Quota(quotaParts));
    new LeaseExpirer({ consensus: node, lessor: state.lessor, proposer, clock, log });
    clock.setInterval(() => hub.progressTick(), 1_000);
    return server;
  }
}

function causedByFailpoint(err: unknown): boolean {
  for (let e: unknown = err; e instanceof Error; e = e.cause) {
    if (e instanceof FailpointError) return true;
  }
  return false;
}
