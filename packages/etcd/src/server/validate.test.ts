import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Loose,
  messageType,
  type PutRequest,
  type RangeRequest,
  type TxnRequest,
} from '../codec/index.ts';
import { EtcdError } from '../errors.ts';
import { validatePut, validateRange, validateTxn } from './validate.ts';

const TXN = messageType<TxnRequest>('etcdserverpb.TxnRequest');
const PUT = messageType<PutRequest>('etcdserverpb.PutRequest');
const RANGE = messageType<RangeRequest>('etcdserverpb.RangeRequest');
const MAX_OPS = 4;

/** What the check said, `ok` when nothing. */
function verdict(check: () => void): string {
  try {
    check();
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof EtcdError);
    return error.kind;
  }
}

const key = (name: string) => Buffer.from(name);
const put = (name: string) => ({ requestPut: { key: key(name) } });
const del = (from: string, to = '') => ({
  requestDeleteRange: { key: key(from), rangeEnd: key(to) },
});
const get = (name: string) => ({ requestRange: { key: key(name) } });
type Txn = Exclude<Loose<TxnRequest>, Uint8Array>;
const txn = (requestTxn: Txn) => ({ requestTxn });

describe('a transaction is checked', () => {
  const cases: readonly (readonly [what: string, request: Txn, expected: string])[] = [
    ['empty', {}, 'ok'],
    ['distinct keys', { success: [put('a'), put('b'), del('c')] }, 'ok'],
    ['one key twice', { success: [put('a'), put('a')] }, 'duplicateKey'],
    ['the same key in both branches', { success: [put('a')], failure: [put('a')] }, 'ok'],
    ['put within a deleted range', { success: [put('b'), del('a', 'c')] }, 'duplicateKey'],
    ['put at the end of a deleted range', { success: [put('c'), del('a', 'c')] }, 'ok'],
    ['put beyond the start of everything', { success: [put('z'), del('b', '\0')] }, 'duplicateKey'],
    ['reads of what is written', { success: [put('a'), get('a'), get('a')] }, 'ok'],
    ['overlapping deletions', { success: [del('a', 'c'), del('b', 'd')] }, 'ok'],
    [
      'nested put of an outer one',
      { success: [put('a'), txn({ success: [put('a')] })] },
      'duplicateKey',
    ],
    [
      'nested delete of an outer put',
      { success: [put('a'), txn({ failure: [del('a')] })] },
      'duplicateKey',
    ],
    [
      'nested put in an outer delete',
      { success: [del('a'), txn({ success: [put('a')] })] },
      'duplicateKey',
    ],
    [
      'the same key in two nested ones',
      { success: [txn({ success: [put('a')] }), txn({ failure: [put('a')] })] },
      'duplicateKey',
    ],
    [
      'both branches of one nested',
      { success: [txn({ success: [put('a')], failure: [put('a')] })] },
      'ok',
    ],
    [
      'too many steps',
      { failure: [get('a'), get('b'), get('c'), get('d'), get('e')] },
      'tooManyOps',
    ],
    ['too many conditions', { compare: Array(5).fill({ key: key('a') }) }, 'tooManyOps'],
    [
      'too many with those nested',
      { success: [txn({ success: [get('a'), get('b'), get('c'), get('d')] })] },
      'tooManyOps',
    ],
    ['a condition without a key', { compare: [{}] }, 'emptyKey'],
    ['a step without a key', { success: [put('')] }, 'emptyKey'],
    ['a nested step without a key', { success: [txn({ success: [get('')] })] }, 'emptyKey'],
    ['an empty step', { success: [{}] }, 'keyNotFound'],
  ];
  for (const [what, request, expected] of cases) {
    it(`${what}: ${expected}`, () => {
      const decoded = TXN.decode(TXN.encode(request));
      assert.equal(
        verdict(() => validateTxn(decoded, MAX_OPS)),
        expected,
      );
    });
  }
});

describe('puts and ranges are checked', () => {
  const puts: readonly (readonly [Loose<PutRequest>, string])[] = [
    [{ key: key('a') }, 'ok'],
    [{}, 'emptyKey'],
    [{ key: key('a'), value: key('v'), ignoreValue: true }, 'valueProvided'],
    [{ key: key('a'), lease: 5, ignoreLease: true }, 'leaseProvided'],
    [{ key: key('a'), lease: 5, ignoreValue: true }, 'ok'],
  ];
  for (const [request, expected] of puts) {
    it(`put: ${expected}`, () => {
      assert.equal(
        verdict(() => validatePut(PUT.decode(PUT.encode(request)))),
        expected,
      );
    });
  }
  const ranges: readonly (readonly [Loose<RangeRequest>, string])[] = [
    [{ key: key('a'), sortOrder: 2, sortTarget: 4 }, 'ok'],
    [{ key: key('a'), sortOrder: 3 }, 'invalidSortOption'],
    [{ key: key('a'), sortTarget: 9 }, 'invalidSortOption'],
    [{ rangeEnd: key('a') }, 'emptyKey'],
  ];
  for (const [request, expected] of ranges) {
    it(`range: ${expected}`, () => {
      assert.equal(
        verdict(() => validateRange(RANGE.decode(RANGE.encode(request)))),
        expected,
      );
    });
  }
});
