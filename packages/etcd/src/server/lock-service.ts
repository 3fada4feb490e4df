/** The Lock service: locks kept by the server, each a queue of claimants. */

import type {
  LockRequest,
  LockResponse,
  Loose,
  UnlockRequest,
  UnlockResponse,
} from '../codec/index.ts';
import { etcdError } from '../errors.ts';
import type { UnaryInfo } from './calls.ts';
import { type Claims, unknownOnFailure } from './claims.ts';
import type { Member } from './member.ts';

const NO_VALUE = Buffer.alloc(0);

export class LockService {
  private readonly member: Member;
  private readonly claims: Claims;

  constructor(member: Member, claims: Claims) {
    this.member = member;
    this.claims = claims;
  }

  /** Answers once the lock is held. A caller that leaves while waiting loses its place. */
  lock(request: LockRequest, { caller, onClose }: UnaryInfo): Promise<Loose<LockResponse>> {
    return unknownOnFailure(async () => {
      const claims = await this.claims.of(caller);
      const lease = await claims.leaseFor(request.lease);
      const claim = await claims.claim(request.name, lease, NO_VALUE);
      const revision = await claims.turn(request.name, claim, onClose);
      return { header: this.member.header(revision), key: claim.key };
    });
  }

  unlock({ key }: UnlockRequest, { caller }: UnaryInfo): Promise<Loose<UnlockResponse>> {
    return unknownOnFailure(async () => {
      if (key.length === 0) throw etcdError('emptyKey');
      const claims = await this.claims.of(caller);
      return { header: this.member.header(await claims.leave(key)) };
    });
  }
}
