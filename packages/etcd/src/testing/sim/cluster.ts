/** Members that crash and come back on the same disk, in one process. */
import { type Random, seededRandom, silentLogger } from '@kubets/platform';
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
import { type DurableCell, newCell, Registers } from './state-machine.ts';

export interface ClusterOptions {
  readonly seed: number;
  /** Voting members at first; spare ones exist but are not started. */
  readonly members: number;
  readonly spares?: number;
  readonly limits?: Partial<NodeLimits>;
  /** Lets a test play a broken implementation. */
  readonly wrapDisk?: (disk: Disk) => Disk;
  readonly wrapStateMachine?: (machine: Registers) => StateMachine;
}

/** A member while it runs. */
export interface Life {
  readonly node: RaftNode;
  readonly core: RaftCore;
  readonly registers: Registers;
  alive: boolean;
}

export class Member {
  readonly info: MemberInfo;
  readonly disk: SimDisk;
  readonly cell: DurableCell = newCell();
  life: Life | undefined;
  starting = false;
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

export class SimCluster {
  readonly loop = new SimLoop();
  readonly random: Random;
  readonly network: SimNetwork;
  readonly checker = new Checker();
  readonly members: Member[] = [];
  readonly #options: ClusterOptions;
  readonly #first: MemberInfo[];
  /** The first thing that went wrong. */
  failure: unknown;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.network = new SimNetwork(this.loop, this.random);
    const count = options.members + (options.spares ?? 0);
    for (let n = 1; n <= count; n += 1) {
      const id = BigInt(n);
      const info = { id, name: `m${n}`, peerUrls: [], clientUrls: [], isLearner: false };
      this.members.push(new Member(info, this.loop, this.random));
    }
    this.#first = this.members.slice(0, options.members).map((member) => member.info);
  }

  /** Members that run. */
  get lives(): Life[] {
    return this.members.flatMap((member) => (member.life === undefined ? [] : [member.life]));
  }

  fail(err: unknown): void {
    this.failure ??= err;
  }

  start(member: Member): void {
    if (member.life !== undefined || member.starting) return;
    member.starting = true;
    member.generation += 1;
    this.#open(member, member.generation).catch((err: unknown) => this.fail(err));
  }

  async #open(member: Member, generation: number): Promise<void> {
    const { loop, random, network } = this;
    const alive = (): boolean => member.generation === generation;
    const clock = loop.clock(alive);
    const limits = { ...SIM_LIMITS, ...this.#options.limits };
    const registers = new Registers({
      cell: member.cell,
      onApplied: (fact) => {
        this.#check(() => this.checker.onApplied(member.id, member.life?.core.term ?? 0, fact));
      },
      onInstalled: () => {
        this.checker.counts.snapshots += 1;
      },
    });
    const machine = this.#options.wrapStateMachine?.(registers) ?? registers;
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
      onFatal: (err) => this.fail(err),
      defer: (fn) =>
        loop.schedule(random.next() * 0.5, () => {
          if (alive()) fn();
        }),
    });
    member.life = { node, core: storage.core, registers, alive: true };
    member.starting = false;
    await node.start();
  }

  crash(member: Member): void {
    member.generation += 1;
    member.starting = false;
    if (member.life !== undefined) member.life.alive = false;
    member.life = undefined;
    member.disk.crash();
    this.network.disconnect(member.id);
  }

  #check(check: () => void): void {
    try {
      check();
    } catch (err) {
      this.fail(err);
    }
  }

  /** Looks at every member after every event. */
  observe(): void {
    for (const { core } of this.lives) {
      if (core.role === 'leader') this.#check(() => this.checker.onLeader(core));
    }
  }

  /** Lets time pass. @throws the first violation */
  async run(forMs: number): Promise<void> {
    await this.loop.run(forMs, () => this.observe());
    this.#check(() => this.checker.checkLogs(this.lives.map((life) => life.core)));
    if (this.failure !== undefined) throw this.failure;
  }

  /** Lets time pass until something holds. @throws Violation when it does not within a time */
  async until(what: string, holds: () => boolean, withinMs = 30_000): Promise<void> {
    const untilMs = this.loop.nowMs + withinMs;
    while (!holds()) {
      if (this.loop.nowMs >= untilMs) throw new Violation(`no progress: ${what}`);
      await this.run(50);
    }
  }

  leader(): Life | undefined {
    const leaders = this.lives.filter((life) => life.core.role === 'leader');
    return leaders.sort((a, b) => b.core.term - a.core.term)[0];
  }
}
