import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, seededRandom } from '@kubets/platform';
import { NO_AUTH } from '../auth/auth-state.ts';
import {
  type Loose,
  messageType,
  type Proposal,
  type ProposalBatch,
  type TxnRequest,
} from '../codec/index.ts';
import { EtcdError, type EtcdErrorKind } from '../errors.ts';
import { type Change, hashVersions, intervalOf } from '../mvcc/index.ts';
import type { CommittedEntry } from '../ports.ts';
import { ALARM } from './alarms.ts';
import { ALARM_ACTION, KvState, type Outcome } from './kv-state.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
import { type Applied, KvStateMachine } from './state-machine.ts';
import { isReadOnly, isSerializable } from './txn.ts';

const PROPOSAL = messageType<Proposal>('kubets.etcd.v1.Proposal');
const BATCH = messageType<ProposalBatch>('kubets.etcd.v1.ProposalBatch');
const TXN = messageType<TxnRequest>('etcdserverpb.TxnRequest');
const b = (text: string): Buffer => Buffer.from(text);
type Body = Loose<Proposal>;
type Txn = Exclude<Loose<TxnRequest>, Uint8Array>;

class Bench {
  readonly state = new KvState({ minLeaseTtlSeconds: 2 });
  readonly changes: Change[] = [];
  nowMs = 0;

  apply(body: Body): Outcome {
    return this.state.apply(PROPOSAL.decode(PROPOSAL.encode(body)), this.nowMs, this.changes);
  }

  put(key: string, value: string, lease = 0n): void {
    this.apply({ put: { key: b(key), value: b(value), lease } });
  }

  get(key: string): string | undefined {
    return this.state.store.latest(key)?.value.toString();
  }

  keys(): string {
    const all = intervalOf(Buffer.of(0), Buffer.of(0));
    const { versions } = this.state.store.scan(all, { revision: 0, limit: 0, countOnly: false });
    return versions.map((v) => v.key.toString()).join();
  }
}

function refused(kind: EtcdErrorKind): (error: unknown) => boolean {
  return (error) => error instanceof EtcdError && error.kind === kind;
}

describe('puts', () => {
  it('can keep the value or the lease, of a key that exists', () => {
    const bench = new Bench();
    bench.apply({ leaseGrant: { ID: 7, TTL: 60 } });
    bench.put('a', '1', 7n);
    bench.apply({ put: { key: b('a'), value: b('2'), ignoreLease: true } });
    assert.equal(bench.state.store.latest('a')?.lease, 7n);
    bench.apply({ put: { key: b('a'), ignoreValue: true } });
    assert.deepEqual([bench.get('a'), bench.state.store.latest('a')?.lease], ['2', 0n]);
    assert.throws(
      () => bench.apply({ put: { key: b('none'), ignoreValue: true } }),
      refused('keyNotFound'),
    );
  });

  it('need their lease to exist', () => {
    const bench = new Bench();
    assert.throws(() => bench.put('a', '1', 9n), refused('leaseNotFound'));
    assert.equal(bench.state.store.revision, 1);
  });
});

describe('leases and keys', () => {
  it('end together, at one revision', () => {
    const bench = new Bench();
    bench.apply({ leaseGrant: { ID: 7, TTL: 60 } });
    for (const key of ['b', 'a', 'c']) bench.put(key, '1', 7n);
    bench.put('b', '2');
    bench.apply({ deleteRange: { key: b('c') } });
    const { revision } = bench.state.store;
    bench.apply({ leaseRevoke: { ID: 7 } });
    assert.equal(bench.keys(), 'b');
    assert.equal(bench.state.store.revision, revision + 1);
  });

  it('survive an expiry that came after a renewal', () => {
    const bench = new Bench();
    bench.apply({ leaseGrant: { ID: 7, TTL: 60 } });
    bench.put('a', '1', 7n);
    bench.apply({ leaseRenew: { ID: 7 } });
    bench.apply({ leaseExpire: { ID: 7, renewals: 0 } });
    assert.equal(bench.keys(), 'a');
    bench.apply({ leaseExpire: { ID: 7, renewals: 1 } });
    assert.equal(bench.keys(), '');
    bench.apply({ leaseExpire: { ID: 7, renewals: 1 } });
  });

  it('are found again after a restore', () => {
    const bench = new Bench();
    bench.apply({ leaseGrant: { ID: 7, TTL: 60 } });
    bench.put('a', '1', 7n);
    const { store, lessor } = bench.state;
    const other = new KvState({ minLeaseTtlSeconds: 2 });
    const { revision, compactRevision } = store;
    const leases = lessor.all();
    const versions = [...store.allVersions()];
    other.restore({ versions, leases, alarms: [], auth: NO_AUTH, revision, compactRevision }, 0);
    assert.deepEqual(other.lessor.revoke(7n), ['a']);
  });
});

describe('transactions', () => {
  const key = b('a');

  it('run one branch, by conditions on the state before', () => {
    const bench = new Bench();
    const create: Loose<TxnRequest> = {
      compare: [{ key, target: 1, createRevision: 0 }],
      success: [{ requestPut: { key, value: b('mine') } }, { requestRange: { key } }],
      failure: [{ requestRange: { key } }],
    };
    const first = bench.apply({ txn: create });
    assert.ok(first.type === 'txn' && first.response.succeeded);
    const second = bench.apply({ txn: create });
    assert.ok(second.type === 'txn' && !second.response.succeeded);
    assert.equal(bench.state.store.revision, 2);
  });

  it('let nested conditions see the state before the whole', () => {
    const bench = new Bench();
    bench.apply({
      txn: {
        success: [
          { requestPut: { key, value: b('1') } },
          {
            requestTxn: {
              compare: [{ key, target: 0, version: 0 }],
              success: [{ requestPut: { key: b('b'), value: b('absent before') } }],
            },
          },
        ],
      },
    });
    assert.equal(bench.get('b'), 'absent before');
  });

  it('write nothing when any step cannot be carried out', () => {
    const bench = new Bench();
    bench.put('x', '1');
    const failing: NonNullable<Txn['success']> = [
      { requestRange: { key, revision: 99 } },
      { requestPut: { key, lease: 99 } },
      { requestPut: { key: b('none'), ignoreValue: true } },
      { requestTxn: { success: [{ requestRange: { key, revision: 99 } }] } },
    ];
    for (const step of failing) {
      const txn = { success: [{ requestPut: { key: b('y'), value: b('1') } }, step] };
      assert.throws(() => bench.apply({ txn }), EtcdError);
    }
    assert.equal(bench.keys(), 'x');
    assert.equal(bench.state.store.revision, 2);
    bench.put('z', '1');
  });

  const compared: readonly (readonly [string, Txn['compare'], boolean])[] = [
    ['equal value', [{ key, target: 3, value: b('1') }], true],
    ['greater value', [{ key, target: 3, result: 1, value: b('0') }], true],
    ['less value', [{ key, target: 3, result: 2, value: b('0') }], false],
    ['value of a missing key', [{ key: b('q'), target: 3, result: 3, value: b('0') }], false],
    ['version of a missing key', [{ key: b('q'), target: 0, version: 0 }], true],
    [
      'revision beyond safe integers',
      [{ key, target: 2, result: 2, modRevision: 2n ** 63n - 1n }],
      true,
    ],
    ['lease', [{ key, target: 4, lease: 0 }], true],
    ['not equal', [{ key, target: 2, result: 3, modRevision: 7 }], true],
    ['all keys of a range', [{ key, rangeEnd: b('c'), target: 0, version: 1 }], true],
    ['one key of a range differs', [{ key, rangeEnd: b('c'), target: 3, value: b('1') }], false],
    [
      'every condition',
      [
        { key, target: 0, version: 1 },
        { key, target: 0, version: 2 },
      ],
      false,
    ],
    ['no condition', [], true],
  ];
  for (const [what, compare, holds] of compared) {
    it(`compare: ${what} is ${holds}`, () => {
      const bench = new Bench();
      bench.put('a', '1');
      bench.put('b', '2');
      const outcome = bench.apply({ txn: { compare } });
      assert.equal(outcome.type === 'txn' && outcome.response.succeeded, holds);
    });
  }

  it('that only read are known as such', () => {
    const decode = (txn: Loose<TxnRequest>) => TXN.decode(TXN.encode(txn));
    const range = { requestRange: { key, serializable: true } };
    const nested = { requestTxn: { success: [range] } };
    assert.ok(isReadOnly(decode({ success: [range, nested] })));
    assert.ok(isSerializable(decode({ success: [range, nested] })));
    const writing = { requestTxn: { failure: [{ requestDeleteRange: { key } }] } };
    assert.ok(!isReadOnly(decode({ success: [range], failure: [writing] })));
    assert.ok(!isSerializable(decode({ success: [{ requestRange: { key } }] })));
  });
});

describe('alarms', () => {
  const raise = (alarm: number): Body => ({
    alarm: { action: ALARM_ACTION.activate, memberID: 5, alarm },
  });
  const clear = (alarm: number): Body => ({
    alarm: { action: ALARM_ACTION.deactivate, memberID: 5, alarm },
  });

  it('for space refuse what needs space, and only that', () => {
    const bench = new Bench();
    bench.put('a', '1');
    bench.apply(raise(ALARM.noSpace));
    const txn = { failure: [{ requestPut: { key: b('a') } }] };
    for (const body of [{ put: { key: b('a') } }, { txn }, { leaseGrant: { ID: 1, TTL: 9 } }]) {
      assert.throws(() => bench.apply(body), refused('noSpace'));
    }
    bench.apply({ deleteRange: { key: b('a') } });
    bench.apply({ compact: { revision: 2 } });
    bench.apply(clear(ALARM.noSpace));
    bench.put('a', '2');
  });

  it('for corruption refuse every write', () => {
    const bench = new Bench();
    bench.put('a', '1');
    bench.apply(raise(ALARM.corrupt));
    for (const body of [{ deleteRange: { key: b('a') } }, { compact: { revision: 2 } }]) {
      assert.throws(() => bench.apply(body), refused('corrupt'));
    }
    bench.apply(clear(ALARM.corrupt));
    bench.apply({ deleteRange: { key: b('a') } });
  });

  it('are told when cleared, once', () => {
    const bench = new Bench();
    bench.apply(raise(ALARM.noSpace));
    const first = bench.apply(clear(ALARM.noSpace));
    const second = bench.apply(clear(ALARM.noSpace));
    assert.deepEqual(first, { type: 'alarms', alarms: [{ memberID: 5n, alarm: ALARM.noSpace }] });
    assert.deepEqual(second, { type: 'alarms', alarms: [] });
  });
});

interface Machine {
  readonly state: KvState;
  readonly machine: KvStateMachine;
  readonly applied: Map<bigint, Applied>;
  readonly changes: Change[];
  readonly terms: bigint[];
  replaced: number;
}

function newMachine(): Machine {
  const state = new KvState({ minLeaseTtlSeconds: 2 });
  const applied = new Map<bigint, Applied>();
  const changes: Change[] = [];
  const terms: bigint[] = [];
  const made: Machine = {
    ...{ state, applied, changes, terms, replaced: 0 },
    machine: new KvStateMachine({
      ...{ state, clock: new ManualClock() },
      onApplied: (proposal, result) => applied.set(proposal.id, result),
      onChanges: (all) => changes.push(...all),
      onTerm: (term) => terms.push(term),
      defer: (fn) => fn(),
      onReplaced: () => {
        made.replaced++;
      },
    }),
  };
  return made;
}

function entry(index: number, term: number, proposals: Body[], boundTo = term): CommittedEntry {
  const data = BATCH.encode({ proposals, term: boundTo });
  return { index: BigInt(index), term: BigInt(term), kind: 'normal', data };
}

const putOf = (id: number, key: string): Body => ({ id, put: { key: b(key), value: b('v') } });

describe('the state machine', () => {
  it('applies batches in order and reports each result', () => {
    const { machine, applied, changes, state } = newMachine();
    machine.apply([
      entry(1, 1, [putOf(1, 'a'), { id: 2, leaseRevoke: { ID: 4 } }]),
      entry(2, 1, [putOf(3, 'b')]),
    ]);
    assert.equal(applied.get(1n)?.revision, 2);
    assert.ok(applied.get(2n)?.outcome instanceof EtcdError);
    assert.equal(applied.get(3n)?.revision, 3);
    assert.equal(changes.length, 2);
    assert.equal(machine.applied.index, 2n);
    assert.equal(state.store.revision, 3);
  });

  it('skips a batch in an entry of another term, and tells of new terms', () => {
    const { machine, applied, terms } = newMachine();
    machine.apply([entry(1, 1, [putOf(1, 'a')]), entry(2, 3, [putOf(2, 'b')], 2)]);
    assert.ok(applied.has(1n));
    assert.ok(!applied.has(2n));
    assert.deepEqual(terms, [1n, 3n]);
  });

  it('takes requests nested as deep as clients may nest them', () => {
    const { machine, applied } = newMachine();
    let txn = TXN.encode({ success: [{ requestPut: { key: b('deep') } }] });
    for (;;) {
      const deeper = TXN.encode({ success: [{ requestTxn: txn }] });
      try {
        TXN.decode(deeper);
      } catch {
        break;
      }
      txn = deeper;
    }
    machine.apply([entry(1, 1, [{ id: 1, txn }])]);
    assert.ok(!(applied.get(1n)?.outcome instanceof EtcdError));
  });

  it('takes no entry twice', () => {
    const { machine } = newMachine();
    machine.apply([entry(1, 1, [putOf(1, 'a')])]);
    assert.throws(() => machine.apply([entry(1, 1, [putOf(1, 'a')])]), /once and in order/);
  });

  it('remembers the membership an entry brought', () => {
    const { machine } = newMachine();
    const member = { id: 9n, name: 'm', peerUrls: ['p'], clientUrls: ['c'], isLearner: false };
    const data = new Uint8Array();
    machine.apply([{ index: 1n, term: 1n, kind: 'conf', data, members: [member] }]);
    machine.apply([entry(2, 1, [putOf(1, 'a')])]);
    assert.deepEqual(machine.applied.members, [member]);
  });
});

/** A machine with some of everything. */
function filled(seed: number): Machine {
  const made = newMachine();
  const random = seededRandom(seed);
  made.machine.apply([
    entry(1, 1, [
      { id: 1, leaseGrant: { ID: -7, TTL: 60 } },
      { id: 2, alarm: { action: 1, memberID: 3, alarm: 2 } },
      { id: 3, alarm: { action: 2, memberID: 3, alarm: 2 } },
      { id: 4, leaseRenew: { ID: -7 } },
    ]),
  ]);
  for (let i = 2; i < 300; i++) {
    const key = b(`k${random.int(50)}`);
    const value = Buffer.alloc(random.int(3000), i);
    const body: Body =
      random.next() < 0.2
        ? { deleteRange: { key } }
        : { put: { key, value, lease: random.next() < 0.1 ? -7 : 0 } };
    made.machine.apply([entry(i, 1, [body])]);
  }
  made.machine.apply([entry(300, 1, [{ compact: { revision: 150 } }])]);
  return made;
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const out: Uint8Array[] = [];
  for await (const chunk of chunks) out.push(chunk);
  return Buffer.concat(out);
}

describe('snapshots', () => {
  it('carry the whole state, however the stream is cut', async () => {
    const source = filled(1);
    const { meta, chunks } = await source.machine.openSnapshot();
    const bytes = await collect(chunks);
    for (const size of [bytes.length, 1000, 7]) {
      const target = newMachine();
      await target.machine.installSnapshot(meta, inPieces(bytes, size));
      const [from, to] = [source.state, target.state];
      assert.equal(to.store.revision, from.store.revision);
      assert.deepEqual([...to.store.allVersions()], [...from.store.allVersions()]);
      assert.deepEqual(to.lessor.all(), from.lessor.all());
      assert.deepEqual(to.lessor.view(-7n, 0)?.keys, from.lessor.view(-7n, 0)?.keys);
      assert.equal(target.machine.applied.index, 300n);
      assert.equal(target.replaced, 1);
      assert.equal(hashOf(to), hashOf(from));
    }
  });

  it('do not show what is written while they are read', async () => {
    const source = filled(2);
    const before = hashOf(source.state);
    const { meta, chunks } = await source.machine.openSnapshot();
    source.machine.apply([entry(301, 1, [putOf(1, 'later'), { compact: { revision: 200 } }])]);
    const target = newMachine();
    await target.machine.installSnapshot(meta, chunks);
    assert.equal(hashOf(target.state), before);
  });

  it('that are cut short or damaged leave the old state', async () => {
    const source = filled(3);
    const { meta, chunks } = await source.machine.openSnapshot();
    const whole = await collect(chunks);
    const flipped = Buffer.from(whole);
    flipped.writeUInt8(flipped.readUInt8(whole.length >> 1) ^ 1, whole.length >> 1);
    const bad = [whole.subarray(0, whole.length - 20), whole.subarray(0, 5000), flipped, b('')];
    for (const bytes of bad) {
      const target = newMachine();
      target.machine.apply([entry(1, 1, [putOf(1, 'old')])]);
      await assert.rejects(target.machine.installSnapshot(meta, inPieces(bytes, 999)), /snapshot/);
      assert.equal(target.state.store.latest('old')?.value.toString(), 'v');
      assert.equal(target.machine.applied.index, 1n);
    }
  });

  it('of an empty state are not empty', async () => {
    const { machine } = newMachine();
    const { content } = await decodeSnapshot(encodeSnapshot(machine.content(), machine.applied));
    assert.deepEqual([...content.versions], []);
    assert.equal(content.revision, 1);
  });
});

function hashOf(state: KvState): number {
  return hashVersions(state.store.allVersions(), state.store.revision);
}
