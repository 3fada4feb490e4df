/** The Maintenance service: one member about itself. */

import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { errorMessage } from '@kubets/platform';
import type {
  AlarmRequest,
  AlarmResponse,
  HashKVRequest,
  HashKVResponse,
  HashResponse,
  Loose,
  MoveLeaderRequest,
  SnapshotResponse,
  StatusResponse,
} from '../codec/index.ts';
import { CODE, etcdError, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { hashVersions, type Revision, type Version } from '../mvcc/index.ts';
import { ALARM, type Alarm } from '../state/alarms.ts';
import { ALARM_ACTION } from '../state/kv-state.ts';
import type { StreamCall } from './calls.ts';
import type { Member } from './member.ts';
import { fromConsensus } from './proposer.ts';

/** The etcd release whose API this is: clients switch features on by it. */
export const API_VERSION = '3.6.0';

const ALARM_NAMES: Readonly<Record<number, string>> = {
  [ALARM.noSpace]: 'NOSPACE',
  [ALARM.corrupt]: 'CORRUPT',
};

function describe({ memberID, alarm }: Alarm): string {
  return `memberID:${memberID} alarm:${ALARM_NAMES[alarm] ?? alarm} `;
}

export class MaintenanceService {
  private readonly member: Member;

  constructor(member: Member) {
    this.member = member;
  }

  status(): Loose<StatusResponse> {
    const { state, consensus, limits } = this.member.parts;
    const { leader, term, lastIndex, appliedIndex, role } = consensus.status();
    const errors = state.alarms.list(ALARM.none).map(describe);
    if (leader === 0n) errors.push(etcdError('noLeader').message);
    return {
      header: this.member.currentHeader(),
      version: API_VERSION,
      storageVersion: API_VERSION,
      ...{ leader, raftTerm: term, raftIndex: lastIndex, raftAppliedIndex: appliedIndex },
      dbSize: state.store.sizeBytes + EMPTY_STORE_BYTES,
      dbSizeInUse: state.store.sizeBytes + EMPTY_STORE_BYTES,
      dbSizeQuota: limits.quotaBytes,
      isLearner: role === 'learner',
      errors,
    };
  }

  async alarm({ action, memberID, alarm }: AlarmRequest): Promise<Loose<AlarmResponse>> {
    const { state, proposer } = this.member.parts;
    if (action === ALARM_ACTION.get) {
      await this.member.linearize();
      return { alarms: state.alarms.list(alarm) };
    }
    const written = await proposer.propose('alarms', { alarm: { action, memberID, alarm } });
    return { alarms: written.outcome.alarms };
  }

  async hash(): Promise<Loose<HashResponse>> {
    const header = this.member.currentHeader();
    return { header, hash: await this.hashAt(this.member.parts.state.store.revision) };
  }

  async hashKv(request: HashKVRequest): Promise<Loose<HashKVResponse>> {
    await this.member.linearize();
    const { store } = this.member.parts.state;
    const asked = Number(request.revision);
    if (asked > store.revision) throw etcdError('futureRevision');
    if (asked > 0 && asked <= store.compactRevision) throw etcdError('compacted');
    const revision = asked > 0 ? asked : store.revision;
    return {
      header: this.member.currentHeader(),
      compactRevision: store.compactRevision,
      hashRevision: revision,
      hash: await this.hashAt(revision),
    };
  }

  /** In slices: the versions never change, and others need their turn. */
  private async hashAt(revision: Revision): Promise<number> {
    let hash: number | undefined;
    let slice: Version[] = [];
    for (const version of this.member.parts.stateMachine.allVersions()) {
      slice.push(version);
      if (slice.length < LIMITS.hashedPerTurn) continue;
      hash = hashVersions(slice, revision, hash);
      slice = [];
      await setImmediate();
    }
    return hashVersions(slice, revision, hash);
  }

  /** Space comes back by itself after compaction: there is nothing to do. */
  defragment(): object {
    this.member.parts.log.info('defragment: nothing to do, space is given back after compaction');
    return {};
  }

  async moveLeader({ targetID }: MoveLeaderRequest): Promise<object> {
    const { consensus, memberId } = this.member.parts;
    const { leader, members } = consensus.status();
    if (leader !== memberId) throw etcdError('notLeader');
    const target = members.find((m) => m.id === targetID && !m.isLearner);
    if (target === undefined) throw etcdError('badLeaderTransferee');
    try {
      await consensus.transferLeadership(targetID);
    } catch (error) {
      throw fromConsensus(error);
    }
    return {};
  }

  /** Streams the state as a stock etcd's database, and at last its SHA-256. */
  snapshot(call: StreamCall<unknown, SnapshotResponse>): void {
    const drained = new EventEmitter();
    let gone = false;
    call.onDrain(() => drained.emit('drained'));
    call.onClose(() => {
      gone = true;
      drained.emit('drained');
    });
    const send = async (): Promise<void> => {
      const { chunks, totalBytes } = await this.member.databaseSnapshot();
      const hash = createHash('sha256');
      let remainingBytes = totalBytes;
      for await (const blob of chunks) {
        if (gone) return;
        hash.update(blob);
        remainingBytes -= blob.length;
        call.send({ remainingBytes, blob, version: API_VERSION });
        if (call.backlogBytes > LIMITS.watchBufferBytes && !gone) await once(drained, 'drained');
      }
      call.send({ remainingBytes: 0, blob: hash.digest() });
      call.end();
    };
    send().catch((error: unknown) => {
      this.member.parts.log.error({ err: error }, 'snapshot stream failed');
      call.end(statusError(CODE.internal, errorMessage(error)));
    });
  }
}

/** What an empty store is said to take, so that nobody divides by zero. */
const EMPTY_STORE_BYTES = 4096;
