/** The Election service: elections kept by the server, each a queue of claimants with a value. */

import type {
  CampaignRequest,
  CampaignResponse,
  LeaderKey,
  LeaderRequest,
  LeaderResponse,
  Loose,
  ProclaimRequest,
  ProclaimResponse,
  ResignRequest,
  ResignResponse,
} from '../codec/index.ts';
import { CODE, etcdError, statusError } from '../errors.ts';
import { toRevision } from '../mvcc/index.ts';
import type { Caller, StreamCall, UnaryInfo } from './calls.ts';
import { type Claims, unknownOnFailure } from './claims.ts';
import type { Member } from './member.ts';

/** @throws EtcdError when there is none */
function given(leader: LeaderKey | undefined): LeaderKey {
  if (leader === undefined) throw statusError(CODE.unknown, '"leader" field must be provided');
  if (leader.key.length === 0) throw etcdError('emptyKey');
  return leader;
}

export class ElectionService {
  private readonly member: Member;
  private readonly claims: Claims;

  constructor(member: Member, claims: Claims) {
    this.member = member;
    this.claims = claims;
  }

  /** Answers once the campaign is won. A caller that leaves while waiting loses its place. */
  campaign(
    { name, lease: given, value }: CampaignRequest,
    { caller, onClose }: UnaryInfo,
  ): Promise<Loose<CampaignResponse>> {
    return unknownOnFailure(async () => {
      const claims = await this.claims.of(caller);
      const lease = await claims.leaseFor(given);
      const claim = await claims.claim(name, lease, value);
      const { key, createRevision, existing, revision } = claim;
      if (existing !== undefined && !existing.equals(value)) {
        await claims.putIf(key, createRevision, { value, lease });
      }
      await claims.turn(name, claim, onClose);
      const leader = { name, key, rev: createRevision, lease };
      return { header: this.member.header(revision), leader };
    });
  }

  /** Changes the value of who leads. */
  proclaim(
    { leader, value }: ProclaimRequest,
    { caller }: UnaryInfo,
  ): Promise<Loose<ProclaimResponse>> {
    return unknownOnFailure(async () => {
      const { key, rev, lease } = given(leader);
      const claims = await this.claims.of(caller);
      const put = await claims.putIf(key, toRevision(rev), { value, lease });
      if (!put.succeeded) throw statusError(CODE.unknown, 'election: not leader');
      return { header: this.member.header(put.revision) };
    });
  }

  leader({ name }: LeaderRequest, { caller }: UnaryInfo): Promise<Loose<LeaderResponse>> {
    return unknownOnFailure(async () => {
      await this.member.linearize();
      (await this.claims.of(caller)).checkReadable(name);
      const kv = this.claims.holder(name);
      if (kv === undefined) throw statusError(CODE.unknown, 'election: no leader');
      return { header: this.member.currentHeader(), kv };
    });
  }

  /** Gives up leading; no harm for who does not lead. */
  resign({ leader }: ResignRequest, { caller }: UnaryInfo): Promise<Loose<ResignResponse>> {
    return unknownOnFailure(async () => {
      const { key, rev } = given(leader);
      const claims = await this.claims.of(caller);
      return { header: this.member.header(await claims.leave(key, toRevision(rev))) };
    });
  }

  /** Tells who leads, and each change of it or of its value. */
  observe(call: StreamCall<LeaderRequest, LeaderResponse>): void {
    call.onMessage(({ name }) => {
      const refuse = (): void => {
        call.end(statusError(CODE.unknown, 'election: observe closed early'));
      };
      this.mayObserve(call, name).then(() => this.tellEach(call, name), refuse);
    });
  }

  private async mayObserve(caller: Caller, name: Buffer): Promise<void> {
    if (!this.member.access.open) (await this.claims.of(caller)).checkReadable(name);
  }

  private tellEach(call: StreamCall<LeaderRequest, LeaderResponse>, name: Buffer): void {
    let told = 0;
    const tell = (): void => {
      const kv = this.claims.holder(name);
      if (kv === undefined || kv.modRevision === told) return;
      told = kv.modRevision;
      call.send({ header: this.member.currentHeader(), kv });
    };
    const prefix = Buffer.concat([name, Buffer.from('/')]);
    const end = Buffer.concat([name, Buffer.from('0')]);
    call.onClose(this.claims.watch(prefix, end, tell));
    tell();
  }
}
