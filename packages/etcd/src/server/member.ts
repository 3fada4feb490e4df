/** One member as its services see it: the state, the ways to read and write it, and who answers. */

import type { Clock, Logger } from '@kubets/platform';
import { exportDatabase } from '../backup/export.ts';
import type { Loose, ResponseHeader } from '../codec/index.ts';
import { type EtcdError, etcdError } from '../errors.ts';
import { ConsensusError, NoLeaderError } from '../host/errors.ts';
import type { Revision } from '../mvcc/index.ts';
import type { Consensus, MemberId, Term } from '../ports.ts';
import type { KvState } from '../state/kv-state.ts';
import type { KvStateMachine } from '../state/state-machine.ts';
import type { WatchHub } from '../watch/index.ts';
import { Access, type CredentialSources } from './access.ts';
import { fromConsensus, type Proposer } from './proposer.ts';

/** Limits a member is run with. */
export interface ServerLimits {
  readonly requestBytes: number;
  readonly txnOps: number;
  /** Members without a vote at a time. */
  readonly learners: number;
  readonly quotaBytes: number;
}

export interface MemberParts {
  readonly memberId: MemberId;
  readonly clusterId: bigint;
  readonly state: KvState;
  readonly stateMachine: KvStateMachine;
  readonly hub: WatchHub;
  readonly proposer: Proposer;
  readonly consensus: Consensus;
  readonly limits: ServerLimits;
  readonly clock: Clock;
  readonly log: Logger;
  /** Absent: nobody has a token, and certificates name nobody. */
  readonly credentials?: CredentialSources;
}

/** 63 bits: the first set, so that all ids are as long; 14 of the member, 40 of milliseconds, 8 of a count within one. */
const LEASE_FIRST_BIT = 1n << 62n;
const LEASE_MEMBER_BITS = 14;
const LEASE_TIME_BITS = 48;
const LEASE_COUNT_BITS = 8n;

export class Member {
  readonly parts: MemberParts;
  /** Who asks, and whether they may. */
  readonly access: Access;
  /** The cluster knows this member's name and client URLs. */
  published = false;
  private lastLeaseId = 1n;

  constructor(parts: MemberParts) {
    this.parts = parts;
    this.access = new Access(parts.state.auth, parts.credentials);
  }

  /**
   * A lease id nobody else chooses: this member's part, the time, a count. They grow, so that queues of claimants (whose keys
   * end in lease ids) usually list in the order of arrival.
   */
  nextLeaseId(): bigint {
    const { memberId, clock } = this.parts;
    const member = BigInt.asUintN(LEASE_MEMBER_BITS, memberId) << BigInt(LEASE_TIME_BITS);
    const time = BigInt.asUintN(
      LEASE_TIME_BITS,
      BigInt(Math.floor(clock.now())) << LEASE_COUNT_BITS,
    );
    const fresh = LEASE_FIRST_BIT | member | time;
    this.lastLeaseId = fresh > this.lastLeaseId ? fresh : this.lastLeaseId + 1n;
    return this.lastLeaseId;
  }

  /** The header of an answer made at this revision. */
  header(revision: Revision, term?: Term): Loose<ResponseHeader> {
    const { clusterId, memberId, consensus } = this.parts;
    return { clusterId, memberId, revision, raftTerm: term ?? consensus.status().term };
  }

  /** The header of an answer about the cluster, which has no revision. */
  clusterHeader(): Loose<ResponseHeader> {
    return this.header(0);
  }

  /** The header of an answer made from the state as it is now. */
  currentHeader(): Loose<ResponseHeader> {
    return this.header(this.parts.state.store.revision);
  }

  /** Waits until local reads show every write that was acknowledged, anywhere, before the call. */
  async linearize(): Promise<void> {
    const { consensus } = this.parts;
    try {
      await consensus.waitApplied(await consensus.readIndex());
    } catch (error) {
      throw readError(error);
    }
  }

  /** The state as a stock etcd's database, and how long it is. */
  databaseSnapshot(): Promise<{ chunks: AsyncIterable<Uint8Array>; totalBytes: number }> {
    const { stateMachine } = this.parts;
    return exportDatabase(stateMachine.content(), stateMachine.applied);
  }

  get hasLeader(): boolean {
    return this.parts.consensus.status().leader !== 0n;
  }

  get isLearner(): boolean {
    return this.parts.consensus.status().role === 'learner';
  }
}

function readError(error: unknown): EtcdError {
  if (error instanceof NoLeaderError) return etcdError('noLeader');
  // A read that came to nothing has had no effect, whatever consensus knows of it.
  if (error instanceof ConsensusError) return etcdError('timeout');
  return fromConsensus(error);
}
