/** A few cores wired together by hand, without time or disk: for tests of the core's rules. */
import { seededRandom } from '@kubets/platform';
import { type ConfChange, type Configuration, configurationOf } from '../raft/configuration.ts';
import { RaftCore } from '../raft/core.ts';
import type { RaftLimits } from '../raft/limits.ts';
import { RaftLog } from '../raft/log.ts';
import type { Entry, HardState, Message, PeerId, PersistToken, Ready } from '../raft/types.ts';

/** A member and the disk it would find after a crash. */
export class GroupMember {
  readonly id: PeerId;
  core: RaftCore;
  hardState: HardState;
  disk: Entry[] = [];
  applied: Entry[] = [];
  /** Handed out but not synced, oldest first. */
  unsynced: { ready: Ready; token: PersistToken | undefined }[] = [];
  /** Answers to reads. */
  reads: { context: number; index: number }[] = [];
  droppedReads: number[] = [];
  snapshotsTo: PeerId[] = [];

  constructor(core: RaftCore) {
    this.core = core;
    this.id = core.id;
    this.hardState = core.hardState;
  }
}

export interface GroupOptions {
  readonly voters: readonly number[];
  readonly learners?: readonly number[];
  readonly limits?: Partial<RaftLimits>;
  readonly seed?: number;
  /** Entries everybody starts with, by term. */
  readonly terms?: Readonly<Record<number, readonly number[]>>;
  /** Let cores hand out committed entries only when asked (`sync: false` leaves every disk write pending). */
  readonly sync?: boolean;
}

const text = (data: string): Uint8Array => Buffer.from(data);

/** Entries 1… with the given terms. */
export function entriesOf(terms: readonly number[]): Entry[] {
  return terms.map((term, at) => ({
    index: at + 1,
    term,
    kind: 'normal',
    data: text(`t${term}i${at + 1}`),
  }));
}

export class Group {
  readonly members = new Map<PeerId, GroupMember>();
  /** Messages sent and not delivered yet. */
  wire: Message[] = [];
  /** Links that lose everything: `from>to`. */
  readonly cut = new Set<string>();
  /** Members whose disk writes stay pending until `syncDisk`. */
  readonly slow = new Set<PeerId>();
  readonly #options: GroupOptions;
  readonly #conf: Configuration;
  /** What conf entries mean, by their data. */
  readonly #changes = new Map<string, ConfChange>();

  constructor(options: GroupOptions) {
    this.#options = options;
    const ids = (list: readonly number[] = []): PeerId[] => list.map((id) => BigInt(id));
    this.#conf = configurationOf(ids(options.voters), ids(options.learners));
    for (const id of [...options.voters, ...(options.learners ?? [])]) this.add(id);
  }

  /** Adds a core; `conf` when it knows of another configuration than the group's first. */
  add(id: number, conf: Configuration = this.#conf): GroupMember {
    const entries = entriesOf(this.#options.terms?.[id] ?? []);
    const term = entries.at(-1)?.term ?? 0;
    const member = new GroupMember(
      this.#core(BigInt(id), entries, { term, vote: 0n, commit: 0 }, conf),
    );
    member.disk = entries;
    this.members.set(member.id, member);
    return member;
  }

  #core(id: PeerId, entries: Entry[], hardState: HardState, conf = this.#conf): RaftCore {
    return new RaftCore({
      id,
      random: seededRandom((this.#options.seed ?? 1) * 100 + Number(id)),
      log: new RaftLog({ index: 0, term: 0 }, entries),
      hardState,
      conf,
      applied: 0,
      limits: this.#options.limits ?? {},
    });
  }

  get(id: number): GroupMember {
    const member = this.members.get(BigInt(id));
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  core(id: number): RaftCore {
    return this.get(id).core;
  }

  /** Cuts links between two sets of members, both ways. */
  partition(a: readonly number[], b: readonly number[]): void {
    for (const x of a) {
      for (const y of b) {
        this.cut.add(`${x}>${y}`);
        this.cut.add(`${y}>${x}`);
      }
    }
  }

  /** Power failure and restart: only what was synced is there. */
  restart(id: number): void {
    const member = this.get(id);
    member.unsynced = [];
    member.applied = [];
    member.core = this.#core(member.id, member.disk, member.hardState);
  }

  /** Takes one member's Ready and carries it out. @returns whether there was anything to do */
  take(id: PeerId): boolean {
    const member = this.members.get(id);
    if (member === undefined) return false;
    const ready = member.core.ready();
    this.wire.push(...ready.messages);
    member.reads.push(...ready.readStates);
    member.droppedReads.push(...ready.droppedReads);
    member.snapshotsTo.push(...ready.snapshotsTo);
    this.#apply(member, ready.committed);
    const writes = ready.token !== undefined || ready.afterPersist.length > 0;
    if (writes) member.unsynced.push({ ready, token: ready.token });
    if (writes && !this.slow.has(id)) this.syncDisk(Number(id));
    return writes || ready.messages.length + ready.committed.length + ready.readStates.length > 0;
  }

  #apply(member: GroupMember, entries: readonly Entry[]): void {
    for (const entry of entries) {
      member.applied.push(entry);
      if (entry.kind !== 'conf') continue;
      const key = Buffer.from(entry.data).toString();
      const change = key === '' ? [] : this.#changes.get(key);
      if (change !== undefined) member.core.applyConf(change);
    }
    const last = entries.at(-1);
    if (last !== undefined) member.core.appliedTo(last.index);
  }

  /** A member's pending disk writes are durable now. */
  syncDisk(id: number): void {
    const member = this.get(id);
    const pending = member.unsynced;
    member.unsynced = [];
    for (const { ready, token } of pending) {
      if (ready.hardState !== undefined) member.hardState = ready.hardState;
      const first = ready.entries[0];
      if (first !== undefined) {
        member.disk = [...member.disk.filter((e) => e.index < first.index), ...ready.entries];
      }
      this.wire.push(...ready.afterPersist);
      if (token !== undefined) member.core.persisted(token);
    }
  }

  /** Delivers what is under way now, not what that sets off. @returns what was delivered */
  deliver(): Message[] {
    const batch = this.wire;
    this.wire = [];
    const passed = batch.filter((m) => !this.cut.has(`${m.from}>${m.to}`));
    for (const message of passed) this.members.get(message.to)?.core.step(message);
    return passed;
  }

  /** Until nothing happens any more. @returns all messages delivered, in order */
  settle(): Message[] {
    const seen: Message[] = [];
    for (let round = 0; round < 1000; round += 1) {
      let busy = false;
      for (const id of this.members.keys()) if (this.take(id)) busy = true;
      const delivered = this.deliver();
      seen.push(...delivered);
      if (!busy && delivered.length === 0) return seen;
    }
    throw new Error('the group does not come to rest');
  }

  tick(id: number, times = 1): void {
    for (let n = 0; n < times; n += 1) this.core(id).tick();
  }

  /** Makes a member leader, if the others let it. */
  elect(id: number): void {
    this.core(id).campaign();
    this.settle();
  }

  propose(id: number, ...values: string[]): string {
    return this.core(id).propose(values.map((value) => ({ kind: 'normal', data: text(value) })));
  }

  /** Proposes a configuration change known by a name of one's own. */
  proposeConf(id: number, name: string, change: ConfChange): string {
    this.#changes.set(name, change);
    return this.core(id).proposeConf(text(name), change);
  }

  /** What a member has applied, as text; empty entries as `-`. */
  appliedText(id: number): string[] {
    return this.get(id).applied.map((entry) => Buffer.from(entry.data).toString() || '-');
  }
}
