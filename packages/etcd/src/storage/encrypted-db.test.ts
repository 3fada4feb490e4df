import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ClassicLevel } from 'classic-level';
import { isSealed, MissingKeyError, Vault } from '../encryption/vault.ts';
import { EncryptedDb } from './encrypted-db.ts';
import type { Db } from './load.ts';

/** A database in memory; every call takes a turn of the event loop, so that calls may overlap. */
class MemoryDb implements Db {
  readonly records = new Map<string, Buffer>();

  async open(): Promise<void> {
    await setImmediate();
  }

  async close(): Promise<void> {
    await setImmediate();
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    await setImmediate();
    return this.records.get(key.toString('latin1'));
  }

  async put(key: Buffer, value: Buffer): Promise<void> {
    await setImmediate();
    this.records.set(key.toString('latin1'), value);
  }

  async clear(): Promise<void> {
    await setImmediate();
    this.records.clear();
  }

  iterator({ gte }: { gte: Buffer }): ReturnType<Db['iterator']> {
    let from = gte.toString('latin1');
    return {
      nextv: async (count) => {
        const names = [...this.records.keys()].sort().filter((name) => name >= from);
        const page = names.slice(0, count).map((name): [Buffer, Buffer] => {
          return [Buffer.from(name, 'latin1'), this.records.get(name) ?? Buffer.alloc(0)];
        });
        from = `${names.at(page.length - 1)}\0`;
        await setImmediate();
        return page;
      },
      close: () => Promise.resolve(),
    };
  }

  batch(): ReturnType<Db['batch']> {
    const work: (() => void)[] = [];
    return {
      get length() {
        return work.length;
      },
      put: (key, value) => work.push(() => this.records.set(key.toString('latin1'), value)),
      del: (key) => work.push(() => this.records.delete(key.toString('latin1'))),
      write: async () => {
        await setImmediate();
        for (const step of work) step();
      },
    };
  }
}

const key = (i: number): Buffer => Buffer.from(`key ${String(i).padStart(5, '0')}`);
const SYNC = { sync: true };
const BUFFERS = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

describe('encrypting anew', () => {
  it('reaches everything, and brings nothing back that is removed meanwhile', async () => {
    const inner = new MemoryDb();
    for (let i = 0; i < 2_000; i++)
      inner.records.set(key(i).toString('latin1'), Buffer.from(`${i}`));
    const db = new EncryptedDb(inner, new Vault([Buffer.alloc(32, 1)]));
    assert.equal((await db.get(key(5)))?.toString(), '5');
    assert.equal(db.isStale, true);
    const refreshing = db.refresh();
    for (let i = 0; i < 2_000; i += 3) {
      const batch = db.batch();
      batch.del(key(i));
      batch.put(key(i + 1), Buffer.from('new'));
      await batch.write(SYNC);
    }
    await refreshing;
    for (let i = 0; i < 1_998; i++) {
      const value = await db.get(key(i));
      assert.equal(value?.toString(), [undefined, 'new', `${i}`][i % 3], `${i}`);
    }
    assert.ok([...inner.records.values()].every((value) => isSealed(value)));
  });

  it('reaches everything in LevelDB, whose answers end at a number of bytes as well', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'kubets-encrypted-db-'));
    try {
      const inner = new ClassicLevel<Buffer, Buffer>(dir, BUFFERS);
      await inner.open();
      const batch = inner.batch();
      for (let i = 0; i < 2_000; i++) batch.put(key(i), Buffer.alloc(300, 'v'));
      await batch.write();
      const db = new EncryptedDb(inner, new Vault([Buffer.alloc(32, 1)]));
      assert.equal((await db.get(key(5)))?.length, 300);
      assert.equal(await db.refresh(), 2_000);
      for await (const [name, value] of inner.iterator()) assert.ok(isSealed(value), `${name}`);
      await db.close();
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('stops when the database is closed', async () => {
    const inner = new MemoryDb();
    for (let i = 0; i < 5_000; i++) inner.records.set(key(i).toString('latin1'), Buffer.from('x'));
    const db = new EncryptedDb(inner, new Vault([Buffer.alloc(32, 1)]));
    const refreshing = db.refresh();
    await db.close();
    assert.equal(await refreshing, undefined);
  });
});

describe('values without their keys', () => {
  it('are the same whether they are encrypted or not, and refused without the key', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'kubets-encrypted-db-'));
    const open = async (vault: Vault | undefined): Promise<EncryptedDb> => {
      const db = new EncryptedDb(new ClassicLevel<Buffer, Buffer>(dir, BUFFERS), vault);
      await db.open();
      return db;
    };
    const read = (db: EncryptedDb) => db.values({ gte: key(1), lt: key(4) }).nextv(10);
    const vault = new Vault([Buffer.alloc(32, 1)]);
    try {
      const plain = await open(undefined);
      for (let i = 0; i < 5; i++) await plain.put(key(i), Buffer.from(`${i}`), SYNC);
      const expected = [1, 2, 3].map((i) => Buffer.from(`${i}`));
      assert.deepEqual(await read(plain), expected);
      await plain.close();
      const encrypted = await open(vault);
      assert.deepEqual(await read(encrypted), expected);
      assert.equal(encrypted.isStale, true);
      assert.equal(await encrypted.refresh(), 5);
      assert.deepEqual(await read(encrypted), expected);
      await encrypted.close();
      const without = await open(undefined);
      await assert.rejects(read(without), MissingKeyError);
      await without.close();
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
