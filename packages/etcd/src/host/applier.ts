/** Hands committed entries to the state machine, keeps the membership, and wakes those who wait for an index. */
import { failpoint } from '@kubets/platform';
import type { CommittedEntry, LogIndex, MemberInfo, StateMachine } from '../ports.ts';
import { ConfigurationError } from '../raft/configuration.ts';
import type { Entry, Index } from '../raft/types.ts';
import type { Wal } from '../wal/wal.ts';
import type { NodeContext } from './context.ts';
import { ConsensusStoppedError } from './errors.ts';
import { confChangeOf, decodeConfEntry, type Membership } from './membership.ts';

interface Waiter {
  readonly index: Index;
  resolve(): void;
  reject(err: Error): void;
}

interface MembershipAt {
  readonly index: Index;
  readonly membership: Membership;
}

/** Memberships remembered for snapshots under way, which are always of the recent past. */
const MAX_HISTORY = 256;

export interface ApplierOptions {
  readonly ctx: NodeContext;
  readonly stateMachine: StateMachine;
  readonly wal: Wal;
  readonly membership: Membership;
  onMembership(membership: Membership): void;
  /** After the state machine has taken entries. */
  onApplied(entries: readonly Entry[]): void;
}

export class Applier {
  readonly #options: ApplierOptions;
  #history: MembershipAt[];
  #waiters: Waiter[] = [];
  #nearest = Number.POSITIVE_INFINITY;
  readonly #changes = new Map<string, (members: readonly MemberInfo[]) => void>();
  /** A snapshot is being installed: the state machine takes nothing else. */
  paused = false;
  /** Entries applied since the start, for metrics. */
  appliedCount = 0;

  constructor(options: ApplierOptions) {
    this.#options = options;
    const index = options.ctx.core.log.applied;
    this.#history = [{ index, membership: options.membership }];
  }

  get membership(): Membership {
    return this.#history.at(-1)?.membership ?? this.#options.membership;
  }

  /** The membership as of an applied index; undefined when that is too long ago. */
  membershipAt(index: Index): Membership | undefined {
    return this.#history.findLast((at) => at.index <= index)?.membership;
  }

  apply(entries: readonly Entry[]): void {
    const { ctx, stateMachine } = this.#options;
    failpoint('raft.beforeApply');
    const committed = entries.map((entry) => this.#prepare(entry));
    stateMachine.apply(committed);
    failpoint('raft.afterApply');
    this.appliedCount += committed.length;
    const last = entries.at(-1);
    if (last !== undefined) ctx.core.appliedTo(last.index);
    this.#options.onApplied(entries);
    this.wake();
  }

  #prepare(entry: Entry): CommittedEntry {
    const base = { index: BigInt(entry.index), term: BigInt(entry.term), data: entry.data };
    if (entry.kind === 'normal') return { ...base, kind: 'normal' };
    this.#applyConf(entry);
    return { ...base, kind: 'conf', members: this.membership.members };
  }

  #applyConf(entry: Entry): void {
    const { ctx, wal } = this.#options;
    const decoded = decodeConfEntry(entry.data);
    try {
      const change = confChangeOf(decoded);
      const conf = change === undefined ? ctx.core.conf : ctx.core.applyConf(change);
      this.remember(entry.index, this.membership.after(decoded, conf));
    } catch (err) {
      if (!(err instanceof ConfigurationError)) throw err;
      // Checked when proposed; another change may have come first. It has no effect, on every member alike.
      ctx.log.warn({ index: entry.index, err }, 'a membership change had no effect');
    }
    const { membership } = this;
    const conf = { index: entry.index, data: membership.encode() };
    // Told once it is durable here: this member must not forget a membership others have been told of.
    wal.append({ conf }).then(
      () => this.#tellChange(decoded?.nonce, membership.members),
      (err: unknown) => ctx.fatal(err),
    );
  }

  #tellChange(nonce: string | undefined, members: readonly MemberInfo[]): void {
    if (nonce === undefined) return;
    this.#changes.get(nonce)?.(members);
    this.#changes.delete(nonce);
  }

  /** Takes a membership over: from an entry or a snapshot. */
  remember(index: Index, membership: Membership): void {
    this.#history.push({ index, membership });
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    this.#options.onMembership(membership);
  }

  /** Resolves with the membership once the change with this nonce is applied; `undo` forgets about it. */
  waitChange(nonce: string): { done: Promise<readonly MemberInfo[]>; undo(): void } {
    const done = new Promise<readonly MemberInfo[]>((resolve) => this.#changes.set(nonce, resolve));
    return { done, undo: () => this.#changes.delete(nonce) };
  }

  waitApplied(index: LogIndex): Promise<void> {
    const at = Number(index);
    if (at <= this.#options.ctx.core.log.applied) return Promise.resolve();
    this.#nearest = Math.min(this.#nearest, at);
    return new Promise((resolve, reject) => this.#waiters.push({ index: at, resolve, reject }));
  }

  /** Wakes those whose index has been reached. */
  wake(): void {
    const { applied } = this.#options.ctx.core.log;
    if (applied < this.#nearest) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#nearest = Number.POSITIVE_INFINITY;
    for (const waiter of waiters) {
      if (waiter.index <= applied) {
        waiter.resolve();
        continue;
      }
      this.#waiters.push(waiter);
      this.#nearest = Math.min(this.#nearest, waiter.index);
    }
  }

  stop(): void {
    const err = new ConsensusStoppedError('the member is stopping');
    for (const waiter of this.#waiters) waiter.reject(err);
    this.#waiters = [];
  }
}
