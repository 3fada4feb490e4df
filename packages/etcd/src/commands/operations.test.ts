/** What administrators do to a cluster of processes. */

import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ClassicLevel } from 'classic-level';
import { AmbiguousError, type EtcdClient } from '../client/index.ts';
import { LIMITS } from '../limits.ts';
import { ProcessCluster } from '../server/testing/processes.ts';
import { STORED, seal, unseal } from '../state/records.ts';
import { stateDirOf } from '../storage/data-dir.ts';
import { KIND, kindOf } from '../storage/keys.ts';
import { mustRun, runForTest } from './testing/run.ts';

const key = (i: number): Buffer => Buffer.from(`key/${i}`);

async function fill(client: EtcdClient, count: number): Promise<void> {
  const patient = { timeoutMs: 60_000 };
  const all = Array.from({ length: count }, (_none, i) =>
    client.put(key(i), Buffer.from(`${i}`), patient),
  );
  await Promise.all(all);
}

/** As a client that retries does it: a write whose fate is unknown is made again. */
async function putSurely(client: EtcdClient, key: Buffer, value: Buffer): Promise<void> {
  for (;;) {
    try {
      await client.put(key, value, { timeoutMs: 60_000 });
      return;
    } catch (error) {
      if (!(error instanceof AmbiguousError)) throw error;
    }
  }
}

async function leaderOf(cluster: ProcessCluster, client: EtcdClient): Promise<string> {
  const { leader } = await client.status(cluster.endpoints[0] ?? '');
  const members = await client.memberList();
  return members.find((member) => member.id === leader)?.name ?? '';
}

/** Changes a value on a stopped member's disk, checksum and all. */
async function corrupt(dataDir: string): Promise<void> {
  const encoding = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
  const db = new ClassicLevel<Buffer, Buffer>(stateDirOf(dataDir), encoding);
  await db.open();
  for await (const [key, sealed] of db.iterator()) {
    if (kindOf(key) !== KIND.revision) continue;
    const record = STORED.revision.decode(unseal(key, sealed));
    if (record.kv) record.kv = { ...record.kv, value: Buffer.from('not what was written') };
    await db.put(
      key,
      seal(key, (head) => STORED.revision.encode(record, head)),
      { sync: true },
    );
    break;
  }
  await db.close();
}

describe('a cluster of processes', { timeout: 300_000 }, () => {
  it('is checked: a member that differs is named, and stops all writes', async () => {
    await using cluster = await ProcessCluster.start(3);
    const client = cluster.client();
    const at = ['--endpoints', cluster.endpoints.join(',')];
    await fill(client, 50);
    const good = await runForTest('check', ...at);
    assert.deepEqual([good.code, good.err], [0, 'all 3 members hold the same up to revision 51\n']);

    await cluster.stop('m1');
    const partly = await runForTest('check', ...at);
    assert.equal(partly.code, 1);
    assert.match(partly.err, /1 of 3 members could not be asked; the others hold the same/);
    await corrupt(cluster.dataDir('m1'));
    cluster.spawn('m1');
    await cluster.healthy('m1');
    const silent = await runForTest('check', ...at, '--no-alarm');
    assert.equal(silent.code, 1);
    assert.match(silent.err, /do not hold the same: m1 \([0-9a-f]+\) differs from the rest/);
    await client.put(key(0), Buffer.from('still taken'));
    assert.equal((await runForTest('check', ...at)).code, 1);
    await assert.rejects(client.put(key(0), Buffer.from('x')), /corrupt cluster/);
    client.close();
  });

  it('has a member replaced, one that runs and one that is gone', async () => {
    await using cluster = await ProcessCluster.start(3);
    const client = cluster.client();
    const at = ['--endpoints', cluster.endpoints.join(',')];
    await fill(client, 100);
    for (const [old, name] of [
      ['m1', 'm3'],
      ['m2', 'm4'],
    ] as const) {
      if (old === 'm2') await cluster.kill(old);
      const place = await cluster.addPlace(name);
      const others = (await client.memberList()).filter((member) => member.name !== old);
      const known = others.map((member) => `${member.name}=${member.peerUrls[0]}`);
      const flags = ['--peer-urls', place.peerUrl, '--name', name, '--timeout', '60s'];
      const command = mustRun('member', 'replace', old, ...flags, ...at);
      // It may start before the cluster has been told of it: it waits for that.
      cluster.spawn(name, [...known, `${name}=${place.peerUrl}`].join(','));
      const out = await command;
      assert.match(
        out,
        new RegExp(`ETCD_NAME="${name}"\n[^]*ETCD_INITIAL_CLUSTER_STATE="existing"`),
      );
      assert.match(out, new RegExp(`${name} has taken the place of ${old}\n$`));
    }
    const listed = JSON.parse(await mustRun('member', 'list', '-w', 'json', ...at));
    const names = listed.map((m: { name: string; isLearner: boolean }) => [m.name, m.isLearner]);
    assert.deepEqual(names.sort(), [
      ['m0', false],
      ['m3', false],
      ['m4', false],
    ]);
    const grown = ['--endpoints', cluster.endpoints.join(',')];
    const checked = await runForTest('check', ...grown);
    assert.equal(checked.code, 0, checked.out + checked.err);
    client.close();
  });

  it('is restarted member by member, and a client that retries notices nothing', async () => {
    await using cluster = await ProcessCluster.start(3);
    const client = cluster.client();
    let over = false;
    let written = 0;
    const writer = (async () => {
      for (; !over || written === 0; written++) {
        await putSurely(client, key(written), Buffer.from(`${written}`));
        const { kv } = await client.get(key(written), { timeoutMs: 60_000 });
        assert.equal(kv?.value.toString(), `${written}`);
      }
    })();
    for (const name of cluster.names) {
      assert.equal(await cluster.stop(name), 0);
      cluster.spawn(name);
      await cluster.healthy(name);
    }
    over = true;
    await writer;
    const { count } = await client.range(Buffer.from('key/'), Buffer.from('key0'));
    assert.equal(count, BigInt(written));
    client.close();
  });

  it('is recovered from its last member, with everything that one had', async () => {
    await using cluster = await ProcessCluster.start(3);
    const client = cluster.client();
    await fill(client, 300);
    // A leader has everything that was acknowledged.
    const survivor = await leaderOf(cluster, client);
    const { revision: seen } = await client.get(key(0));
    client.close();
    const dataDir = cluster.dataDir(survivor);
    const running = await runForTest('recover', '--data-dir', dataDir);
    assert.deepEqual([running.code, /runs on .*: stop it first/.test(running.err)], [2, true]);
    await cluster.kill(...cluster.names);
    for (const name of cluster.names) {
      if (name !== survivor) rmSync(cluster.dataDir(name), { recursive: true });
    }
    const out = await mustRun('recover', '--data-dir', dataDir);
    assert.match(out, new RegExp(`^${survivor} is now the only member`));
    const copies = readdirSync(cluster.dir).filter((name) => name.includes('.before-recover-'));
    assert.equal(copies.length, 1);

    cluster.spawn(survivor);
    await cluster.healthy(survivor);
    const alone = cluster.client();
    assert.deepEqual(
      (await alone.memberList()).map((member) => member.name),
      [survivor],
    );
    for (let i = 0; i < 300; i++) {
      assert.equal((await alone.get(key(i))).kv?.value.toString(), `${i}`);
    }
    // The lost ones may have had more, and shown it to watchers: those begin anew.
    const { revision } = await alone.put(key(0), Buffer.from('goes on'));
    assert.ok(revision > seen + BigInt(LIMITS.recoverSkipsRevisions));
    const compacted = await new Promise<bigint>((onCompacted, reject) => {
      const handlers = { onEvents: reject, onError: reject, onCompacted };
      alone.watch({ key: key(0), startRevision: seen + 5n }, handlers);
    });
    assert.ok(compacted > seen);
    const place = await cluster.addPlace('fresh');
    const at = ['--endpoints', (await alone.memberList())[0]?.clientUrls[0] ?? ''];
    const added = await mustRun('member', 'add', 'fresh', '--peer-urls', place.peerUrl, ...at);
    cluster.spawn('fresh', /ETCD_INITIAL_CLUSTER="(.*)"/.exec(added)?.[1]);
    await cluster.healthy('fresh');
    assert.equal((await runForTest('check', ...at)).code, 0);
    alone.close();
  });
});
