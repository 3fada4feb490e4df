/** The state behind consensus: applies committed entries, wakes who waits for them, keeps disk and watchers up to date. */

import { type Clock, invariant } from '@kubets/platform';
import { messageType, type Proposal, type ProposalBatch } from '../codec/index.ts';
import { EtcdError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Change, Revision, VersionsView } from '../mvcc/index.ts';
import type {
  CommittedEntry,
  LogIndex,
  MemberInfo,
  SnapshotMeta,
  StateMachine,
  Term,
} from '../ports.ts';
import type { KvState, Outcome, StateContent } from './kv-state.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';

const BATCH = messageType<ProposalBatch>('kubets.etcd.v1.ProposalBatch');
/** A request as deep as clients may send lies two messages deeper in an entry. */
const ENTRY_DEPTH = LIMITS.messageDepth + 2;

/** A proposal's result as its proposer gets it. */
export interface Applied {
  /** The store's revision right after. */
  readonly revision: Revision;
  readonly term: Term;
  readonly outcome: Outcome | EtcdError;
}

/** Where the state stands in the log. */
export interface AppliedPosition {
  readonly index: LogIndex;
  readonly term: Term;
  readonly revision: Revision;
  readonly compactRevision: Revision;
  /** Versions the store holds: what is read back must be as many. */
  readonly versionCount: number;
  /** Empty until a membership change was applied. */
  readonly members: readonly MemberInfo[];
}

/** The member's own disk. */
export interface StateStorage {
  /** Up to here a power loss keeps everything. */
  durableIndex(): LogIndex;
  /** The changes the journal has heard of since the last call belong to this position. */
  advance(position: AppliedPosition): void;
  /** Replaces everything, durably, before it resolves. */
  replace(content: StateContent, position: AppliedPosition): Promise<void>;
}

export interface StateMachineOptions {
  readonly state: KvState;
  readonly clock: Clock;
  readonly storage?: StateStorage;
  /** Where the state came from disk; absent for an empty one. */
  readonly position?: AppliedPosition;
  /** Hears of each proposal's result. */
  readonly onApplied: (proposal: Proposal, applied: Applied) => void;
  /** Hears of the first applied entry of each term: nothing of an earlier term comes after it. */
  readonly onTerm: (term: Term) => void;
  /** Hears of all changes of a batch, in order, after the store shows them. */
  readonly onChanges: (changes: readonly Change[]) => void;
  /** Runs something later, after what waits already. */
  readonly defer: (fn: () => void) => void;
  /** The whole store was replaced. */
  readonly onReplaced: () => void;
}

const NOWHERE: AppliedPosition = {
  ...{ index: 0n, term: 0n, revision: 1, compactRevision: -1, members: [], versionCount: 0 },
};

export class KvStateMachine implements StateMachine {
  private readonly options: StateMachineOptions;
  private position: AppliedPosition;
  private sweeping = false;

  constructor(options: StateMachineOptions) {
    this.options = options;
    this.position = options.position ?? NOWHERE;
  }

  get applied(): AppliedPosition {
    return this.position;
  }

  durableIndex(): LogIndex {
    // Without a disk nothing is ever durable; the log then keeps everything.
    return this.options.storage?.durableIndex() ?? 0n;
  }

  apply(entries: readonly CommittedEntry[]): void {
    const changes: Change[] = [];
    for (const entry of entries) this.applyEntry(entry, changes);
    this.options.storage?.advance(this.position);
    this.options.onChanges(changes);
    this.sweep();
  }

  /** Removes what compaction gave up, a little at a time. */
  private sweep(): void {
    const { state, storage, defer } = this.options;
    if (this.sweeping) return;
    const done = state.store.sweep(LIMITS.sweepKeysPerTurn);
    const { versionCount } = state.store;
    if (versionCount !== this.position.versionCount) {
      this.position = { ...this.position, versionCount };
      storage?.advance(this.position);
    }
    if (done) return;
    this.sweeping = true;
    defer(() => {
      this.sweeping = false;
      this.sweep();
    });
  }

  private applyEntry(entry: CommittedEntry, changes: Change[]): void {
    const { state } = this.options;
    invariant(entry.index > this.position.index, 'entries are applied once and in order', {
      index: entry.index,
      applied: this.position.index,
    });
    const { term: termBefore } = this.position;
    const members = entry.members ?? this.position.members;
    if (entry.kind === 'normal' && entry.data.length > 0) {
      const batch = BATCH.decode(entry.data, ENTRY_DEPTH);
      const proposals = batch.term === entry.term ? batch.proposals : [];
      for (const proposal of proposals) this.applyProposal(proposal, entry.term, changes);
    }
    const { index, term } = entry;
    const { revision, compactRevision, versionCount } = state.store;
    this.position = { index, term, revision, compactRevision, versionCount, members };
    if (term > termBefore) this.options.onTerm(term);
  }

  private applyProposal(proposal: Proposal, term: Term, changes: Change[]): void {
    const { state, clock, onApplied } = this.options;
    const outcome = attempt(() => state.apply(proposal, clock.monotonicMs(), changes));
    onApplied(proposal, { revision: state.store.revision, term, outcome });
  }

  /** Every version kept, without those compaction gave up. */
  allVersions(): VersionsView {
    const versions = this.options.state.store.allVersions();
    this.sweep();
    return versions;
  }

  /** The state as of the last applied entry; stays so while later ones are applied. */
  content(): StateContent {
    const { store, lessor, alarms, auth } = this.options.state;
    return {
      versions: this.allVersions(),
      leases: lessor.all(),
      alarms: alarms.list(0),
      auth: auth.content(),
      revision: store.revision,
      compactRevision: store.compactRevision,
    };
  }

  openSnapshot(): Promise<{ meta: SnapshotMeta; chunks: AsyncIterable<Uint8Array> }> {
    const { index, term, members } = this.position;
    const chunks = encodeSnapshot(this.content(), this.position);
    return Promise.resolve({ meta: { index, term, members }, chunks });
  }

  async installSnapshot(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { state, storage, clock, onReplaced } = this.options;
    const { content, position: sent } = await decodeSnapshot(chunks);
    const { index, term, members } = meta;
    const position = { ...sent, index, term, members };
    await storage?.replace(content, position);
    state.restore(content, clock.monotonicMs());
    this.position = position;
    onReplaced();
  }
}

/** A refusal is a result like any other, the same on every member; anything else is a bug and ends the process. */
function attempt(work: () => Outcome): Outcome | EtcdError {
  try {
    return work();
  } catch (error) {
    if (error instanceof EtcdError) return error;
    throw error;
  }
}
