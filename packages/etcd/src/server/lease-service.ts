/** The Lease service. */

import type {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  Loose,
} from '../codec/index.ts';
import { EtcdError, etcdError, isEtcdError } from '../errors.ts';
import { MAX_TTL_SECONDS } from '../lease/lessor.ts';
import { LIMITS } from '../limits.ts';
import type { StreamCall, UnaryInfo } from './calls.ts';
import type { LeaderGuard } from './leader-guard.ts';
import type { Member } from './member.ts';

const NO_LEASE = -1;
export class LeaseService {
  private readonly member: Member;
  private readonly guard: LeaderGuard;

  constructor(member: Member, guard: LeaderGuard) {
    this.member = member;
    this.guard = guard;
  }

  async grant(request: LeaseGrantRequest, info?: UnaryInfo): Promise<Loose<LeaseGrantResponse>> {
    await this.member.access.who(info?.caller);
    if (request.TTL > MAX_TTL_SECONDS) throw etcdError('leaseTtlTooLarge');
    const leaseGrant = {
      ID: request.ID === 0n ? this.member.nextLeaseId() : request.ID,
      TTL: request.TTL,
    };
    const { proposer } = this.member.parts;
    const { outcome, revision, term } = await proposer.propose('lease', { leaseGrant });
    const { id: ID, ttlSeconds: TTL } = outcome.lease;
    return { header: this.member.header(revision, term), ID, TTL };
  }

  async revoke({ ID }: LeaseRevokeRequest, info?: UnaryInfo): Promise<Loose<LeaseRevokeResponse>> {
    const by = await this.member.access.who(info?.caller);
    const { proposer } = this.member.parts;
    const { revision, term } = await proposer.propose('done', { leaseRevoke: { ID }, ...by });
    return { header: this.member.header(revision, term) };
  }

  async timeToLive({ ID, keys }: LeaseTimeToLiveRequest): Promise<Loose<LeaseTimeToLiveResponse>> {
    await this.member.linearize();
    const { state, clock } = this.member.parts;
    const header = this.member.currentHeader();
    const view = state.lessor.view(ID, clock.monotonicMs());
    if (view === undefined) return { header, ID, TTL: NO_LEASE };
    const names = keys ? view.keys.map((name) => Buffer.from(name, 'latin1')) : [];
    return { header, ID, TTL: view.remainingSeconds, grantedTTL: view.ttlSeconds, keys: names };
  }

  async leases(): Promise<Loose<LeaseLeasesResponse>> {
    await this.member.linearize();
    const leases = this.member.parts.state.lessor.ids().map((ID) => ({ ID }));
    return { header: this.member.currentHeader(), leases };
  }

  /** Renews whatever ids arrive, one after the other; a lease that does not exist is answered with TTL 0. */
  keepAlive(call: StreamCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse>): void {
    let last: Promise<void> = Promise.resolve();
    let waiting = 0;
    let halfClosed = false;
    call.onMessage(({ ID }) => {
      waiting++;
      if (waiting > LIMITS.keepAlivesWaiting) {
        call.end(etcdError('tooManyRequests'));
        return;
      }
      last = last.then(async () => {
        await this.renew(call, ID);
        waiting--;
        if (halfClosed && waiting === 0) call.end();
      });
    });
    call.onHalfClose(() => {
      halfClosed = true;
      if (waiting === 0) call.end();
    });
    this.guard.watch(call);
  }

  private async renew(
    call: StreamCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse>,
    ID: bigint,
  ): Promise<void> {
    const { proposer } = this.member.parts;
    try {
      const { outcome, revision, term } = await proposer.propose('lease', { leaseRenew: { ID } });
      call.send({ header: this.member.header(revision, term), ID, TTL: outcome.lease.ttlSeconds });
    } catch (error) {
      if (isEtcdError(error, 'leaseNotFound'))
        call.send({ header: this.member.currentHeader(), ID });
      else if (error instanceof EtcdError) call.end(error);
      else throw error;
    }
  }
}
