/** The KV service: reads from the state, writes through the log. */

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
import { runRange } from '../mvcc/index.ts';
import { hasPut, isReadOnly, isSerializable, runTxn } from '../state/txn.ts';
import type { UnaryInfo } from './calls.ts';
import type { Member } from './member.ts';
import type { Quota } from './quota.ts';
import { validateDelete, validatePut, validateRange, validateTxn } from './validate.ts';

export class KvService {
  private readonly member: Member;
  private readonly quota: Quota;

  constructor(member: Member, quota: Quota) {
    this.member = member;
    this.quota = quota;
  }

  async range(request: RangeRequest): Promise<Loose<RangeResponse>> {
    validateRange(request);
    if (!request.serializable) await this.member.linearize();
    const { kvs, count, more } = runRange(this.member.parts.state.store, request);
    return { header: this.member.currentHeader(), kvs, count, more };
  }

  async put(request: PutRequest, { raw }: UnaryInfo): Promise<Loose<PutResponse>> {
    validatePut(request);
    if (!this.admits(raw, true)) await this.quota.check(raw.length);
    const written = await this.member.parts.proposer.propose('put', { put: raw }, raw.length);
    return this.answer(written, written.outcome.response as object);
  }

  async deleteRange(
    request: DeleteRangeRequest,
    { raw }: UnaryInfo,
  ): Promise<Loose<DeleteRangeResponse>> {
    validateDelete(request);
    this.admits(raw, false);
    const { proposer } = this.member.parts;
    const written = await proposer.propose('delete', { deleteRange: raw }, raw.length);
    return this.answer(written, written.outcome.response as object);
  }

  async txn(request: TxnRequest, { raw }: UnaryInfo): Promise<Loose<TxnResponse>> {
    validateTxn(request, this.member.parts.limits.txnOps);
    if (isReadOnly(request)) return this.readTxn(request);
    if (!this.admits(raw, hasPut(request))) await this.quota.check(raw.length);
    const written = await this.member.parts.proposer.propose('txn', { txn: raw }, raw.length);
    return this.answer(written, written.outcome.response);
  }

  private async readTxn(request: TxnRequest): Promise<Loose<TxnResponse>> {
    if (!isSerializable(request)) await this.member.linearize();
    const outcome = runTxn(this.member.parts.state, request, () => undefined);
    return { header: this.member.currentHeader(), ...outcome };
  }

  async compact(
    _request: CompactionRequest,
    { raw }: UnaryInfo,
  ): Promise<Loose<CompactionResponse>> {
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
