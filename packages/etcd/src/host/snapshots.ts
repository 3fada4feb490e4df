/**
 * Snapshots to and from other members.
 *
 * Receiving, with what a crash at each point leaves:
 * ```
 *  offer ─► note "pending" in the log ─► state machine installs ─► log replaced ─► announce to the leader
 *                  │ crash: old state,         │ crash: the state is new, the log old: at the next start the
 *                  │ the note is ignored       │ note tells where the state is, and the log is replaced then
 * ```
 */
import { failpoint } from '@kubets/platform';
import type { StateMachine } from '../ports.ts';
import type { Index, PeerId } from '../raft/types.ts';
import type { Wal } from '../wal/wal.ts';
import type { Applier } from './applier.ts';
import type { NodeContext } from './context.ts';
import { SnapshotStreamError } from './errors.ts';
import { Membership } from './membership.ts';
import type { SnapshotHeader } from './ports.ts';

export interface SnapshotsOptions {
  readonly ctx: NodeContext;
  readonly stateMachine: StateMachine;
  readonly wal: Wal;
  readonly applier: Applier;
  /** The state was replaced by one of this term. */
  onInstalled(term: number): void;
}

export class Snapshots {
  readonly #options: SnapshotsOptions;
  /** Where each snapshot under way will leave its receiver: the log after it is kept. */
  readonly #sending = new Map<PeerId, Index>();
  /** The log is being replaced: nothing may be taken from the core meanwhile. */
  frozen = false;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** The oldest point from which a receiver will go on, if any snapshot is under way. */
  oldestSending(): Index | undefined {
    return this.#sending.size === 0 ? undefined : Math.min(...this.#sending.values());
  }

  /** Starts sending to members the core named. */
  start(ids: readonly PeerId[]): void {
    for (const id of ids) void this.#send(id);
  }

  async #send(to: PeerId): Promise<void> {
    const { ctx } = this.#options;
    let delivered = false;
    try {
      await this.#stream(to);
      delivered = true;
    } catch (err) {
      ctx.log.warn({ to: to.toString(16), err }, 'a snapshot was not delivered');
    } finally {
      this.#sending.delete(to);
      ctx.core.reportSnapshot(to, delivered);
      ctx.kick();
    }
  }

  async #stream(to: PeerId): Promise<void> {
    const { ctx, stateMachine, applier } = this.#options;
    const { core } = ctx;
    this.#sending.set(to, core.log.applied);
    const { meta, chunks } = await stateMachine.openSnapshot();
    const point = { index: Number(meta.index), term: Number(meta.term) };
    this.#sending.set(to, point.index);
    core.snapshotStarted(to, point.index);
    const membership = applier.membershipAt(point.index);
    if (core.role !== 'leader' || membership === undefined) {
      await chunks[Symbol.asyncIterator]().return?.();
      throw new SnapshotStreamError('no longer the leader');
    }
    ctx.log.info({ to: to.toString(16), index: point.index }, 'sending a snapshot');
    const conf = membership.encode();
    const header = { from: core.id, to, term: core.term, point, conf };
    await ctx.transport.sendSnapshot(header, chunks);
  }

  /** Takes a snapshot from the leader. @throws SnapshotStreamError when it is not wanted or breaks off */
  async receive(header: SnapshotHeader, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { ctx, applier } = this.#options;
    const { core } = ctx;
    const { from, to, term, point } = header;
    if (to !== core.id) throw new SnapshotStreamError('addressed to another member');
    core.step({ type: 'snapshotOffer', from, to, term, point });
    ctx.kick();
    if (term < core.term) throw new SnapshotStreamError('the sender no longer leads');
    if (applier.paused) throw new SnapshotStreamError('another snapshot is being installed');
    if (!core.wantsSnapshot(point)) {
      core.announce();
      ctx.kick();
      return;
    }
    applier.paused = true;
    try {
      await this.#install(header, chunks);
    } finally {
      applier.paused = false;
      ctx.kick();
    }
  }

  async #install(header: SnapshotHeader, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { ctx, stateMachine, wal } = this.#options;
    const { point } = header;
    const membership = Membership.decode(header.conf);
    ctx.log.info({ from: header.from.toString(16), index: point.index }, 'installing a snapshot');
    await wal.append({ pending: { point, data: header.conf } });
    failpoint('snapshot.beforeInstall');
    const meta = {
      index: BigInt(point.index),
      term: BigInt(point.term),
      members: membership.members,
    };
    await stateMachine.installSnapshot(meta, chunks);
    try {
      failpoint('snapshot.afterInstall');
      await this.#replaceLog(header, membership);
    } catch (err) {
      // The state is new and the log could not follow: only a restart can join them again.
      ctx.fatal(err);
      throw err;
    }
    ctx.log.info({ index: point.index }, 'snapshot installed');
  }

  async #replaceLog(header: SnapshotHeader, membership: Membership): Promise<void> {
    const { ctx, wal, applier } = this.#options;
    const { core } = ctx;
    const { point } = header;
    this.frozen = true;
    try {
      // What was handed to the disk must have come back before the log under it changes.
      await wal.flushed();
      const replaced = core.restore(point, membership.conf);
      const conf = { index: point.index, data: membership.encode() };
      if (replaced) await wal.reset(point, conf, core.hardState);
      else await wal.append({ conf });
      applier.remember(point.index, membership);
      this.#options.onInstalled(point.term);
      core.announce();
    } finally {
      this.frozen = false;
    }
    applier.wake();
  }
}
