/**
 * Consensus among one member that keeps no log: for stores that live in memory and end with their process. Proposals made in
 * one turn of the event loop are committed together.
 */

import { ConsensusStoppedError, MemberChangeError } from '../host/errors.ts';
import type {
  CommittedEntry,
  Consensus,
  ConsensusStatus,
  LogIndex,
  MemberChange,
  MemberInfo,
  StateMachine,
} from '../ports.ts';

const TERM = 1n;

export class SoloConsensus implements Consensus {
  private member: MemberInfo;
  private readonly stateMachine: StateMachine;
  private readonly waiting: Uint8Array[] = [];
  private index: LogIndex = 0n;
  private scheduled = false;
  private stopped = false;

  constructor(member: MemberInfo, stateMachine: StateMachine) {
    this.member = member;
    this.stateMachine = stateMachine;
  }

  propose(data: Uint8Array): Promise<void> {
    if (this.stopped) return Promise.reject(new ConsensusStoppedError('the store is stopped'));
    this.waiting.push(data);
    if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => this.commit());
    }
    return Promise.resolve();
  }

  private commit(): void {
    this.scheduled = false;
    const entries = this.waiting.splice(0).map((data): CommittedEntry => {
      this.index++;
      return { index: this.index, term: TERM, kind: 'normal', data };
    });
    this.stateMachine.apply(entries);
  }

  readIndex(): Promise<LogIndex> {
    if (this.stopped) return Promise.reject(new ConsensusStoppedError('the store is stopped'));
    return Promise.resolve(this.index);
  }

  /** Everything up to `readIndex` is applied already. */
  waitApplied(): Promise<void> {
    return Promise.resolve();
  }

  changeMembers(change: MemberChange): Promise<readonly MemberInfo[]> {
    if (change.type === 'update' && change.member.id === this.member.id) {
      this.member = change.member;
      return Promise.resolve([this.member]);
    }
    const why = 'a store in memory has one member';
    return Promise.reject(new MemberChangeError('lastVoter', why));
  }

  transferLeadership(): Promise<void> {
    return Promise.resolve();
  }

  status(): ConsensusStatus {
    const { index, member } = this;
    return {
      ...{ id: member.id, leader: member.id, term: TERM, role: 'leader' },
      ...{ lastIndex: index, commitIndex: index, appliedIndex: index, members: [member] },
    };
  }

  /** The leader never changes. */
  onLeadership(): () => void {
    return () => undefined;
  }

  stop(): Promise<void> {
    this.stopped = true;
    return Promise.resolve();
  }
}
