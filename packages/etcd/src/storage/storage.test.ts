import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { armFailpoint, ManualClock, seededRandom } from '@kubets/platform';
import { ClassicLevel } from 'classic-level';
import { messageType, type ProposalBatch } from '../codec/index.ts';
import { StorageError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Version } from '../mvcc/index.ts';
import type { CommittedEntry } from '../ports.ts';
import { KvState } from '../state/kv-state.ts';
import { KvStateMachine } from '../state/state-machine.ts';
import { KIND, kindOf } from './keys.ts';
import { LevelStorage } from './level-storage.ts';

const BATCH = messageType<ProposalBatch>('kubets.etcd.v1.ProposalBatch');

let dir: string;
let clock: ManualClock;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubets-storage-'));
  clock = new ManualClock();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** What a version is, wherever its value lies. */
function plain(v: Version): object {
  const { name, createRevision, modRevision, sub, version, lease, value } = v;
  return { name, createRevision, modRevision, sub, version, lease, value };
}

/** A member's state over the directory; entries are numbered on from where it stands. */
class Member {
  readonly state: KvState;
  readonly machine: KvStateMachine;
  readonly storage: LevelStorage;
  readonly failures: StorageError[];

  private constructor(
    storage: LevelStorage,
    state: KvState,
    rest: Pick<Member, 'machine' | 'failures'>,
  ) {
    this.storage = storage;
    this.state = state;
    this.machine = rest.machine;
    this.failures = rest.failures;
  }

  static async open(): Promise<Member> {
    const failures: StorageError[] = [];
    const onFailure = (error: StorageError) => failures.push(error);
    const { storage, loaded } = await LevelStorage.open({ dir, clock, onFailure });
    const state = new KvState({ minLeaseTtlSeconds: 2, journal: storage.journal });
    if (loaded) state.restore(loaded.content, 0);
    const machine = new KvStateMachine({
      ...{ state, clock, storage },
      ...(loaded && { position: loaded.position }),
      onApplied: () => undefined,
      onTerm: () => undefined,
      onChanges: () => undefined,
      defer: (fn) => fn(),
      onReplaced: () => undefined,
    });
    return new Member(storage, state, { machine, failures });
  }

  apply(...proposals: object[]): void {
    const index = this.machine.applied.index + 1n;
    const data = BATCH.encode({ proposals, term: 1 });
    const entry: CommittedEntry = { index, term: 1n, kind: 'normal', data };
    this.machine.apply([entry]);
  }

  put(key: string, value: string): void {
    this.apply({ put: { key: Buffer.from(key), value: Buffer.from(value) } });
  }

  /** Everything that must be the same after a restart. */
  content(): object {
    const { store, lessor, alarms, auth } = this.state;
    return {
      versions: [...store.allVersions()].map(plain),
      leases: lessor.all(),
      alarms: alarms.list(0),
      auth: auth.content(),
      revision: store.revision,
      compactRevision: store.compactRevision,
      position: this.machine.applied,
    };
  }
}

const perm = { permType: 2, key: Buffer.from('a'), rangeEnd: Buffer.from('c') };
/** Users and roles that stay, and others that go. */
const authChanges = [
  ...[{ roleAdd: { name: 'r' } }, { roleAdd: { name: 'gone' } }],
  { roleGrantPermission: { name: 'r', perm } },
  { userAdd: { name: 'u', hashedPassword: 'hash' } },
  { userAdd: { name: 'cn', options: { noPassword: true } } },
  { userAdd: { name: 'gone', hashedPassword: 'hash' } },
  { userGrantRole: { user: 'u', role: 'r' } },
  { userGrantRole: { user: 'u', role: 'gone' } },
  ...[{ userDelete: { name: 'gone' } }, { roleDelete: { role: 'gone' } }],
  { userAdd: { name: 'root', hashedPassword: 'hash' } },
  { userGrantRole: { user: 'root', role: 'root' } },
];

/** The proposals of some entries: users, leases, alarms, puts, deletions, a compaction. */
function workload(seed: number): object[][] {
  const random = seededRandom(seed);
  const entries: object[][] = [
    [{ leaseGrant: { ID: 5, TTL: 60 } }, { leaseGrant: { ID: -6, TTL: 60 } }],
    [{ leaseRenew: { ID: 5 } }, { leaseRevoke: { ID: -6 } }],
    [{ alarm: { action: 1, memberID: 8, alarm: 1 } }],
    [{ alarm: { action: 2, memberID: 8, alarm: 1 } }],
    ...authChanges.map((auth) => [{ auth }]),
  ];
  for (let i = 0; i < 200; i++) {
    const key = Buffer.from(`k${random.int(30)}`);
    const value = Buffer.alloc(random.int(500), i);
    const deletes = random.next() < 0.2;
    entries.push([deletes ? { deleteRange: { key } } : { put: { key, value, lease: 5 } }]);
    if (i === 120) entries.push([{ compact: { revision: 90 } }]);
  }
  return entries;
}

function fill(member: Member, seed: number): void {
  for (const proposals of workload(seed)) member.apply(...proposals);
}

describe('the storage', () => {
  it('brings back everything', async () => {
    const member = await Member.open();
    fill(member, 1);
    await member.storage.close();
    const again = await Member.open();
    assert.deepEqual(again.content(), member.content());
    assert.equal(again.storage.durableIndex(), member.machine.applied.index);
    assert.deepEqual(again.state.lessor.view(5n, 0)?.keys, member.state.lessor.view(5n, 0)?.keys);
    await again.storage.close();
  });

  it('brings back who may do what', async () => {
    const member = await Member.open();
    for (const auth of [...authChanges, { enable: {} }]) member.apply({ auth });
    await member.storage.close();
    const again = await Member.open();
    const { enabled, revision, users, roles } = again.state.auth.content();
    assert.deepEqual([enabled, revision], [true, BigInt(authChanges.length + 1)]);
    const named = users.map(({ name, noPassword, roles: held }) => [name, noPassword, ...held]);
    assert.deepEqual(named, [
      ['cn', true],
      ['root', false, 'root'],
      ['u', false, 'r'],
    ]);
    assert.deepEqual(roles, [{ name: 'r', permissions: [perm] }]);
    assert.deepEqual(again.content(), member.content());
    await again.storage.close();
  });

  it('writes some time after, off the way of those who apply', async () => {
    const member = await Member.open();
    member.put('a', '1');
    assert.equal(member.storage.durableIndex(), 0n);
    assert.equal(member.storage.backlog, 1);
    clock.advance(LIMITS.storageFlushMs);
    await member.storage.flush();
    assert.equal(member.storage.durableIndex(), 1n);
    assert.equal(member.storage.backlog, 0);
    await member.storage.close();
  });

  it('goes on from wherever it was stopped', async () => {
    const entries = workload(2);
    let member = await Member.open();
    for (const [i, proposals] of entries.entries()) {
      member.apply(...proposals);
      if (i % 40 !== 39) continue;
      await member.storage.close();
      member = await Member.open();
      assert.equal(member.machine.applied.index, BigInt(i + 1));
    }
    await member.storage.close();
    rmSync(dir, { recursive: true });
    const whole = await Member.open();
    fill(whole, 2);
    assert.deepEqual(whole.content(), member.content());
    await whole.storage.close();
  });

  it('holds the state of the last position written when the process dies', async () => {
    const member = await Member.open();
    member.put('a', '1');
    await member.storage.flush();
    const written = member.content();
    member.put('a', '2');
    member.apply({ compact: { revision: 3 } });
    // Death: what is in memory is never written.
    member.storage.journal.take(0);
    const db = Reflect.get(member.storage, 'db') as ClassicLevel<Buffer, Buffer>;
    await db.close();
    const again = await Member.open();
    assert.deepEqual(again.content(), written);
    await again.storage.close();
  });

  it('reports a write that fails', async () => {
    const member = await Member.open();
    member.put('a', '1');
    const disarm = armFailpoint('storage.beforeWrite', 'error');
    await member.storage.flush();
    disarm();
    assert.match(member.failures[0]?.message ?? '', /cannot write the state/);
    assert.equal(member.storage.durableIndex(), 0n);
    await member.storage.close();
  });
});

describe('replacing everything', () => {
  async function snapshotOf(seed: number) {
    const home = dir;
    dir = mkdtempSync(join(tmpdir(), 'kubets-storage-'));
    const source = await Member.open();
    fill(source, seed);
    const snapshot = await source.machine.openSnapshot();
    await source.storage.close();
    rmSync(dir, { recursive: true });
    dir = home;
    return { source, snapshot };
  }

  it('is durable before it is done, and nothing of the old is left', async () => {
    const { source, snapshot } = await snapshotOf(3);
    const member = await Member.open();
    for (let i = 0; i < 50; i++) member.put(`old${i}`, 'x');
    await member.storage.flush();
    await member.machine.installSnapshot(snapshot.meta, snapshot.chunks);
    assert.equal(member.storage.durableIndex(), snapshot.meta.index);
    assert.deepEqual(member.content(), source.content());
    member.put('after', '1');
    await member.storage.close();
    const again = await Member.open();
    assert.equal(again.state.store.latest('old1'), undefined);
    assert.equal(again.state.store.latest('after')?.value.toString(), '1');
    assert.deepEqual(again.content(), member.content());
    await again.storage.close();
  });

  it('is not undone by what happens to the old meanwhile', async () => {
    const { source } = await snapshotOf(5);
    const member = await Member.open();
    member.put('old', 'x');
    await member.storage.flush();
    const replacing = member.storage.replace(source.machine.content(), source.machine.applied);
    // As a sweep that had been put off does.
    member.put('old', 'y');
    await replacing;
    await member.storage.close();
    const again = await Member.open();
    assert.deepEqual(again.content(), source.content());
    await again.storage.close();
  });

  it('that fails loses nothing that was not written yet', async () => {
    const { snapshot } = await snapshotOf(6);
    const member = await Member.open();
    member.put('old', 'x');
    const disarm = armFailpoint('storage.beforeSwitch', 'error');
    await assert.rejects(member.machine.installSnapshot(snapshot.meta, snapshot.chunks));
    disarm();
    member.put('old', 'y');
    await member.storage.close();
    const again = await Member.open();
    assert.deepEqual(again.content(), member.content());
    await again.storage.close();
  });

  it('that is interrupted before its end leaves the old', async () => {
    const { snapshot } = await snapshotOf(4);
    const member = await Member.open();
    member.put('old', 'x');
    await member.storage.flush();
    const before = member.content();
    const disarm = armFailpoint('storage.beforeSwitch', 'error');
    await assert.rejects(member.machine.installSnapshot(snapshot.meta, snapshot.chunks));
    disarm();
    await member.storage.close();
    const again = await Member.open();
    assert.deepEqual(again.content(), before);
    await again.storage.close();
  });
});

describe('a directory that cannot be used', () => {
  const remedy = /remove this member's data directory and add it to the cluster again/;

  it('because another process has it', async () => {
    const member = await Member.open();
    await assert.rejects(Member.open(), /is in use by another process; stop that one, or choose/);
    await member.storage.close();
  });

  type Damage = (db: ClassicLevel<Buffer, Buffer>) => Promise<unknown>;
  async function keyOf(db: ClassicLevel<Buffer, Buffer>, kind: number): Promise<Buffer> {
    for (const key of await db.keys().all()) if (kindOf(key) === kind) return key;
    throw new Error('no such key');
  }
  const damages: Readonly<Record<string, Damage>> = {
    'because a record was changed': async (db) => {
      const key = await keyOf(db, KIND.revision);
      const value = Buffer.from((await db.get(key)) ?? []);
      value.writeUInt8(value.readUInt8(value.length - 1) ^ 1, value.length - 1);
      await db.put(key, value);
    },
    'because a record lies in the place of another one': async (db) => {
      const all = await db.keys().all();
      const [first, second] = all.filter((key) => kindOf(key) === KIND.revision);
      assert.ok(first && second);
      await db.put(second, Buffer.from((await db.get(first)) ?? []));
    },
    'because a record is no version': async (db) =>
      db.put(await keyOf(db, KIND.revision), Buffer.from('something')),
    'because a record is missing': async (db) => db.del(await keyOf(db, KIND.revision)),
    'because its position is missing': async (db) => db.del(await keyOf(db, KIND.meta)),
    'because something else is in it': (db) =>
      db.put(Buffer.from([0, 0, 0, 0, 9, 9]), Buffer.from('something')),
  };
  for (const [what, damage] of Object.entries(damages)) {
    it(what, async () => {
      const member = await Member.open();
      member.put('a', '1');
      member.put('b', '1');
      await member.storage.close();
      const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
      const db = new ClassicLevel<Buffer, Buffer>(dir, encodings);
      await damage(db);
      await db.close();
      await assert.rejects(Member.open(), (error) => {
        assert.ok(error instanceof StorageError);
        assert.match(error.message, remedy);
        assert.ok(error.message.startsWith(dir));
        return !error.message.includes('\n');
      });
    });
  }
});
