/** What programs written with the npm client `etcd3` do, against this store. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Etcd3, EtcdLockFailedError, type IOptions } from 'etcd3';
import { type Etcd, startEtcd } from './solo.ts';

let etcd: Etcd;
let client: Etcd3;
before(async () => {
  etcd = await startEtcd({ memory: true });
  client = new Etcd3({ hosts: etcd.endpoint });
});
after(async () => {
  client.close();
  await etcd.stop();
});

/** With a store of its own, which it may break. */
async function withStore(work: (hosts: string) => Promise<void>): Promise<void> {
  const own = await startEtcd({ memory: true });
  try {
    await work(own.endpoint);
  } finally {
    await own.stop();
  }
}

describe('keys', () => {
  it('are put, read as what they are, and deleted', async () => {
    await client.put('foo').value('bar');
    await client.put('number').value(42);
    await client.put('json').value(JSON.stringify({ a: [1] }));
    assert.equal(await client.get('foo').string(), 'bar');
    assert.equal(await client.get('number').number(), 42);
    assert.deepEqual(await client.get('json').json(), { a: [1] });
    assert.deepEqual(await client.get('foo').buffer(), Buffer.from('bar'));
    assert.equal(await client.get('nothing'), null);
    assert.equal(await client.get('foo').exists(), true);
    const previous = await client.put('foo').value('baz').getPrevious();
    assert.equal(previous?.value.toString(), 'bar');
    await client.put('foo').value('ignored').touch();
    assert.equal((await client.delete().key('foo')).deleted, '1');
    assert.equal(await client.get('foo').exists(), false);
  });

  it('are ranged over, sorted, limited and counted', async () => {
    for (const name of ['c', 'a', 'b']) await client.put(`many/${name}`).value(name);
    const all = client.getAll().prefix('many/');
    assert.deepEqual(await all.strings(), { 'many/a': 'a', 'many/b': 'b', 'many/c': 'c' });
    const sorted = client.getAll().prefix('many/').sort('Key', 'Descend').limit(2);
    assert.deepEqual(await sorted.keys(), ['many/c', 'many/b']);
    assert.equal(await client.getAll().prefix('many/').count(), 3);
    assert.equal((await client.delete().prefix('many/')).deleted, '3');
  });

  it('have namespaces', async () => {
    const inside = client.namespace('user1/');
    await inside.put('foo').value('mine');
    assert.equal(await client.get('user1/foo').string(), 'mine');
    assert.deepEqual(await inside.getAll().strings(), { foo: 'mine' });
    await inside.delete().all();
    assert.equal(await client.get('user1/foo').exists(), false);
  });
});

describe('transactions', () => {
  it('do one thing or the other', async () => {
    await client.put('t').value('1');
    const compare = async (value: string) =>
      (
        await client
          .if('t', 'Value', '==', value)
          .and('t', 'Version', '>', 0)
          .then(client.put('then').value('yes'))
          .else(client.get('t'))
          .commit()
      ).succeeded;
    assert.equal(await compare('1'), true);
    assert.equal(await compare('2'), false);
    assert.equal(await client.get('then').string(), 'yes');
  });

  it('in memory are tried again when others were faster', async () => {
    await client.put('counter').value(0);
    const add = () =>
      client.stm({ retries: 100 }).transact(async (tx) => {
        const before = await tx.get('counter').number();
        await tx.put('counter').value((before ?? 0) + 1);
      });
    await Promise.all(Array.from({ length: 8 }, add));
    assert.equal(await client.get('counter').number(), 8);
  });
});

describe('leases', () => {
  it('keep their keys while they are kept alive, and take them along', async () => {
    const lease = client.lease(10);
    await lease.put('leased').value('x');
    const { TTL } = await lease.keepaliveOnce();
    assert.equal(TTL, '10');
    await lease.revoke();
    assert.equal(await client.get('leased').exists(), false);
  });

  it('that are lost are told of', async () => {
    const lease = client.lease(10);
    const lost = once(lease, 'lost');
    const id = await lease.grant();
    await client.leaseClient.leaseRevoke({ ID: id });
    await assert.rejects(lease.keepaliveOnce());
    await lost;
    assert.equal(lease.revoked(), true);
  });

  it('hold locks', async () => {
    const lock = client.lock('resource');
    await lock.acquire();
    const second = client.lock('resource').acquire();
    await assert.rejects(second, EtcdLockFailedError);
    await lock.release();
    assert.equal(await client.lock('resource').do(async () => 'done'), 'done');
  });

  it('hold elections', { timeout: 60_000 }, async () => {
    const election = client.election('singleton', 5);
    const first = election.campaign('first');
    await once(first, 'elected');
    const observer = await election.observe();
    const second = election.campaign('second');
    assert.equal(await election.leader(), 'first');
    const elected = once(second, 'elected');
    await first.resign();
    await elected;
    assert.equal(await election.leader(), 'second');
    await second.proclaim('second anew');
    assert.equal(await election.leader(), 'second anew');
    await observer.cancel();
    await second.resign();
  });
});

describe('watches', () => {
  it('see what changes, with what was before', async () => {
    const watcher = await client.watch().prefix('w/').withPreviousKV().create();
    const put = once(watcher, 'put');
    await client.put('w/a').value('1');
    const [kv] = await put;
    assert.deepEqual([kv.key.toString(), kv.value.toString()], ['w/a', '1']);
    const gone = once(watcher, 'delete');
    await client.delete().key('w/a');
    const [, previous] = await gone;
    assert.equal(previous.value.toString(), '1');
    await watcher.cancel();
  });

  it('go on where they were when the store comes back', { timeout: 60_000 }, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kubets-etcd3-'));
    const first = await startEtcd({ dataDir });
    const own = new Etcd3({ hosts: first.endpoint });
    const watcher = await own.watch().key('k').create();
    const before = once(watcher, 'put');
    await own.put('k').value('before');
    await before;
    const cut = once(watcher, 'disconnected');
    const connected = once(watcher, 'connected');
    await first.stop();
    await cut;
    const second = await startEtcd({ dataDir, clientPort: first.clientPort });
    const missed = once(watcher, 'put');
    const other = new Etcd3({ hosts: second.endpoint });
    await other.put('k').value('meanwhile');
    const [kv] = await missed;
    assert.equal(kv.value.toString(), 'meanwhile');
    await connected;
    await watcher.cancel();
    other.close();
    own.close();
    await second.stop();
    rmSync(dataDir, { recursive: true });
  });
});

describe('users and roles', () => {
  it('decide who may do what', async () => {
    await withStore(async (hosts) => {
      const admin = new Etcd3({ hosts });
      const root = await admin.role('root').create();
      await (await admin.user('root').create('secret')).addRole(root);
      const role = await admin.role('reader').create();
      await role.grant({ permission: 'Read', key: 'open' });
      assert.equal((await role.permissions()).length, 1);
      await (await admin.user('eve').create('pw')).addRole(role);
      await admin.put('open').value('x');
      await admin.auth.authEnable();
      admin.close();

      const as = (username: string, password: string) =>
        new Etcd3({ hosts, auth: { username, password } } satisfies IOptions);
      const eve = as('eve', 'pw');
      assert.equal(await eve.get('open').string(), 'x');
      await assert.rejects(eve.get('closed').string(), /permission denied/);
      await assert.rejects(eve.put('open').value('y').exec(), /permission denied/);
      eve.close();
      const wrong = as('eve', 'guess');
      await assert.rejects(wrong.get('open').string(), /authentication failed/);
      wrong.close();
      const again = as('root', 'secret');
      await again.auth.authDisable();
      again.close();
    });
  });
});
