/** Leaving for a stock etcd, and coming from one: everything is there afterwards. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EtcdClient } from '../client/index.ts';
import { mustRun, runForTest } from '../commands/testing/run.ts';
import { type Etcd, startEtcd } from '../server/solo.ts';
import { etcdctl, freePort, needStock, StockEtcd } from './testing/stock.ts';

let dir: string;
before(() => {
  needStock();
  dir = mkdtempSync(join(tmpdir(), 'kubets-stock-'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

const path = (name: string): string => join(dir, name);
const hostOf = (etcd: Etcd): string => etcd.endpoint.replace('http://', '');

/** Versions, deletions, several changes of a revision, a compaction, leases, users and roles. */
async function fill(endpoint: string): Promise<void> {
  const client = new EtcdClient({ endpoints: [endpoint] });
  const key = (i: number): Buffer => Buffer.from(`key/${i % 150}`);
  const { id } = await client.leaseGrant(5_000);
  for (let i = 0; i < 400; i++) {
    await client.put(key(i), Buffer.alloc(i * 7, i), i % 10 === 0 ? { lease: id } : {});
  }
  await client.put(Buffer.of(0xff, 0, 0xfe), Buffer.alloc(100_000, 1));
  await client.delete(key(3));
  const { revision } = await client.delete(Buffer.from('key/2'), {
    rangeEnd: Buffer.from('key/3'),
  });
  await client.compact(revision - 40n);
  await client.put(key(3), Buffer.from('again'));
  client.close();
  await etcdctl('--endpoints', endpoint, 'role', 'add', 'reader');
  await etcdctl('--endpoints', endpoint, 'role', 'grant-permission', 'reader', 'read', 'a', 'm');
  await etcdctl('--endpoints', endpoint, 'user', 'add', 'eve:secret');
  await etcdctl('--endpoints', endpoint, 'user', 'grant-role', 'eve', 'reader');
}

/** All that can be asked for. */
async function contentOf(endpoint: string, revision: string): Promise<unknown> {
  const ask = (...args: string[]) => etcdctl('--endpoints', endpoint, ...args);
  const { header, kvs, count } = JSON.parse(await ask('get', '', '--prefix', '-w', 'json'));
  const old = JSON.parse(await ask('get', 'key/', '--prefix', '--rev', revision, '-w', 'json'));
  return {
    ...{ revision: header.revision, kvs, count, old: old.kvs },
    leases: (await ask('lease', 'list')).split('\n').slice(1).sort(),
    users: await ask('user', 'get', 'eve', '--detail'),
    roles: await ask('role', 'list'),
  };
}

/** A revision that is not compacted, and at which more keys were there than are now. */
const OLD_REVISION = '395';

describe('a snapshot', () => {
  it('of ours is a stock etcd’s', { timeout: 60_000 }, async () => {
    const ours = await startEtcd({ memory: true });
    const endpoint = hostOf(ours);
    await fill(endpoint);
    const before = await contentOf(endpoint, OLD_REVISION);
    await etcdctl('--endpoints', endpoint, 'snapshot', 'save', path('ours.db'));
    await ours.stop();

    const stock = JSON.parse(await etcdctl('snapshot', 'status', path('ours.db'), '-w', 'json'));
    const own = await mustRun('snapshot', 'status', path('ours.db'), '-w', 'json');
    assert.deepEqual(JSON.parse(own), stock);
    assert.equal(stock.revision, 405);

    const peer = `http://127.0.0.1:${await freePort()}`;
    const flags = ['--initial-cluster', `default=${peer}`, '--initial-advertise-peer-urls', peer];
    await etcdctl('snapshot', 'restore', path('ours.db'), '--data-dir', path('stock'), ...flags);
    await using etcd = await StockEtcd.start(path('stock'), peer);
    assert.deepEqual(await contentOf(etcd.endpoint, OLD_REVISION), before);
    const compacted = etcdctl('--endpoints', etcd.endpoint, 'get', 'x', '--rev', '300');
    await assert.rejects(compacted, /required revision has been compacted/);
  });

  it('of a stock etcd’s is ours, and one of ours again is', { timeout: 60_000 }, async () => {
    let before: unknown;
    {
      await using etcd = await StockEtcd.start(path('origin'));
      await fill(etcd.endpoint);
      before = await contentOf(etcd.endpoint, OLD_REVISION);
      const from = ['--endpoints', etcd.endpoint];
      const saved = await mustRun('snapshot', 'save', path('stock.db'), ...from);
      assert.equal(saved, `Snapshot saved at ${path('stock.db')}\n`);
    }
    await mustRun('snapshot', 'restore', path('stock.db'), '--data-dir', path('a'));
    const first = await startEtcd({ dataDir: path('a') });
    assert.deepEqual(await contentOf(hostOf(first), OLD_REVISION), before);
    await mustRun('snapshot', 'save', path('again.db'), '--endpoints', hostOf(first));
    await first.stop();

    await mustRun('snapshot', 'restore', path('again.db'), '--data-dir', path('b'));
    const second = await startEtcd({ dataDir: path('b') });
    assert.deepEqual(await contentOf(hostOf(second), OLD_REVISION), before);
    await second.stop();
  });

  it('may be gone on from at a later revision, without history', { timeout: 60_000 }, async () => {
    const args = ['snapshot', 'restore', path('stock.db'), '--data-dir', path('c')];
    await mustRun(...args, '--bump-revision', '1000000', '--mark-compacted');
    const etcd = await startEtcd({ dataDir: path('c') });
    const client = new EtcdClient({ endpoints: [etcd.endpoint] });
    const before = await client.get(Buffer.from('key/3'));
    assert.equal(before.kv?.value.toString(), 'again');
    assert.equal(before.revision, 1_000_405n);
    assert.equal((await client.put(Buffer.from('x'), Buffer.from('y'))).revision, 1_000_406n);
    const old = client.get(Buffer.from('key/3'), { revision: 1_000_400n });
    await assert.rejects(old, /compacted/);
    client.close();
    // A stock etcd takes over where it was left, too.
    await etcdctl('--endpoints', hostOf(etcd), 'snapshot', 'save', path('bumped.db'));
    await etcd.stop();
    const peer = `http://127.0.0.1:${await freePort()}`;
    const flags = ['--initial-cluster', `default=${peer}`, '--initial-advertise-peer-urls', peer];
    await etcdctl('snapshot', 'restore', path('bumped.db'), '--data-dir', path('d'), ...flags);
    await using stock = await StockEtcd.start(path('d'), peer);
    const answer = await etcdctl('--endpoints', stock.endpoint, 'put', 'x', 'z', '-w', 'json');
    assert.equal(JSON.parse(answer).header.revision, 1_000_407);
  });
});

describe('a snapshot file', () => {
  it('that was damaged is refused in one line that names it', async () => {
    const bytes = Buffer.alloc(statSync(path('stock.db')).size);
    writeFileSync(path('zeros.db'), bytes);
    const zeros = await runForTest('snapshot', 'status', path('zeros.db'));
    assert.deepEqual([zeros.code, zeros.err.split('\n').length], [1, 2]);
    assert.match(zeros.err, /zeros\.db: damaged: it does not match the checksum/);
    truncateSync(path('zeros.db'), 8192);
    const restored = await runForTest(
      ...['snapshot', 'restore', path('zeros.db'), '--data-dir', path('never')],
    );
    assert.equal(restored.code, 2);
    assert.match(restored.err, /no checksum at its end; give --skip-hash-check/);
    const args = ['snapshot', 'restore', path('zeros.db'), '--data-dir', path('never')];
    const skipped = await runForTest(...args, '--skip-hash-check');
    assert.match(skipped.err, /zeros\.db: not an etcd database/);
  });

  it('that is not there, or a directory that is, is a mistake of the caller', async () => {
    const none = await runForTest('snapshot', 'status', path('nowhere.db'));
    assert.equal(none.code, 2);
    const there = await runForTest('snapshot', 'restore', path('stock.db'), '--data-dir', dir);
    assert.deepEqual([there.code, /exists; name a --data-dir/.test(there.err)], [2, true]);
    const alone = ['--data-dir', path('e'), '--bump-revision', '5'];
    assert.equal((await runForTest('snapshot', 'restore', path('stock.db'), ...alone)).code, 2);
  });
});
