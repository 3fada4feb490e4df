import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import type { MemberInfo } from '../ports.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { memoryDisk } from '../testing/memory-disk.ts';
import { newCell, Registers } from '../testing/sim/state-machine.ts';
import { Applier } from './applier.ts';
import { SnapshotStreamError } from './errors.ts';
import { DEFAULT_NODE_LIMITS } from './limits.ts';
import type { SnapshotHeader } from './ports.ts';
import { Snapshots } from './snapshots.ts';
import { openStorage } from './storage.ts';

const MEMBERS: MemberInfo[] = [1n, 2n].map((id) => ({
  id,
  name: `m${id}`,
  peerUrls: [],
  clientUrls: [],
  isLearner: false,
}));

/** Member 1, following member 2 in term 3, with a real log in memory. */
async function follower() {
  const { disk, controls } = memoryDisk();
  const storage = await openStorage({
    disk,
    dir: 'w',
    first: async () => ({ identity: { clusterId: 1n, memberId: 1n }, members: MEMBERS }),
    durableIndex: 0,
    limits: DEFAULT_NODE_LIMITS,
    random: seededRandom(1),
    clock: new ManualClock(),
    log: silentLogger,
  });
  const { core, wal, membership } = storage;
  const base = fakeContext();
  const ctx = { ...base, core };
  const machine = new Registers({ cell: newCell(), onApplied: () => undefined });
  const installed: number[] = [];
  const seen: string[] = [];
  const applier = new Applier({
    ctx,
    stateMachine: machine,
    wal,
    membership,
    onMembership: (now) => seen.push(now.members.map((member) => member.name).join()),
    onApplied: () => undefined,
  });
  applier.apply(core.ready().committed);
  core.step({ type: 'heartbeat', from: 2n, to: 1n, term: 3, commit: 0, readSeq: 0 });
  const snapshots = new Snapshots({
    ctx,
    stateMachine: machine,
    wal,
    applier,
    onInstalled: (term) => installed.push(term),
  });
  return { core, wal, ctx, machine, applier, snapshots, installed, seen, controls };
}

function header(index: number, change: Partial<SnapshotHeader> = {}): SnapshotHeader {
  const conf = Buffer.from(
    JSON.stringify({
      voters: ['1', '2', '3'],
      outgoing: [],
      learners: [],
      learnersNext: [],
      members: [1, 2, 3].map((id) => ({
        id: `${id}`,
        name: `new${id}`,
        peerUrls: [],
        clientUrls: [],
        isLearner: false,
      })),
    }),
  );
  return { from: 2n, to: 1n, term: 3, point: { index, term: 3 }, conf, ...change };
}

async function* stateAt(index: number): AsyncGenerator<Uint8Array> {
  const registers = { k: { value: 5, index } };
  yield Buffer.from(JSON.stringify({ index, term: 3, hash: 'h', registers }));
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('{"index":');
  throw new SnapshotStreamError('broke off');
}

test('a snapshot replaces state, log and membership, and the leader is told', async () => {
  const { core, machine, applier, snapshots, installed, seen } = await follower();
  await snapshots.receive(header(40), stateAt(40));
  assert.equal(machine.read('k')?.value, 5);
  assert.deepEqual(core.log.last, { index: 40, term: 3 });
  assert.deepEqual([...core.conf.voters].sort(), [1n, 2n, 3n]);
  assert.equal(seen.at(-1), 'new1,new2,new3');
  assert.equal(applier.membershipAt(40)?.members.length, 3);
  assert.deepEqual(installed, [3]);
  const answer = core.ready().afterPersist.at(-1);
  assert.ok(answer?.type === 'appendResponse' && answer.index === 40 && answer.to === 2n);
  assert.equal(applier.paused, false);
});

test('the log on disk follows', async () => {
  const { wal, snapshots, controls } = await follower();
  await snapshots.receive(header(40), stateAt(40));
  await wal.append({ entries: [{ index: 41, term: 3, kind: 'normal', data: Buffer.alloc(0) }] });
  await wal.close();
  assert.equal(controls.paths().length, 1);
});

test('whoever waits for an index the snapshot covers is woken', async () => {
  const { applier, snapshots } = await follower();
  const waiting = applier.waitApplied(30n);
  await snapshots.receive(header(40), stateAt(40));
  await waiting;
});

test('a broken stream leaves everything as it was', async () => {
  const { core, machine, applier, snapshots } = await follower();
  await assert.rejects(snapshots.receive(header(40), broken()), SnapshotStreamError);
  assert.equal(machine.read('k'), undefined);
  assert.equal(core.log.lastIndex, 2);
  assert.equal(applier.paused, false, 'entries are applied again');
  await snapshots.receive(header(41), stateAt(41));
  assert.equal(core.log.lastIndex, 41);
});

test('what is not wanted is refused or skipped', async () => {
  const { core, snapshots, applier } = await follower();
  const toOther = header(40, { to: 9n });
  await assert.rejects(snapshots.receive(toOther, stateAt(40)), /another member/);
  const old = header(40, { term: 1 });
  await assert.rejects(snapshots.receive(old, stateAt(40)), /no longer leads/);
  await snapshots.receive(header(2, { point: { index: 2, term: 1 } }), broken());
  assert.equal(core.log.lastIndex, 2, 'it has all of that: not even read');
  applier.paused = true;
  await assert.rejects(snapshots.receive(header(50), stateAt(50)), /another snapshot/);
});

test('a newer snapshot that arrives during an installation takes nothing away from it', async () => {
  const { core, machine, snapshots } = await follower();
  let refused: Promise<void> | undefined;
  // etcd 18055: the file of the first was deleted when the second arrived, before the first was applied.
  const meanwhile = async function* (): AsyncGenerator<Uint8Array> {
    refused = assert.rejects(snapshots.receive(header(60), stateAt(60)), /another snapshot/);
    await refused;
    yield* stateAt(40);
  };
  await snapshots.receive(header(40), meanwhile());
  assert.ok(refused, 'the second came in between');
  assert.equal(core.log.lastIndex, 40);
  assert.equal(machine.read('k')?.index, 40);
  await snapshots.receive(header(60), stateAt(60));
  assert.equal(core.log.lastIndex, 60);
});

test('a state that is new while the log cannot follow ends the member', async () => {
  const { ctx, snapshots, controls } = await follower();
  // The note can be written, the new log cannot.
  const install = snapshots.receive(
    header(40),
    (async function* () {
      yield* stateAt(40);
      controls.failSyncs = new Error('no space left on device');
    })(),
  );
  await assert.rejects(install, /no space left/);
  assert.equal(ctx.fatals.length, 1);
});

test('only a leader sends, and says what became of it', async () => {
  const { snapshots, core, ctx } = await follower();
  snapshots.start([2n]);
  assert.equal(snapshots.oldestSending(), core.log.applied);
  while (snapshots.oldestSending() !== undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(ctx.core.role === 'follower');
});
