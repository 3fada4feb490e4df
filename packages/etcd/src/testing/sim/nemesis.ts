/** What goes wrong, at random. */
import type { Random } from '@kubets/platform';
import { ConsensusError } from '../../host/errors.ts';
import type { MemberChange } from '../../ports.ts';
import type { PeerId } from '../../raft/types.ts';
import type { BaseCluster, Member, Part } from './cluster.ts';

/**
 * `mixed`: everything, now and then. `churn`: leaders fall right after they were elected, before or while their first entries
 * reach somebody, and soon come back with what they have: the hardest time for the rules of commitment.
 */
export const PROFILES = ['mixed', 'churn'] as const;
export type Profile = (typeof PROFILES)[number];

export interface NemesisOptions {
  /** Members come and go; default true. */
  readonly membership?: boolean;
  readonly profile?: Profile;
}

const CHURN = {
  /** After this long at most a new leader falls. */
  fallsWithinMs: 60,
  /** After this long at most it is there again. */
  backWithinMs: 2_500,
} as const;

export class Nemesis<P extends Part> {
  readonly #cluster: BaseCluster<P>;
  readonly #membership: boolean;
  readonly #random: Random;

  constructor(cluster: BaseCluster<P>, options: NemesisOptions = {}) {
    const { membership = true, profile = 'mixed' } = options;
    this.#membership = membership && profile === 'mixed';
    this.#cluster = cluster;
    this.#random = cluster.random;
    if (profile === 'churn') cluster.onLeader = (id) => this.#topple(id);
  }

  /** A leader falls, most of the time, and comes back. */
  #topple(id: PeerId): void {
    const random = this.#random;
    const { loop, network, members } = this.#cluster;
    const member = members.find((one) => one.id === id);
    if (member === undefined || random.int(4) === 0) return;
    const crash = random.int(2) === 0;
    const fallen = random.next() * CHURN.fallsWithinMs;
    loop.schedule(fallen, () => {
      if (crash) this.#cluster.crash(member);
      else for (const other of members) if (random.int(3) > 0) network.block(id, other.id);
    });
    loop.schedule(fallen + random.next() * CHURN.backWithinMs, () => {
      if (crash) this.#cluster.start(member);
      else network.heal();
    });
  }

  /** No more of it: from now on the cluster is to recover. */
  stop(): void {
    this.#cluster.onLeader = undefined;
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#random.int(items.length)];
  }

  /** One thing goes wrong, or gets better. */
  step(): void {
    const actions = [
      () => this.#crashOne(),
      () => this.#crashOne(),
      () => this.#crashAll(),
      () => this.#restart(),
      () => this.#restart(),
      () => this.#restart(),
      () => this.#partition(),
      () => this.#isolateLeader(),
      () => this.#isolateLeader(),
      () => this.#cutOneWay(),
      () => this.#cluster.network.heal(),
      () => this.#cluster.network.heal(),
      () => this.#badNetwork(),
      () => this.#slowDisk(),
      () => this.#breakConnection(),
      () => this.#transfer(),
      () => this.#changeMembers(),
      () => this.#changeMembers(),
      () => this.#flush(),
      () => this.#flush(),
      () => this.#flush(),
    ];
    this.#pick(actions)?.();
  }

  #running(): Member<P>[] {
    return this.#cluster.members.filter((member) => member.life !== undefined);
  }

  #crashOne(): void {
    const member = this.#pick(this.#cluster.members);
    if (member === undefined || member.generation === 0) return;
    this.#cluster.crash(member);
  }

  #crashAll(): void {
    if (this.#random.int(4) > 0) return;
    for (const member of this.#cluster.members) {
      if (member.generation > 0) this.#cluster.crash(member);
    }
  }

  #restart(): void {
    for (const member of this.#cluster.members) {
      if (member.generation > 0 && this.#random.int(2) === 0) this.#cluster.start(member);
    }
  }

  #partition(): void {
    const { members, network } = this.#cluster;
    const side = new Set(members.filter(() => this.#random.int(2) === 0));
    for (const a of members) {
      for (const b of members) if (side.has(a) !== side.has(b)) network.block(a.id, b.id);
    }
  }

  /** It goes on believing that it leads, and its clients with it. */
  #isolateLeader(): void {
    const { members, network } = this.#cluster;
    const leader = this.#cluster.leader()?.core.id;
    if (leader === undefined) return;
    const bothWays = this.#random.int(3) > 0;
    for (const { id } of members) {
      if (id === leader) continue;
      network.block(leader, id);
      if (bothWays) network.block(id, leader);
    }
  }

  #cutOneWay(): void {
    const { members, network } = this.#cluster;
    const from = this.#pick(members);
    const to = this.#pick(members);
    if (from !== undefined && to !== undefined) network.block(from.id, to.id);
  }

  #badNetwork(): void {
    const random = this.#random;
    this.#cluster.network.faults = {
      loss: random.next() * 0.3,
      duplication: random.next() * 0.3,
      delayMs: 1 + random.next() * 40,
      longDelayMs: 3_000,
      longDelay: random.next() * 0.1,
    };
  }

  #slowDisk(): void {
    const member = this.#pick(this.#cluster.members);
    if (member !== undefined) member.syncMs = this.#random.int(3) === 0 ? 400 : 4;
  }

  #breakConnection(): void {
    const a = this.#pick(this.#running());
    const b = this.#pick(this.#cluster.members);
    if (a !== undefined && b !== undefined) this.#cluster.network.breakConnection(a.id, b.id);
  }

  #flush(): void {
    for (const { part } of this.#cluster.lives) {
      if (this.#random.int(2) === 0) part.flush();
    }
  }

  #refusalsAreFine(work: Promise<unknown>): void {
    work.catch((err: unknown) => {
      if (!(err instanceof ConsensusError)) this.#cluster.fail(err);
    });
  }

  #transfer(): void {
    const at = this.#pick(this.#running())?.life;
    const to = this.#pick(this.#cluster.members);
    if (at !== undefined && to !== undefined) {
      this.#refusalsAreFine(at.node.transferLeadership(to.id));
    }
  }

  #changeMembers(): void {
    if (!this.#membership) return;
    const at = this.#pick(this.#running())?.life;
    const target = this.#pick(this.#cluster.members);
    if (at === undefined || target === undefined) return;
    const members = at.node.status().members;
    const known = members.find((member) => member.id === target.id);
    const voters = members.filter((member) => !member.isLearner).length;
    const changes: MemberChange[] = [];
    if (known === undefined) {
      const isLearner = this.#random.int(2) === 0;
      changes.push({ type: 'add', member: { ...target.info, isLearner } });
      this.#cluster.start(target);
    } else if (known.isLearner && this.#random.int(3) > 0) {
      changes.push({ type: 'promote', id: target.id });
    } else if (voters > 2 || known.isLearner) {
      changes.push({ type: 'remove', id: target.id });
    }
    const other = this.#pick(this.#cluster.members);
    const second = members.find((member) => member.id === other?.id);
    if (other !== undefined && other !== target && second === undefined) {
      // Two at once: through a joint configuration.
      changes.push({ type: 'add', member: { ...other.info, isLearner: false } });
      this.#cluster.start(other);
    }
    if (changes.length > 0) this.#refusalsAreFine(at.node.changeMembersTogether(changes));
  }
}
