/**
 * One member: the loop around the core. Everything that happens (a message, a tick, a proposal, a finished sync) goes
 * into the core at once; soon after, in one go for all of it, the core's output is taken and carried out:
 *
 * ```
 *  messages ┐            ┌─► log on disk ──sync──► persisted, answers that promise durability
 *  ticks    ├─► core ─► Ready ─► messages that promise nothing (a leader's appends run beside its own sync)
 *  calls    ┘            ├─► committed entries ─► state machine
 *                        └─► read points, snapshots to send
 * ```
 */
import type { Clock, Logger, Random, Timer } from '@kubets/platform';
import type {
  Consensus,
  ConsensusStatus,
  LogIndex,
  MemberChange,
  MemberId,
  MemberInfo,
  StateMachine,
} from '../ports.ts';
import { ConfigurationError } from '../raft/configuration.ts';
import type { RaftCore } from '../raft/core.ts';
import { NONE, type PeerId, type Ready } from '../raft/types.ts';
import type { Wal } from '../wal/wal.ts';
import { Applier } from './applier.ts';
import { type NodeContext, requestNumbers } from './context.ts';
import { Deadlines } from './deadlines.ts';
import { ConsensusStoppedError, MemberChangeError } from './errors.ts';
import { Failover } from './failover.ts';
import type { NodeLimits } from './limits.ts';
import { changeProblem } from './member-rules.ts';
import { confChangeOf, decodeConfEntry, encodeConfEntry } from './membership.ts';
import { peersOf } from './peers.ts';
import type { PeerAddress, PeerMessage, Transport } from './ports.ts';
import { Proposals } from './proposals.ts';
import { Reads } from './reads.ts';
import { releasable } from './retention.ts';
import { Snapshots } from './snapshots.ts';
import type { Storage } from './storage.ts';

export interface RaftNodeOptions {
  readonly storage: Storage;
  readonly stateMachine: StateMachine;
  readonly transport: Transport;
  readonly limits: NodeLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Members known before the log tells of any: a joining member's introduction. */
  readonly seeds?: readonly PeerAddress[];
  /** Ends the process. Called once. */
  readonly onFatal: (err: unknown) => void;
  /** Runs after everything is closed: gives up the data directory. */
  readonly onStopped?: () => Promise<void>;
  /** Runs a function soon, after other events that are ready now. */
  readonly defer?: (fn: () => void) => void;
}

/** Counters since the start, for metrics. */
export interface NodeCounts {
  readonly leaderChanges: number;
  readonly proposalsAccepted: number;
  readonly proposalsFailed: number;
  readonly proposalsPending: number;
  /** Lost with a leader and proposed again. */
  readonly proposalsRetried: number;
  readonly entriesApplied: number;
}

export class RaftNode implements Consensus {
  readonly #options: RaftNodeOptions;
  readonly #core: RaftCore;
  readonly #wal: Wal;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #applier: Applier;
  readonly #snapshots: Snapshots;
  readonly #failover: Failover;
  readonly #nextNonce: () => number;
  readonly #listeners = new Set<(status: ConsensusStatus) => void>();
  readonly #deadlines: Deadlines;
  #ticker: Timer | undefined;
  /** Since when followers are not told what is committed; when that was long enough they are. */
  #heldSinceMs: number | undefined;
  #commitHold: Timer | undefined;
  #tellCommits = false;
  /** Applying was put off to this turn. */
  #hasPutOff = false;
  #ticks = 0;
  #pumpQueued = false;
  #hurrying = false;
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  #seenLeader: PeerId = NONE;
  #seenTerm = 0;
  #leaderChanges = 0;

  constructor(options: RaftNodeOptions) {
    const { storage, stateMachine, transport, limits, random, log } = options;
    this.#options = options;
    this.#core = storage.core;
    this.#wal = storage.wal;
    const ctx: NodeContext = {
      core: storage.core,
      transport,
      limits,
      random,
      log,
      kick: () => this.#kick(),
      fatal: (err) => this.#fatal(err),
      ticks: () => this.#ticks,
    };

    void storage.wal.failed.then((err) => this.#fatal(err));
    this.#proposals = new Proposals(ctx, (kind, data) => this.#accept(kind, data));
    this.#reads = new Reads(ctx);
    this.#applier = new Applier({
      ctx,
      stateMachine,
      wal: storage.wal,
      membership: storage.membership,
      onMembership: () => this.#updatePeers(),
      onApplied: (entries) => this.#proposals.onApplied(entries),
    });
    this.#snapshots = new Snapshots({
      ctx,
      stateMachine,
      wal: storage.wal,
      applier: this.#applier,
      onInstalled: (term) => this.#proposals.onSnapshot(term),
    });
    this.#deadlines = new Deadlines(ctx);
    this.#failover = new Failover(ctx, options.clock);
    this.#nextNonce = requestNumbers(random);
  }

  get counts(): NodeCounts {
    return {
      leaderChanges: this.#leaderChanges,
      proposalsAccepted: this.#proposals.counts.accepted,
      proposalsFailed: this.#proposals.counts.failed,
      proposalsPending: this.#proposals.pending,
      proposalsRetried: this.#proposals.counts.retried,
      entriesApplied: this.#applier.appliedCount,
    };
  }

  /** Cluster's id. */
  get clusterId(): bigint {
    return this.#options.storage.identity.clusterId;
  }

  /** Applies what is known to be committed, then takes part. */
  async start(): Promise<void> {
    const { transport, clock, limits } = this.#options;
    this.#state = 'running';
    const { log } = this.#core;
    do this.#pump();
    while (log.applied < Math.min(log.committed, log.stable) && this.#running());
    await transport.start({
      onMessages: (messages) => this.#onMessages(messages),
      onSnapshot: (header, chunks) => this.#snapshots.receive(header, chunks),
      onPeerUp: () => this.#failover.onPeerUp(),
      onPeerDown: (id) => {
        this.#failover.onPeerDown(id);
      },
      onUnreachable: (id) => this.#core.reportUnreachable(id),
      members: () => this.#applier.membership.members,
    });
    this.#ticker = clock.setInterval(() => this.#tick(), limits.heartbeatMs);
    this.#updatePeers();
    // A lone member need not wait for anybody.
    if (this.#core.conf.voters.size === 1) this.#core.campaign();
    this.#kick();
  }

  #running(): boolean {
    return this.#state === 'running' || this.#state === 'stopping';
  }

  #kick(): void {
    if (this.#pumpQueued || !this.#running()) return;
    this.#pumpQueued = true;
    (this.#options.defer ?? setImmediate)(() => {
      if (this.#pumpQueued) this.#pump();
    });
  }

  /** Proposals have gathered before they come here: they need not wait for another turn, which may bring much to read. */
  #hurry(): void {
    if (this.#hurrying || !this.#pumpQueued) return;
    this.#hurrying = true;
    queueMicrotask(() => {
      this.#hurrying = false;
      if (this.#pumpQueued) this.#pump();
    });
  }

  #fatal(err: unknown): void {
    if (this.#state === 'stopped') return;
    this.#halt();
    this.#options.onFatal(err);
  }

  #tick(): void {
    if (!this.#running()) return;
    this.#guard(() => {
      this.#ticks += 1;
      this.#core.tick();
      this.#proposals.tick();
      this.#reads.tick();
      this.#deadlines.check();
      if (this.#ticks % 10 === 0) this.#truncate();
      this.#kick();
    });
  }

  #onMessages(messages: readonly PeerMessage[]): void {
    if (!this.#running()) return;
    this.#guard(() => {
      for (const message of messages) {
        if (message.to !== this.#core.id) continue;
        if (message.type === 'forward') this.#proposals.onForward(message);
        else if (message.type === 'forwardReply') this.#proposals.onReply(message);
        else this.#core.step(message);
      }
      this.#kick();
    });
  }

  /** A broken invariant ends the member rather than letting it go on with a state nobody understands. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (err) {
      this.#fatal(err);
    }
  }

  #pump(): void {
    this.#pumpQueued = false;
    if (!this.#running() || this.#snapshots.frozen) return;
    this.#guard(() => {
      this.#reads.issue();
      const ready = this.#takeReady();
      this.#persist(ready);
      const { transport } = this.#options;
      // They leave now, before the disk, which is written after this turn's work, may hold up the event loop.
      if (ready.messages.length > 0) transport.send(ready.messages);
      this.#reads.settle(ready.readStates, ready.droppedReads);
      this.#snapshots.start(ready.snapshotsTo);
      if (ready.committed.length > 0) {
        this.#applier.apply(ready.committed);
        this.#kick();
      }
      this.#noticeLeadership();
    });
  }

  #takeReady(): Ready {
    const { log, role } = this.#core;
    // A follower's answer is waited for elsewhere: it goes first, and a turn later what is applied; not for ever.
    const later =
      role !== 'leader' && log.hasUnhanded && log.applied < log.committed && !this.#hasPutOff;
    this.#hasPutOff = later;
    if (later) this.#kick();
    const holdCommits = !this.#tellCommits && this.#proposals.forwardedIndex <= log.applied;
    const ready = this.#core.ready({ apply: !later && !this.#applier.paused, holdCommits });
    this.#tellCommits = false;
    if (!ready.commitsHeld) this.#heldSinceMs = undefined;
    else if (this.#heldSinceMs === undefined) this.#holdCommits();
    return ready;
  }

  /** The next entries will most likely tell it; if there are none, this does. */
  #holdCommits(): void {
    const { clock, limits } = this.#options;
    this.#heldSinceMs = clock.monotonicMs();
    this.#commitHold ??= clock.setTimeout(() => this.#holdIsOver(), limits.commitHoldMs);
  }

  /** One timer serves many holds, each of which ends with the next entries: what is held now may have begun a moment ago. */
  #holdIsOver(): void {
    const { clock, limits } = this.#options;
    this.#commitHold = undefined;
    if (this.#heldSinceMs === undefined) return;
    const leftMs = this.#heldSinceMs + limits.commitHoldMs - clock.monotonicMs();
    if (leftMs > 0) {
      this.#commitHold = clock.setTimeout(() => this.#holdIsOver(), leftMs);
      return;
    }
    this.#tellCommits = true;
    this.#kick();
  }

  #persist(ready: Ready): void {
    const { token, hardState, entries, afterPersist } = ready;
    if (token === undefined && afterPersist.length === 0) return;
    const done =
      token === undefined ? this.#wal.flushed() : this.#wal.append({ hardState, entries });
    done.then(
      () => {
        if (!this.#running()) return;
        this.#guard(() => {
          if (afterPersist.length > 0) this.#options.transport.send(afterPersist);
          if (token === undefined) return;
          this.#core.persisted(token);
          this.#kick();
        });
      },
      (err: unknown) => this.#fatal(err),
    );
  }

  #noticeLeadership(): void {
    const { leader, term } = this.#core;
    if (leader === this.#seenLeader && term === this.#seenTerm) return;
    const changed = leader !== this.#seenLeader || leader === NONE;
    this.#seenLeader = leader;
    this.#seenTerm = term;
    if (changed) {
      if (leader !== NONE) {
        this.#leaderChanges += 1;
        this.#options.log.info({ leader: leader.toString(16), term }, 'leader');
        this.#proposals.onLeader();
        this.#reads.onLeader();
      }
    }
    this.#deadlines.check();
    const status = this.status();
    for (const listener of this.#listeners) listener(status);
  }

  #truncate(): void {
    if (this.#applier.paused || this.#snapshots.frozen) return;
    const { limits, stateMachine } = this.#options;
    const { log } = this.#core;
    const durable = Math.min(Number(stateMachine.durableIndex()), log.applied);
    const held = this.#snapshots.oldestSending();
    const target = releasable({ durable, offset: log.offset, bytes: log.bytes, held }, limits);
    if (target === undefined) return;
    log.compactTo(target);
    this.#wal.release(target).catch((err: unknown) => this.#fatal(err));
  }

  #updatePeers(): void {
    const { storage, transport, seeds = [] } = this.#options;
    transport.setPeers(peersOf(storage, this.#applier.membership, seeds));
  }

  #accept(kind: 'normal' | 'conf', data: Uint8Array): string {
    if (kind === 'normal') return this.#core.propose([{ kind, data }]);
    const entry = decodeConfEntry(data);
    if (entry === undefined) return 'malformed';
    const problem = changeProblem(entry.changes, this.#applier.membership, this.#core);
    if (problem !== undefined) return problem;
    try {
      const result = this.#core.proposeConf(data, confChangeOf(entry));
      return result === 'confPending' ? 'pending' : result;
    } catch (err) {
      if (err instanceof ConfigurationError) return 'lastVoter';
      throw err;
    }
  }

  #assertRunning(): void {
    if (this.#state !== 'running') throw new ConsensusStoppedError('the member is not running');
  }

  async propose(data: Uint8Array): Promise<void> {
    this.#assertRunning();
    const accepted = this.#proposals.propose('normal', data);
    this.#hurry();
    await accepted;
  }

  async readIndex(): Promise<LogIndex> {
    this.#assertRunning();
    return this.#reads.read();
  }

  waitApplied(index: LogIndex): Promise<void> {
    return this.#applier.waitApplied(index);
  }

  changeMembers(change: MemberChange): Promise<readonly MemberInfo[]> {
    return this.changeMembersTogether([change]);
  }

  /** Several changes as one: through a joint configuration, so that there is no moment with a weaker quorum. */
  async changeMembersTogether(changes: readonly MemberChange[]): Promise<readonly MemberInfo[]> {
    this.#assertRunning();
    if (changes.length === 0) throw new MemberChangeError('notFound', 'no change was asked for');
    const nonce = `${this.#core.id.toString(16)}-${this.#nextNonce()}`;
    const { done, undo } = this.#applier.waitChange(nonce);
    try {
      await this.#proposals.propose('conf', encodeConfEntry({ nonce, changes }));
      const { requestTimeoutMs } = this.#options.limits;
      const late = 'the membership change was not applied in time';
      return await this.#deadlines.within(late, requestTimeoutMs, done);
    } finally {
      undo();
    }
  }

  async transferLeadership(to: MemberId): Promise<void> {
    this.#assertRunning();
    if (!this.#core.conf.voters.has(to)) {
      throw new MemberChangeError('notFound', 'leadership can only go to a voting member');
    }
    if (this.#core.leader === to) return;
    this.#core.transferLeadership(to);
    this.#kick();
    const { requestTimeoutMs } = this.#options.limits;
    const late = 'leadership was not handed over in time';
    await this.#deadlines.until(late, requestTimeoutMs, () => this.#core.leader === to);
  }

  status(): ConsensusStatus {
    const { id, leader, term, role, log, conf } = this.#core;
    const learner = conf.learners.has(id);
    return {
      id,
      leader,
      term: BigInt(term),
      role: role === 'preCandidate' ? 'pre-candidate' : learner ? 'learner' : role,
      lastIndex: BigInt(log.lastIndex),
      commitIndex: BigInt(log.committed),
      appliedIndex: BigInt(log.applied),
      members: this.#applier.membership.members,
    };
  }

  onLeadership(listener: (status: ConsensusStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The voter that has most of the log, for handing over. */
  #successor(): PeerId | undefined {
    const active = new Set(this.#core.activeMembers());
    let best: PeerId | undefined;
    for (const id of this.#core.conf.voters) {
      if (id === this.#core.id || !active.has(id)) continue;
      const match = this.#core.matchOf(id) ?? 0;
      if (best === undefined || match > (this.#core.matchOf(best) ?? 0)) best = id;
    }
    return best;
  }

  async stop(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    const successor = this.#core.role === 'leader' ? this.#successor() : undefined;
    if (successor !== undefined) {
      this.#core.transferLeadership(successor);
      this.#kick();
      const { electionMs } = this.#options.limits;
      const gone = (): boolean => this.#core.role !== 'leader';
      // If nobody takes over in time, the others elect by themselves.
      await this.#deadlines.until('handing over', electionMs, gone).catch(() => undefined);
    }
    this.#halt();
    await this.#options.transport.stop();
    await this.#wal.close();
    await this.#options.onStopped?.();
  }

  #halt(): void {
    this.#state = 'stopped';
    this.#ticker?.cancel();
    this.#commitHold?.cancel();
    this.#failover.stop();
    this.#proposals.stop();
    this.#reads.stop();
    this.#applier.stop();
    this.#deadlines.stop();
  }
}
