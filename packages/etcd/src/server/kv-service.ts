/** The KV service: reads from the state, writes through the log. */

import { authorizeTxn } from '../auth/authorize.ts';
import type {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  Loose,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../codec/index.ts';
import { etcdError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { runRange } from '../mvcc/index.ts';
import { hasPut, isReadOnly, isSerializable, runTxn } from '../state/txn.ts';
import type { Caller, UnaryInfo } from './calls.ts';
import type { Member } from './member.ts';
import type { Quota } from './quota.ts';
import { RangeAnswer } from './range-answer.ts';
import { validateDelete, validatePut, validateRange, validateTxn } from './validate.ts';

export class KvService {
  private readonly member: Member;
  private readonly quota: Quota;

  constructor(member: Member, quota: Quota) {
    this.member = member;
    this.quota = quota;
  }

  async range(
    request: RangeRequest,
    info?: UnaryInfo,
  ): Promise<Loose<RangeResponse> | RangeAnswer> {
    validateRange(request);
    if (!request.serializable) await this.member.linearize();
    const { access } = this.member;
    if (!access.open) await access.checkKeys(info?.caller, 'read', request);
    const { kvs, count, more } = runRange(this.member.parts.state.store, request);
    const header = this.member.currentHeader();
    if (kvs.length < LIMITS.rangeStreamPairs) return { header, kvs, count, more };
    return new RangeAnswer({ header, kvs, count, more });
  }

  async put(request: PutRequest, { raw, caller }: UnaryInfo): Promise<Loose<PutResponse>> {
    validatePut(request);
    if (!this.admits(raw, true)) await this.quota.check(raw.length);
    const { access, parts } = this.member;
    const by = access.open ? undefined : await access.who(caller);
    const written = await parts.proposer.propose('put', { put: raw, ...by }, raw.length);
    return this.answer(written, written.outcome.response as object);
  }

  async deleteRange(
    request: DeleteRangeRequest,
    { raw, caller }: UnaryInfo,
  ): Promise<Loose<DeleteRangeResponse>> {
    validateDelete(request);
    this.admits(raw, false);
    const { access, parts } = this.member;
    const by = access.open ? undefined : await access.who(caller);
    const body = { deleteRange: raw, ...by };
    const written = await parts.proposer.propose('delete', body, raw.length);
    return this.answer(written, written.outcome.response as object);
  }

  async txn(request: TxnRequest, { raw, caller }: UnaryInfo): Promise<Loose<TxnResponse>> {
    validateTxn(request, this.member.parts.limits.txnOps);
    if (isReadOnly(request)) return this.readTxn(request, caller);
    if (!this.admits(raw, hasPut(request))) await this.quota.check(raw.length);
    const { access, parts } = this.member;
    const by = access.open ? undefined : await access.whoForTxn(caller, request);
    const written = await parts.proposer.propose('txn', { txn: raw, ...by }, raw.length);
    return this.answer(written, written.outcome.response);
  }

  private async readTxn(request: TxnRequest, caller?: Caller): Promise<Loose<TxnResponse>> {
    if (!isSerializable(request)) await this.member.linearize();
    const { access, parts } = this.member;
    if (!access.open) {
      authorizeTxn(parts.state.auth, await access.whoForTxn(caller, request), request);
    }
    const outcome = runTxn(parts.state, request, () => undefined);
    return { header: this.member.currentHeader(), ...outcome };
  }

  async compact(
    _request: CompactionRequest,
    { raw, caller }: UnaryInfo,
  ): Promise<Loose<CompactionResponse>> {
    // Anyone may, but not with a token that is no good.
    await this.member.access.who(caller);
    const written = await this.member.parts.proposer.propose('done', { compact: raw }, raw.length);
    return this.answer(written, {});
  }

  /** @returns false when the quota must be asked @throws EtcdError `requestTooLarge` */
  private admits(raw: Buffer, grows: boolean): boolean {
    if (raw.length > this.member.parts.limits.requestBytes) throw etcdError('requestTooLarge');
    return !grows || this.quota.fits(raw.length);
  }

  private answer<T extends object>(
    { revision, term }: { revision: number; term: bigint },
    rest: T,
  ) {
    return { header: this.member.header(revision, term), ...rest };
  }
}
