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
import { CODE, statusError } from '../errors.ts';
import { toRevision } from '../mvcc/index.ts';
import type { StreamCall, UnaryInfo } from './calls.ts';
import { type Claims, unknownOnFailure } from './claims.ts';
import type { Member } from './member.ts';

/** @throws EtcdError when there is none */
function given(leader: LeaderKey | undefined): LeaderKey {
  if (leader === undefined) throw statusError(CODE.unknown, '"leader" field must be provided');
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
    { onClose }: UnaryInfo,
  ): Promise<Loose<CampaignResponse>> {
    return unknownOnFailure(async () => {
      const lease = await this.claims.leaseFor(given);
      const claim = await this.claims.claim(name, lease, value);
      const { key, createRevision, existing, revision } = claim;
      if (existing !== undefined && !existing.equals(value)) {
        await this.claims.putIf(key, createRevision, { value, lease });
      }
      await this.claims.turn(name, claim, onClose);
      const leader = { name, key, rev: createRevision, lease };
      return { header: this.member.header(revision), leader };
    });
  }

  /** Changes the value of who leads. */
  proclaim({ leader, value }: ProclaimRequest): Promise<Loose<ProclaimResponse>> {
    return unknownOnFailure(async () => {
      const { key, rev, lease } = given(leader);
      const put = await this.claims.putIf(key, toRevision(rev), { value, lease });
      if (!put.succeeded) throw statusError(CODE.unknown, 'election: not leader');
      return { header: this.member.header(put.revision) };
    });
  }

  leader({ name }: LeaderRequest): Promise<Loose<LeaderResponse>> {
    return unknownOnFailure(async () => {
      await this.member.linearize();
      const kv = this.claims.holder(name);
      if (kv === undefined) throw statusError(CODE.unknown, 'election: no leader');
      return { header: this.member.currentHeader(), kv };
    });
  }

  /** Gives up leading; no harm for who does not lead. */
  resign({ leader }: ResignRequest): Promise<Loose<ResignResponse>> {
    return unknownOnFailure(async () => {
      const { key, rev } = given(leader);
      return { header: this.member.header(await this.claims.leave(key, toRevision(rev))) };
    });
  }

  /** Tells who leads, and each change of it or of its value. */
  observe(call: StreamCall<LeaderRequest, LeaderResponse>): void {
    call.onMessage(({ name }) => {
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
    });
  }
}
