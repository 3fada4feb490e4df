/** What can be said of a request before it goes anywhere. Each check throws an `EtcdError`. */

import type { DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest } from '../codec/index.ts';
import { etcdError } from '../errors.ts';
import { type Interval, inInterval, intervalOf, isKnownSort, keyName } from '../mvcc/index.ts';

export function validateRange(r: RangeRequest): void {
  if (r.key.length === 0) throw etcdError('emptyKey');
  if (!isKnownSort(r)) throw etcdError('invalidSortOption');
}

export function validatePut(r: PutRequest): void {
  if (r.key.length === 0) throw etcdError('emptyKey');
  if (r.ignoreValue && r.value.length > 0) throw etcdError('valueProvided');
  if (r.ignoreLease && r.lease !== 0n) throw etcdError('leaseProvided');
}

export function validateDelete(r: Pick<DeleteRangeRequest, 'key'>): void {
  if (r.key.length === 0) throw etcdError('emptyKey');
}

/** Checks every step of every branch, and that no key is put twice or both put and deleted. */
export function validateTxn(txn: TxnRequest, maxOps: number): void {
  checkSteps(txn, maxOps);
  // One step alone, as most have, overlaps with nothing.
  for (const branch of [txn.success, txn.failure]) {
    if (branch.length > 1 || branch[0]?.requestTxn !== undefined) checkOverlaps(branch);
  }
}

function checkSteps(txn: TxnRequest, opsLeft: number): void {
  const most = Math.max(txn.compare.length, txn.success.length, txn.failure.length);
  if (most > opsLeft) throw etcdError('tooManyOps');
  for (const c of txn.compare) if (c.key.length === 0) throw etcdError('emptyKey');
  for (const op of [...txn.success, ...txn.failure]) {
    if (op.requestRange) validateRange(op.requestRange);
    else if (op.requestPut) validatePut(op.requestPut);
    else if (op.requestDeleteRange) validateDelete(op.requestDeleteRange);
    else if (op.requestTxn) checkSteps(op.requestTxn, opsLeft - most);
    else throw etcdError('keyNotFound');
  }
}

/** What a list of steps writes, whichever way its conditions go. */
interface Writes {
  readonly puts: Set<string>;
  readonly deletes: Interval[];
}

type Steps = TxnRequest['success'];

function checkOverlaps(steps: Steps): Writes {
  const puts = new Set<string>();
  const deletes: Interval[] = [];
  for (const { requestDeleteRange: r } of steps) {
    if (r) deletes.push(intervalOf(r.key, r.rangeEnd));
  }
  for (const { requestPut: r } of steps) {
    if (r) addPut(puts, deletes, keyName(r.key));
  }
  for (const { requestTxn: nested } of steps) {
    if (nested) addNested({ puts, deletes }, nested);
  }
  return { puts, deletes };
}

function addPut(puts: Set<string>, deletes: readonly Interval[], name: string): void {
  if (puts.has(name) || deletes.some((d) => inInterval(name, d))) throw etcdError('duplicateKey');
  puts.add(name);
}

/** Of a nested transaction only one branch runs: its branches may write the same keys, but not what is written outside. */
function addNested(outer: Writes, nested: TxnRequest): void {
  const branches = [checkOverlaps(nested.success), checkOverlaps(nested.failure)];
  const before = new Set(outer.puts);
  const deletesBefore = [...outer.deletes];
  for (const { puts, deletes } of branches) {
    for (const name of puts) {
      const clash = before.has(name) || deletesBefore.some((d) => inInterval(name, d));
      if (clash) throw etcdError('duplicateKey');
    }
    for (const d of deletes) {
      for (const name of before) if (inInterval(name, d)) throw etcdError('duplicateKey');
    }
    for (const name of puts) outer.puts.add(name);
    outer.deletes.push(...deletes);
  }
}
