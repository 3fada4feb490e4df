import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  type Loose,
  messageType,
  type Proposal,
  type RequestOp,
  type TxnRequest,
} from '../codec/index.ts';
import { EtcdError } from '../errors.ts';
import type { Change } from '../mvcc/index.ts';
import { KvState } from '../state/kv-state.ts';
import { authorizeWholeTxn } from './authorize.ts';
import { PERMISSION } from './permissions.ts';

const TXN = messageType<TxnRequest>('etcdserverpb.TxnRequest');
const PROPOSAL = messageType<Proposal>('kubets.etcd.v1.Proposal');
const b = (text: string): Buffer => Buffer.from(text);
type Body = Exclude<Loose<Proposal>, Uint8Array>;
type Txn = Exclude<Loose<TxnRequest>, Uint8Array>;

function kindOf(work: () => string): string {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof EtcdError, String(error));
    return error.kind;
  }
}

type Op = Exclude<Loose<RequestOp>, Uint8Array>;

/** A transaction with another inside, in the branch that is not taken. */
function inside(op: Op): { failure: Op[] } {
  return { failure: [{ requestTxn: { failure: [op] } }] };
}

const OWN = 7n;
const SHARED = 8n;

describe('a proposal, with authentication on', () => {
  const state = new KvState({ minLeaseTtlSeconds: 2 });
  const changes: Change[] = [];

  const attempt = (body: Body): string =>
    kindOf(() => {
      state.apply(PROPOSAL.decode(PROPOSAL.encode(body)), 0, changes);
      return 'ok';
    });
  const as = (user: string, body: Body): string =>
    attempt({ ...body, user, authRevision: state.auth.revision });

  before(() => {
    const grant = (permType: number, key: string, rangeEnd: string): Body => {
      const perm = { permType, key: b(key), rangeEnd: b(rangeEnd) };
      return { auth: { roleGrantPermission: { name: 'r', perm } } };
    };
    const setup: Body[] = [
      { auth: { roleAdd: { name: 'r' } } },
      grant(PERMISSION.readWrite, 'a', 'c'),
      grant(PERMISSION.read, 'r', 's'),
      grant(PERMISSION.write, 'w', 'x'),
      { auth: { userAdd: { name: 'u', hashedPassword: 'h' } } },
      { auth: { userGrantRole: { user: 'u', role: 'r' } } },
      { auth: { userAdd: { name: 'root', hashedPassword: 'h' } } },
      { auth: { userGrantRole: { user: 'root', role: 'root' } } },
      { leaseGrant: { ID: OWN, TTL: 60 } },
      { leaseGrant: { ID: SHARED, TTL: 60 } },
      { put: { key: b('z'), value: b('1'), lease: SHARED } },
      { put: { key: b('a'), value: b('1'), lease: OWN } },
      { auth: { enable: {} } },
    ];
    for (const body of setup) assert.equal(attempt(body), 'ok');
  });

  const put = (key: string, more: object = {}): Body => {
    return { put: { key: b(key), value: b('v'), ...more } };
  };
  const remove = (key: string, end = '', prevKv = false): Body => {
    return { deleteRange: { key: b(key), rangeEnd: b(end), prevKv } };
  };
  const ask = (key: string, rangeEnd = ''): object => ({ key: b(key), rangeEnd: b(rangeEnd) });
  const denied = 'permissionDenied';
  const cases: [string, Body, string][] = [
    ['puts where it may write', put('b'), 'ok'],
    ['puts where it may only write', put('w'), 'ok'],
    ['asks for what was there before, where it may only write', put('w', { prevKv: true }), denied],
    ['puts where it may only read', put('r'), denied],
    ['puts elsewhere', put('z'), denied],
    ['puts under a lease all of whose keys it may write', put('b', { lease: OWN }), 'ok'],
    ['puts under a lease with the key of another', put('b', { lease: SHARED }), denied],
    ['puts under a lease that is not there', put('b', { lease: 99n }), 'leaseNotFound'],
    ['deletes where it may write', remove('a', 'c'), 'ok'],
    ['deletes further', remove('a', 'd'), denied],
    ['deletes all', remove('a', '\0'), denied],
    ['deletes and asks, where it may only write', remove('w', '', true), denied],
    ['deletes where it may only write', remove('w'), 'ok'],
    ['compares what it may read', { txn: { compare: [ask('r')] } }, 'ok'],
    ['compares what it may not', { txn: { compare: [ask('w')] } }, denied],
    ['compares further', { txn: { compare: [ask('a', 'd')] } }, denied],
    ['reads in a transaction', { txn: { success: [{ requestRange: ask('a', 'c') }] } }, 'ok'],
    ['reads in the branch not taken', { txn: { failure: [{ requestRange: ask('z') }] } }, denied],
    ['puts in a transaction', { txn: { success: [{ requestPut: ask('w') }] } }, 'ok'],
    ['puts elsewhere in one', { txn: { success: [{ requestPut: ask('z') }] } }, denied],
    ['deletes in one', { txn: { success: [{ requestDeleteRange: ask('a', 'd') }] } }, denied],
    ['revokes a lease with the key of another', { leaseRevoke: { ID: SHARED } }, denied],
    ['revokes a lease of its own keys', { leaseRevoke: { ID: OWN } }, 'ok'],
    ['revokes a lease that is not there', { leaseRevoke: { ID: 99n } }, 'leaseNotFound'],
    ['adds a user', { auth: { userAdd: { name: 'v' } } }, denied],
    ['switches authentication off', { auth: { disable: {} } }, denied],
  ];
  for (const [name, body, expected] of cases) {
    it(`of a user who ${name}: ${expected}`, () => assert.equal(as('u', body), expected));
  }

  it('of nobody is refused, but for what needs no rights', () => {
    assert.equal(attempt(put('a')), 'userEmpty');
    assert.equal(attempt(remove('a')), 'userEmpty');
    assert.equal(attempt({ txn: { success: [{ requestPut: ask('a') }] } }), 'userEmpty');
    const nested = { requestTxn: { success: [{ requestPut: ask('a') }] } };
    assert.equal(attempt({ txn: { failure: [nested] } }), 'userEmpty');
    assert.equal(attempt({ leaseRevoke: { ID: SHARED } }), 'userEmpty');
    assert.equal(attempt({ auth: { enable: {} } }), 'userEmpty');
    assert.equal(attempt({ leaseGrant: { ID: 20n, TTL: 60 } }), 'ok');
    assert.equal(attempt({ leaseRenew: { ID: 20n } }), 'ok');
    assert.equal(attempt({ compact: { revision: 2 } }), 'ok');
  });

  const written = { key: b('w'), value: b('1') };
  const whole: [string, Txn, string][] = [
    ['puts where it may write', { success: [{ requestPut: written }] }, 'ok'],
    ['asks what was there', { success: [{ requestPut: { ...written, prevKv: true } }] }, denied],
    ['reads further inside', inside({ requestRange: ask('a', 'd') }), denied],
    ['puts elsewhere inside', inside({ requestPut: ask('z') }), denied],
    [
      'puts elsewhere far inside',
      inside(inside({ requestPut: ask('z') }).failure[0] ?? {}),
      denied,
    ],
    ['stays where it may', inside({ requestRange: ask('a', 'c') }), 'ok'],
  ];
  for (const [name, txn, expected] of whole) {
    it(`strictly looked at, of a user whose transaction ${name}: ${expected}`, () => {
      const by = { user: 'u', authRevision: state.auth.revision };
      const check = (): string => {
        authorizeWholeTxn(state.auth, by, TXN.decode(TXN.encode(txn)));
        return 'ok';
      };
      assert.equal(kindOf(check), expected);
    });
  }

  it('of old credentials is refused', () => {
    const old = state.auth.revision - 1n;
    assert.equal(attempt({ ...put('a'), user: 'u', authRevision: old }), 'authOldRevision');
    assert.equal(attempt({ ...put('a'), user: 'root', authRevision: old }), 'authOldRevision');
  });

  it('of root is carried out', () => {
    assert.equal(as('root', put('z', { lease: SHARED, prevKv: true })), 'ok');
    assert.equal(as('root', remove('a', '\0')), 'ok');
    assert.equal(as('root', { leaseRevoke: { ID: SHARED } }), 'ok');
    assert.equal(as('root', { auth: { disable: {} } }), 'ok');
    assert.equal(attempt(put('z')), 'ok');
  });
});
