/**
 * Transactions in three passes, so that one that cannot be carried out writes nothing: choose the branches (all conditions,
 * nested ones too, see the state before the transaction), check every step, then carry them out.
 */

import type {
  DeleteRangeRequest,
  Loose,
  PutRequest,
  RequestOp,
  ResponseOp,
  TxnRequest,
} from '../codec/index.ts';
import { etcdError } from '../errors.ts';
import type { Lessor } from '../lease/lessor.ts';
import {
  holds,
  intervalOf,
  keyName,
  type MvccStore,
  runRange,
  toRevision,
  type Version,
  type WriteTxn,
} from '../mvcc/index.ts';

/** What transactions read and write. */
export interface KeySpace {
  readonly store: MvccStore;
  readonly lessor: Lessor;
}

/** A transaction with its branch chosen. */
interface Chosen {
  readonly succeeded: boolean;
  readonly steps: readonly ChosenStep[];
}

interface ChosenStep {
  readonly op: RequestOp;
  readonly nested: Chosen | undefined;
}

function choose(store: MvccStore, txn: TxnRequest): Chosen {
  const succeeded = txn.compare.every((c) => holds(store, c));
  const steps = (succeeded ? txn.success : txn.failure).map((op) => ({
    op,
    nested: op.requestTxn && choose(store, op.requestTxn),
  }));
  return { succeeded, steps };
}

/** @throws EtcdError when the put cannot be carried out */
export function checkPut({ store, lessor }: KeySpace, put: PutRequest): void {
  const needsKey = put.ignoreValue || put.ignoreLease;
  if (needsKey && store.latest(keyName(put.key)) === undefined) throw etcdError('keyNotFound');
  if (put.lease !== 0n && !lessor.has(put.lease)) throw etcdError('leaseNotFound');
}

/** Within a transaction a revision before all others is taken at its word, unlike in a read of its own. */
function checkRead(store: MvccStore, revision: bigint): void {
  if (revision < 0n && revision < store.compactRevision) throw etcdError('compacted');
  store.checkReadable(toRevision(revision));
}

function check(space: KeySpace, { steps }: Chosen): void {
  for (const { op, nested } of steps) {
    if (op.requestPut) checkPut(space, op.requestPut);
    if (op.requestRange) checkRead(space.store, op.requestRange.revision);
    if (nested) check(space, nested);
  }
}

/** Writes a key and moves it between leases. @returns what was there before */
export function putKey(
  { store, lessor }: KeySpace,
  write: WriteTxn,
  put: PutRequest,
): Version | undefined {
  const name = keyName(put.key);
  const before = store.latest(name);
  const value = put.ignoreValue && before ? before.value : put.value;
  const lease = put.ignoreLease && before ? before.lease : put.lease;
  write.put(put.key, value, lease);
  if (before !== undefined && before.lease !== 0n) lessor.detach(before.lease, name);
  if (lease !== 0n) lessor.attach(lease, name);
  return before;
}

/** Deletes an interval and frees its keys from their leases. @returns what was there */
export function deleteKeys(
  { lessor }: KeySpace,
  write: WriteTxn,
  request: Pick<DeleteRangeRequest, 'key' | 'rangeEnd'>,
): Version[] {
  const gone = write.deleteRange(intervalOf(request.key, request.rangeEnd));
  for (const { name, lease } of gone) if (lease !== 0n) lessor.detach(lease, name);
  return gone;
}

type Step = Exclude<Loose<ResponseOp>, Uint8Array>;

function runStep(space: KeySpace, write: WriteTxn | undefined, step: ChosenStep): Step {
  const { op, nested } = step;
  const now = () => ({ revision: space.store.revision + (write?.changes.length ? 1 : 0) });
  if (nested) {
    const responses = runSteps(space, write, nested);
    return { responseTxn: { header: {}, succeeded: nested.succeeded, responses } };
  }
  if (op.requestPut && write) {
    const { requestPut: put } = op;
    const before = putKey(space, write, put);
    return { responsePut: { header: now(), prevKv: put.prevKv ? before : undefined } };
  }
  if (op.requestDeleteRange && write) {
    const gone = deleteKeys(space, write, op.requestDeleteRange);
    const prevKvs = op.requestDeleteRange.prevKv ? gone : [];
    return { responseDeleteRange: { header: now(), deleted: gone.length, prevKvs } };
  }
  if (op.requestRange) {
    const { kvs, count, more } = runRange(space.store, op.requestRange);
    return { responseRange: { header: now(), kvs, count, more } };
  }
  return {};
}

function runSteps(space: KeySpace, write: WriteTxn | undefined, chosen: Chosen): Step[] {
  return chosen.steps.map((step) => runStep(space, write, step));
}

export interface TxnOutcome {
  readonly succeeded: boolean;
  readonly responses: Loose<ResponseOp>[];
}

/**
 * Carries out a transaction.
 * @param write undefined for a transaction that only reads
 * @throws EtcdError when a step cannot be carried out; nothing was written then
 */
export function runTxn(
  space: KeySpace,
  request: TxnRequest,
  write: () => WriteTxn | undefined,
): TxnOutcome {
  const chosen = choose(space.store, request);
  check(space, chosen);
  return { succeeded: chosen.succeeded, responses: runSteps(space, write(), chosen) };
}

/** True for a step that may write, in whichever branch. */
function mayWrite(op: RequestOp): boolean {
  return (
    op.requestPut !== undefined ||
    op.requestDeleteRange !== undefined ||
    (op.requestTxn !== undefined && !isReadOnly(op.requestTxn))
  );
}

/** True when no branch of the transaction writes: it can be answered without the log. */
export function isReadOnly(txn: TxnRequest): boolean {
  return ![...txn.success, ...txn.failure].some(mayWrite);
}

/** True when any branch puts something: what a full store refuses. */
export function hasPut(txn: TxnRequest): boolean {
  return [...txn.success, ...txn.failure].some(
    (op) => op.requestPut !== undefined || (op.requestTxn !== undefined && hasPut(op.requestTxn)),
  );
}

/** True when the transaction only reads, and only what may be stale. */
export function isSerializable(txn: TxnRequest): boolean {
  return [...txn.success, ...txn.failure].every(
    ({ requestRange, requestTxn }) =>
      requestRange?.serializable === true ||
      (requestTxn !== undefined && isSerializable(requestTxn)),
  );
}
