/** Members that crash and come back on the same disk, in one process. */
import { type Clock, type Random, seededRandom, silentLogger } from '@kubets/platform';
import { DEFAULT_NODE_LIMITS, type NodeLimits } from '../../host/limits.ts';
import { RaftNode } from '../../host/raft-node.ts';
import { openStorage } from '../../host/storage.ts';
import type { MemberInfo, StateMachine } from '../../ports.ts';
import type { RaftCore } from '../../raft/core.ts';
import type { PeerId } from '../../raft/types.ts';
import type { Disk } from '../../wal/disk.ts';
import { Checker, Violation } from './checker.ts';
import { SimDisk } from './disk.ts';
import { SimLoop } from './loop.ts';
import { SimNetwork } from './network.ts';

export interface BaseOptions {
  readonly seed: number;
  /** Voting members at first; spare ones exist but are not started. */
  readonly members: number;
  readonly spares?: number;
  readonly limits?: Partial<NodeLimits>;
  /** Lets a test play a broken implementation. */
  readonly wrapDisk?: (disk: Disk) => Disk;
}

/** What a member runs on top of consensus. */
export interface Part {
  readonly machine: StateMachine;
  /** Consensus is there, and about to start. */
  joined?(node: RaftNode): void;
  /** Makes what was applied durable, soon. */
  flush(): void;
}

/** A member while it runs. */
export interface Life<P extends Part = Part> {
  readonly node: RaftNode;
  readonly core: RaftCore;
  readonly part: P;
  alive: boolean;
}

/** The surroundings of one life of a member. */
export interface LifeEnv {
  readonly clock: Clock;
  readonly alive: () => boolean;
}

export class Member<P extends Part = Part> {
  readonly info: MemberInfo;
  readonly disk: SimDisk;
  life: Life<P> | undefined;
  starting = false;
  /** Its data is damaged: it will not start again. */
  lost = false;
  /** Milliseconds a sync takes, at most. */
  syncMs = 4;
  generation = 0;

  constructor(info: MemberInfo, loop: SimLoop, random: Random) {
    this.info = info;
    this.disk = new SimDisk({ loop, random, syncMs: () => 0.2 + random.next() * this.syncMs });
  }

  get id(): PeerId {
    return this.info.id;
  }
}

/** Small numbers, so that segments roll, logs are truncated and snapshots are needed all the time. */
export const SIM_LIMITS: NodeLimits = {
  ...DEFAULT_NODE_LIMITS,
  snapshotCatchUpEntries: 20,
  raft: { maxInflightMessages: 8, maxAppendBytes: 512 },
  wal: { segmentBytes: 8192, allocateBytes: 1024 },
};

/** Members of whatever kind; a subclass says what they run. */
export abstract class BaseCluster<P extends Part> {
  readonly loop = new SimLoop();
  readonly random: Random;
  readonly network: SimNetwork;
  readonly checker = new Checker();
  readonly members: Member<P>[] = [];
  readonly #options: BaseOptions;
  readonly #first: MemberInfo[];
  /** The first thing that went wrong. */
  failure: unknown;
  /** Called when a member has become leader. */
  onLeader: ((id: PeerId) => void) | undefined;

  constructor(options: BaseOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.network = new SimNetwork(this.loop, this.random);
    const count = options.members + (options.spares ?? 0);
    for (let n = 1; n <= count; n += 1) {
      const id = BigInt(n);
      const info = { id, name: `m${n}`, peerUrls: [], clientUrls: [], isLearner: false };
      this.members.push(new Member<P>(info, this.loop, this.random));
    }
    this.#first = this.members.slice(0, options.members).map((member) => member.info);
  }

  /** Members that run. */
  get lives(): Life<P>[] {
    return this.members.flatMap((member) => (member.life === undefined ? [] : [member.life]));
  }

  fail(err: unknown): void {
    this.failure ??= err;
  }

  start(member: Member<P>): void {
    if (member.life !== undefined || member.starting || member.lost) return;
    member.starting = true;
    member.generation += 1;
    const { generation } = member;
    this.#open(member, generation).catch((err: unknown) => {
      if (member.generation === generation) this.died(member, err);
    });
  }

  /** What a member runs in the life that begins. @throws what keeps it from starting */
  protected abstract open(member: Member<P>, env: LifeEnv): Promise<P>;

  /** A member ended by itself; unless a subclass knows better, that is a finding. */
  protected died(_member: Member<P>, err: unknown): void {
    this.fail(err);
  }

  /** The clock of one life of a member. */
  protected clockOf(_member: Member<P>, alive: () => boolean): Clock {
    return this.loop.clock(alive);
  }

  async #open(member: Member<P>, generation: number): Promise<void> {
    const { loop, random, network } = this;
    const alive = (): boolean => member.generation === generation;
    const clock = this.clockOf(member, alive);
    const limits = { ...SIM_LIMITS, ...this.#options.limits };
    const part = await this.open(member, { clock, alive });
    if (!alive()) return;
    const { machine } = part;
    const mounted = member.disk.mount();
    const founder = this.#first.includes(member.info);
    const storage = await openStorage({
      disk: this.#options.wrapDisk?.(mounted) ?? mounted,
      dir: 'wal',
      first: async () => ({
        identity: { clusterId: 7n, memberId: member.id },
        members: founder ? this.#first : [],
      }),
      durableIndex: Number(machine.durableIndex()),
      limits,
      random,
      clock,
      log: silentLogger,
    });
    if (!alive()) return;
    const node = new RaftNode({
      storage,
      stateMachine: machine,
      transport: network.transport(member.id, alive),
      limits,
      clock,
      random,
      log: silentLogger,
      onFatal: (err) => {
        if (alive()) this.died(member, err);
      },
      defer: (fn) =>
        loop.schedule(random.next() * 0.5, () => {
          if (alive()) fn();
        }),
    });
    part.joined?.(node);
    member.life = { node, core: storage.core, part, alive: true };
    member.starting = false;
    await node.start();
  }

  crash(member: Member<P>): void {
    member.generation += 1;
    member.starting = false;
    if (member.life !== undefined) member.life.alive = false;
    member.life = undefined;
    member.disk.crash();
    this.network.disconnect(member.id);
  }

  protected check(check: () => void): void {
    try {
      check();
    } catch (err) {
      this.fail(err);
    }
  }

  /** Looks at every member after every event. */
  observe(): void {
    for (const { core } of this.lives) {
      if (core.role !== 'leader') continue;
      const known = this.checker.counts.leaders;
      this.check(() => this.checker.onLeader(core));
      if (this.checker.counts.leaders > known) this.onLeader?.(core.id);
    }
  }

  /** Lets time pass. @throws the first violation */
  async run(forMs: number): Promise<void> {
    await this.loop.run(forMs, () => this.observe());
    this.check(() => this.checker.checkLogs(this.lives.map((life) => life.core)));
    if (this.failure !== undefined) throw this.failure;
  }

  /** Lets time pass until something holds. @throws Violation when it does not within a time */
  async until(what: string, holds: () => boolean, withinMs = 30_000): Promise<void> {
    const untilMs = this.loop.nowMs + withinMs;
    while (!holds()) {
      if (this.loop.nowMs >= untilMs)
        throw new Violation(`no progress: ${what}: ${this.describe()}`);
      await this.run(50);
    }
  }

  /** Where everybody stands, for a finding's text. */
  describe(): string {
    return this.members
      .map(({ id, life, lost, starting }) => {
        if (life === undefined) return `${id} ${lost ? 'lost' : starting ? 'starting' : 'down'}`;
        const { role, term, log, conf } = life.core;
        return `${id} ${role} term ${term} log ${log.applied}/${log.lastIndex} voters ${[...conf.voters]}`;
      })
      .join('; ');
  }

  leader(): Life<P> | undefined {
    const leaders = this.lives.filter((life) => life.core.role === 'leader');
    return leaders.sort((a, b) => b.core.term - a.core.term)[0];
  }
}
