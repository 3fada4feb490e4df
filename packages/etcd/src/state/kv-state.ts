/** The replicated state, and the one way it changes: by proposals applied in log order, with the same result everywhere. */

import { type AuthContent, type AuthJournal, AuthState } from '../auth/auth-state.ts';
import { authorize } from '../auth/authorize.ts';
import type {
  AlarmRequest,
  CompactionRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  LeaseExpiry,
  LeaseGrantRequest,
  Loose,
  Proposal,
  PutRequest,
  PutResponse,
  TxnRequest,
} from '../codec/index.ts';
import { etcdError } from '../errors.ts';
import { type Lease, type LeaseJournal, Lessor } from '../lease/lessor.ts';
import {
  type Change,
  type Journal,
  MvccStore,
  type Revision,
  type Shelf,
  type StoredVersion,
  type WriteTxn,
} from '../mvcc/index.ts';
import { ALARM, type Alarm, type AlarmJournal, Alarms } from './alarms.ts';
import { checkPut, deleteKeys, hasPut, putKey, runTxn, type TxnOutcome } from './txn.ts';

/** What a proposal came to. The header is added by whoever answers. */
export type Outcome =
  | { readonly type: 'put'; readonly response: Loose<PutResponse> }
  | { readonly type: 'delete'; readonly response: Loose<DeleteRangeResponse> }
  | { readonly type: 'txn'; readonly response: TxnOutcome }
  | { readonly type: 'lease'; readonly lease: Lease }
  | { readonly type: 'alarms'; readonly alarms: readonly Alarm[] }
  | { readonly type: 'done' };

export type StateJournal = Journal & LeaseJournal & AlarmJournal & AuthJournal;

/** Everything of the state but the log position: what is stored and what a snapshot carries. */
export interface StateContent {
  readonly versions: Iterable<StoredVersion>;
  readonly leases: readonly Lease[];
  readonly alarms: readonly Alarm[];
  readonly auth: AuthContent;
  readonly revision: Revision;
  readonly compactRevision: Revision;
}

const DONE: Outcome = { type: 'done' };
const BORN_BITS = 52;
const NO_END = Buffer.alloc(0);

export interface KvStateOptions {
  readonly minLeaseTtlSeconds: number;
  readonly journal?: StateJournal;
  /** Where the values of superseded versions go; absent: they stay in memory. */
  readonly shelf?: Shelf;
}

export class KvState {
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly alarms: Alarms;
  readonly auth: AuthState;

  constructor(options: KvStateOptions) {
    this.store = new MvccStore(options.journal, options.shelf);
    this.lessor = new Lessor(options.minLeaseTtlSeconds, options.journal);
    this.alarms = new Alarms(options.journal);
    this.auth = new AuthState(options.journal);
  }

  /** Replaces everything. */
  restore(content: StateContent, nowMs: number): void {
    const { versions, leases, alarms, auth } = content;
    this.store.restore(versions, content);
    this.lessor.clear();
    for (const lease of leases) this.lessor.restore(lease, nowMs);
    for (const { name, lease } of this.store.aliveVersions()) {
      if (lease !== 0n) this.lessor.attach(lease, name);
    }
    this.alarms.restore(alarms);
    this.auth.restore(auth);
  }

  /**
   * Applies one proposal.
   * @param changes gets what it changed, for watchers
   * @throws EtcdError when it is refused; nothing has changed then
   */
  apply(p: Proposal, nowMs: number, changes: Change[]): Outcome {
    this.refuseByAlarm(p);
    authorize(this, p);
    if (p.put) return this.put(p.put, changes);
    if (p.txn) return this.txn(p.txn, changes);
    if (p.deleteRange) return this.deleteRange(p.deleteRange, changes);
    if (p.leaseGrant) return this.grant(p.leaseGrant, p.id, nowMs);
    if (p.leaseRenew) return { type: 'lease', lease: this.lessor.renew(p.leaseRenew.ID, nowMs) };
    if (p.leaseRevoke) return this.revoke(p.leaseRevoke.ID, changes);
    if (p.leaseExpire) return this.expire(p.leaseExpire, changes);
    if (p.compact) return this.compact(p.compact);
    if (p.alarm) return this.alarm(p.alarm);
    if (p.auth) this.auth.apply(p.auth);
    if (p.skip) this.store.skip(Number(p.skip.revisions));
    return DONE;
  }

  /** A corrupt cluster takes no writes; a full one none that need space. */
  private refuseByAlarm(p: Proposal): void {
    if (p.alarm || p.leaseRenew || p.auth || p.skip) return;
    if (this.alarms.has(ALARM.corrupt)) throw etcdError('corrupt');
    const grows = p.put !== undefined || p.leaseGrant !== undefined || (p.txn && hasPut(p.txn));
    if (grows && this.alarms.has(ALARM.noSpace)) throw etcdError('noSpace');
  }

  private writing<T>(changes: Change[], work: (write: WriteTxn) => T): T {
    const write = this.store.begin();
    const result = work(write);
    this.store.end(write);
    changes.push(...write.changes);
    return result;
  }

  private put(request: PutRequest, changes: Change[]): Outcome {
    checkPut(this, request);
    const before = this.writing(changes, (write) => putKey(this, write, request));
    return { type: 'put', response: { prevKv: request.prevKv ? before : undefined } };
  }

  private deleteRange(request: DeleteRangeRequest, changes: Change[]): Outcome {
    const gone = this.writing(changes, (write) => deleteKeys(this, write, request));
    const response = { deleted: gone.length, prevKvs: request.prevKv ? gone : [] };
    return { type: 'delete', response };
  }

  private txn(request: TxnRequest, changes: Change[]): Outcome {
    let write: WriteTxn | undefined;
    const response = runTxn(this, request, () => {
      write = this.store.begin();
      return write;
    });
    if (write !== undefined) {
      this.store.end(write);
      changes.push(...write.changes);
    }
    return { type: 'txn', response };
  }

  private compact(request: CompactionRequest): Outcome {
    // Not `toRevision`: nothing below zero is a revision to compact to.
    this.store.compact(Number(request.revision));
    return DONE;
  }

  private grant({ ID, TTL }: LeaseGrantRequest, proposal: bigint, nowMs: number): Outcome {
    // Proposals have numbers of their own; room is left above for counting.
    const born = Number(BigInt.asUintN(BORN_BITS, proposal));
    return { type: 'lease', lease: this.lessor.grant(ID, TTL, nowMs, born) };
  }

  private revoke(id: bigint, changes: Change[]): Outcome {
    const names = this.lessor.revoke(id);
    this.writing(changes, (write) => {
      for (const name of names) {
        deleteKeys(this, write, { key: Buffer.from(name, 'latin1'), rangeEnd: NO_END });
      }
    });
    return DONE;
  }

  private expire({ ID, renewals }: LeaseExpiry, changes: Change[]): Outcome {
    const stands = this.lessor.stillExpired({ id: ID, renewals: Number(renewals) });
    return stands ? this.revoke(ID, changes) : DONE;
  }

  private alarm({ action, memberID, alarm }: AlarmRequest): Outcome {
    const one = { memberID, alarm };
    if (action === ALARM_ACTION.activate) {
      return { type: 'alarms', alarms: [this.alarms.raise(one)] };
    }
    return { type: 'alarms', alarms: this.alarms.clear(one) ? [one] : [] };
  }
}

export const ALARM_ACTION = { get: 0, activate: 1, deactivate: 2 } as const;
