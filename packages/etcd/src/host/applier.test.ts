import assert from 'node:assert/strict';
import { test } from 'node:test';
import { armFailpoint, ManualClock, silentLogger } from '@kubets/platform';
import type { CommittedEntry, StateMachine } from '../ports.ts';
import { configurationOf } from '../raft/configuration.ts';
import type { Entry } from '../raft/types.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { memoryDisk } from '../testing/memory-disk.ts';
import { Wal } from '../wal/wal.ts';
import { Applier } from './applier.ts';
import { Deadlines } from './deadlines.ts';
import { ConsensusStoppedError, ConsensusTimeoutError } from './errors.ts';
import { encodeConfEntry, Membership } from './membership.ts';

const member = (id: bigint) => ({
  id,
  name: `m${id}`,
  peerUrls: [],
  clientUrls: [],
  isLearner: false,
});

async function made() {
  const ctx = fakeContext([1n]);
  const options = {
    disk: memoryDisk().disk,
    dir: 'w',
    log: silentLogger,
    clock: new ManualClock(),
  };
  const wal = await Wal.create(options, { clusterId: 1n, memberId: 1n }, {});
  const taken: CommittedEntry[] = [];
  const stateMachine: StateMachine = {
    durableIndex: () => 0n,
    apply: (entries) => {
      taken.push(...entries);
    },
    openSnapshot: () => Promise.reject(new Error('unused')),
    installSnapshot: () => Promise.reject(new Error('unused')),
  };
  const applied: number[] = [];
  const applier = new Applier({
    ctx,
    stateMachine,
    wal,
    membership: new Membership(configurationOf([1n]), [member(1n)]),
    onMembership: () => undefined,
    onApplied: (entries) => applied.push(...entries.map((entry) => entry.index)),
  });
  ctx.lead();
  /** Proposes, has it persisted and committed, applies. */
  const commit = (kind: Entry['kind'], data: Uint8Array): void => {
    ctx.core.propose([{ kind, data }]);
    const { token } = ctx.core.ready();
    if (token !== undefined) ctx.core.persisted(token);
    applier.apply(ctx.core.ready().committed);
  };
  return { ctx, wal, taken, applied, applier, commit };
}

test('entries reach the state machine in order, with their place', async () => {
  const { commit, taken, applied } = await made();
  commit('normal', Buffer.from('a'));
  commit('normal', Buffer.from('b'));
  assert.deepEqual(
    taken.map((entry) => [entry.index, entry.term, Buffer.from(entry.data).toString(), entry.kind]),
    [
      [1n, 1n, '', 'normal'],
      [2n, 1n, 'a', 'normal'],
      [3n, 1n, 'b', 'normal'],
    ],
  );
  assert.deepEqual(applied, [1, 2, 3]);
});

test('a conf entry takes effect before the state machine hears of it, and tells the membership', async () => {
  const { commit, taken, applier, ctx } = await made();
  const waiting = applier.waitChange('n');
  const change = { type: 'add', member: { ...member(2n), isLearner: true } } as const;
  commit('conf', encodeConfEntry({ nonce: 'n', changes: [change] }));
  const last = taken.at(-1);
  assert.equal(last?.kind, 'conf');
  assert.deepEqual(
    last.members?.map((one) => [one.name, one.isLearner]),
    [
      ['m1', false],
      ['m2', true],
    ],
  );
  assert.ok(ctx.core.conf.learners.has(2n));
  assert.equal((await waiting.done).length, 2);
  assert.equal(applier.membershipAt(1)?.members.length, 1);
  assert.equal(applier.membershipAt(2)?.members.length, 2);
});

test('a change that no longer makes sense has no effect', async () => {
  const { commit, taken, applier } = await made();
  commit('conf', encodeConfEntry({ nonce: 'x', changes: [{ type: 'remove', id: 1n }] }));
  assert.equal(taken.at(-1)?.members?.length, 1);
  assert.equal(applier.membership.members.length, 1);
});

test('waiting ends when the index is applied, at once when it was', async () => {
  const { commit, applier } = await made();
  const order: string[] = [];
  const late = applier.waitApplied(4n).then(() => order.push('4'));
  const soon = applier.waitApplied(3n).then(() => order.push('3'));
  commit('normal', Buffer.from('a'));
  await applier.waitApplied(2n);
  assert.deepEqual(order, []);
  commit('normal', Buffer.from('b'));
  await soon;
  commit('normal', Buffer.from('c'));
  await late;
  assert.deepEqual(order, ['3', '4']);
  const never = applier.waitApplied(99n);
  applier.stop();
  await assert.rejects(never, ConsensusStoppedError);
});

test('failpoints sit around the state machine', async () => {
  for (const [name, reached] of [
    ['raft.beforeApply', 0],
    ['raft.afterApply', 2],
  ] as const) {
    const { commit, taken } = await made();
    const disarm = armFailpoint(name, 'error');
    assert.throws(() => commit('normal', Buffer.from('a')));
    disarm();
    assert.equal(taken.length, reached);
  }
});

test('deadlines end when it holds, or when the time is over', async () => {
  const ctx = fakeContext();
  const deadlines = new Deadlines(ctx);
  let holds = false;
  const good = deadlines.until('good', 500, () => holds);
  const bad = deadlines.until('bad', 300, () => false);
  ctx.tick = 2;
  deadlines.check();
  holds = true;
  deadlines.check();
  await good;
  ctx.tick = 3;
  deadlines.check();
  await assert.rejects(bad, ConsensusTimeoutError);
  assert.equal(await deadlines.within('quick', 300, Promise.resolve(7)), 7);
  await assert.rejects(
    deadlines.within('failing', 300, Promise.reject(new RangeError())),
    RangeError,
  );
  const slow = deadlines.within('slow', 300, new Promise(() => undefined));
  deadlines.stop();
  await assert.rejects(slow, ConsensusTimeoutError);
});
