/** Who may carry out what: checked when a proposal is applied, on every member alike, and before a read. */

import type { Proposal, PutRequest, RequestOp, TxnRequest } from '../codec/index.ts';
import type { Lessor } from '../lease/lessor.ts';
import type { AuthState, Credentials } from './auth-state.ts';

const ONE_KEY = Buffer.alloc(0);

/** What is asked about. */
export interface Guarded {
  readonly auth: AuthState;
  readonly lessor: Lessor;
}

/** @throws EtcdError unless whoever made the proposal may have it carried out */
export function authorize(state: Guarded, p: Proposal): void {
  const { auth } = state;
  if (!auth.enabled) return;
  const by = { user: p.user, authRevision: p.authRevision };
  if (p.put) authorizePut(state, by, p.put);
  else if (p.txn) authorizeTxn(auth, by, p.txn);
  else if (p.deleteRange) authorizeDelete(auth, by, p.deleteRange);
  else if (p.leaseRevoke) authorizeLease(state, by, p.leaseRevoke.ID);
  else if (p.auth && !p.auth.token) auth.checkAdmin(by);
}

function authorizePut(state: Guarded, by: Credentials, put: PutRequest): void {
  const { auth } = state;
  auth.checkKeys(by, 'write', put.key, ONE_KEY);
  // Who writes under a lease decides when the lease's other keys go.
  if (put.lease !== 0n) authorizeLease(state, by, put.lease);
  if (put.prevKv) auth.checkKeys(by, 'read', put.key, ONE_KEY);
}

function authorizeDelete(
  auth: AuthState,
  by: Credentials,
  { key, rangeEnd, prevKv }: { key: Buffer; rangeEnd: Buffer; prevKv: boolean },
): void {
  auth.checkKeys(by, 'write', key, rangeEnd);
  if (prevKv) auth.checkKeys(by, 'read', key, rangeEnd);
}

/** Revoking a lease deletes its keys: all of them must be writable. */
function authorizeLease({ auth, lessor }: Guarded, by: Credentials, id: bigint): void {
  for (const name of lessor.view(id, 0)?.keys ?? []) {
    auth.checkInterval(by, 'write', { from: name, to: `${name}\0` });
  }
}

/**
 * Both branches, whichever will be taken. As recorded of etcd 3.4, two things are not looked at: what transactions inside the
 * transaction do (but nobody may have one), and what a put returns of the former value. {@link authorizeWholeTxn} does.
 */
export function authorizeTxn(auth: AuthState, by: Credentials, txn: TxnRequest): void {
  if (!auth.enabled) return;
  for (const { key, rangeEnd } of txn.compare) auth.checkKeys(by, 'read', key, rangeEnd);
  for (const op of [...txn.success, ...txn.failure]) authorizeOp(auth, by, op);
}

/**
 * Everything a transaction may do, at every level. Enough to be asked by the member that takes the request: at the same auth
 * revision it is true everywhere, and at a later one the transaction is refused.
 */
export function authorizeWholeTxn(auth: AuthState, by: Credentials, txn: TxnRequest): void {
  authorizeTxn(auth, by, txn);
  for (const { requestPut: put, requestTxn: nested } of [...txn.success, ...txn.failure]) {
    if (put?.prevKv) auth.checkKeys(by, 'read', put.key, ONE_KEY);
    if (nested) authorizeWholeTxn(auth, by, nested);
  }
}

function authorizeOp(auth: AuthState, by: Credentials, op: RequestOp): void {
  const { requestRange: range, requestPut: put, requestDeleteRange: del } = op;
  if (range) auth.checkKeys(by, 'read', range.key, range.rangeEnd);
  if (put) auth.checkKeys(by, 'write', put.key, ONE_KEY);
  if (del) authorizeDelete(auth, by, del);
  if (op.requestTxn) auth.checkUser(by);
}
