/** The Cluster service: who is in the cluster. Changes are log entries; rules that protect the quorum are checked first. */

import { randomBytes } from 'node:crypto';
import type {
  Loose,
  MemberAddRequest,
  MemberAddResponse,
  MemberListRequest,
  MemberListResponse,
  MemberPromoteRequest,
  MemberRemoveRequest,
  MemberUpdateRequest,
  Member as WireMember,
} from '../codec/index.ts';
import { type EtcdError, type EtcdErrorKind, etcdError } from '../errors.ts';
import { type MemberChangeCode, MemberChangeError } from '../host/errors.ts';
import type { MemberChange, MemberId, MemberInfo } from '../ports.ts';
import { storedMember } from '../state/records.ts';
import type { UnaryInfo } from './calls.ts';
import type { Member } from './member.ts';
import { fromConsensus } from './proposer.ts';

type Answer = Loose<MemberListResponse>;

const KIND_OF: Readonly<Record<MemberChangeCode, Exclude<EtcdErrorKind, 'other'>>> = {
  exists: 'memberExists',
  notFound: 'memberNotFound',
  notLearner: 'memberNotLearner',
  learnerNotReady: 'learnerNotReady',
  pending: 'unhealthy',
  lastVoter: 'memberNotEnoughStarted',
};

export class ClusterService {
  private readonly member: Member;

  constructor(member: Member) {
    this.member = member;
  }

  async list(request: MemberListRequest): Promise<Answer> {
    if (request.linearizable) await this.member.linearize();
    return this.answer(this.members);
  }

  async add(
    { peerURLs, isLearner }: MemberAddRequest,
    info?: UnaryInfo,
  ): Promise<Loose<MemberAddResponse>> {
    await this.member.access.checkAdmin(info?.caller);
    checkUrls(peerURLs);
    const known = new Set(this.members.flatMap((m) => m.peerUrls));
    if (peerURLs.some((url) => known.has(url))) throw etcdError('peerUrlExists');
    if (!isLearner) this.checkQuorum({ added: 1 });
    const learners = this.members.filter((m) => m.isLearner).length;
    if (isLearner && learners >= this.member.parts.limits.learners) {
      throw etcdError('tooManyLearners');
    }
    const id = randomBytes(8).readBigUInt64BE() || 1n;
    // In order, as a stock etcd keeps those of a new member; an update keeps the order it was given.
    const member = { id, name: '', peerUrls: [...peerURLs].sort(), clientUrls: [], isLearner };
    const members = await this.change({ type: 'add', member });
    return { ...this.answer(members), member: storedMember(member) };
  }

  async remove({ ID }: MemberRemoveRequest, info?: UnaryInfo): Promise<Answer> {
    await this.member.access.checkAdmin(info?.caller);
    const member = this.find(ID);
    if (!member.isLearner && member.name !== '') this.checkQuorum({ removed: 1 });
    return this.answer(await this.change({ type: 'remove', id: ID }));
  }

  async update({ ID, peerURLs }: MemberUpdateRequest, info?: UnaryInfo): Promise<Answer> {
    await this.member.access.checkAdmin(info?.caller);
    checkUrls(peerURLs);
    const member = { ...this.find(ID), peerUrls: peerURLs };
    const others = this.members.filter((m) => m.id !== ID).flatMap((m) => m.peerUrls);
    if (peerURLs.some((url) => others.includes(url))) throw etcdError('peerUrlExists');
    return this.answer(await this.change({ type: 'update', member }));
  }

  async promote({ ID }: MemberPromoteRequest, info?: UnaryInfo): Promise<Answer> {
    await this.member.access.checkAdmin(info?.caller);
    if (!this.find(ID).isLearner) throw etcdError('memberNotLearner');
    return this.answer(await this.change({ type: 'promote', id: ID }));
  }

  private get members(): readonly MemberInfo[] {
    return this.member.parts.consensus.status().members;
  }

  private find(id: MemberId): MemberInfo {
    const found = this.members.find((m) => m.id === id);
    if (found === undefined) throw etcdError('memberNotFound');
    return found;
  }

  /** After the change enough of the voters must be running to go on; a lone member may always be joined. */
  private checkQuorum({ added = 0, removed = 0 }: { added?: number; removed?: number }): void {
    const voters = this.members.filter((m) => !m.isLearner);
    const started = voters.filter((m) => m.name !== '').length - removed;
    const quorum = Math.floor((voters.length + added - removed) / 2) + 1;
    const lone = voters.length === 1 && added > 0;
    if (started < quorum && !lone) throw etcdError('memberNotEnoughStarted');
  }

  private async change(change: MemberChange): Promise<readonly MemberInfo[]> {
    try {
      return await this.member.parts.consensus.changeMembers(change);
    } catch (error) {
      throw memberError(error);
    }
  }

  private answer(members: readonly MemberInfo[]): { header: object; members: Loose<WireMember>[] } {
    return { header: this.member.clusterHeader() as object, members: members.map(storedMember) };
  }
}

function memberError(error: unknown): EtcdError {
  return error instanceof MemberChangeError ? etcdError(KIND_OF[error.code]) : fromConsensus(error);
}

function checkUrls(urls: readonly string[]): void {
  const good = (text: string): boolean =>
    /^https?:\/\/[^/\s]+:\d+$/.test(text) && URL.canParse(text);
  if (urls.length === 0 || !urls.every(good)) throw etcdError('memberBadUrls');
}
