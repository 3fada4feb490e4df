/** Whole members, as processes that are killed: what was acknowledged stays, and members agree. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { delay, silentLogger, systemClock, systemRandom } from '@kubets/platform';
import { Endpoints } from '../client/endpoints.ts';
import { EtcdClient, EtcdError, prefixEnd } from '../client/index.ts';
import { type MethodPlan, type RangeResponse, serviceMethods } from '../codec/index.ts';
import { ProcessCluster } from './testing/processes.ts';

const PREFIX = Buffer.from('/t/');

/** Writes numbered keys until told to stop; keeps what was acknowledged. */
class Writers {
  readonly acknowledged = new Map<string, string>();
  private stopped = false;
  private readonly done: Promise<void>[];

  constructor(client: EtcdClient, count: number) {
    this.done = Array.from({ length: count }, (_, w) => this.write(client, w));
  }

  private async write(client: EtcdClient, writer: number): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      const key = `/t/${writer}/${i % 50}`;
      const value = `${i}`;
      try {
        await client.put(Buffer.from(key), Buffer.from(value), { timeoutMs: 5_000 });
        this.acknowledged.set(key, value);
      } catch (error) {
        assert.ok(error instanceof EtcdError, String(error));
        // Its fate is unknown: the key may hold this value or the one before. Go on with others.
        this.acknowledged.delete(key);
        await delay(5);
      }
    }
  }

  async reach(count: number): Promise<void> {
    while (this.acknowledged.size < count) await delay(5);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.done);
  }
}

/** Every member's hash of the same revision. */
async function hashes(cluster: ProcessCluster): Promise<Set<string>> {
  const client = cluster.client();
  try {
    const { revision } = await client.get(Buffer.from('x'));
    const each = cluster.endpoints.map((endpoint) => client.hashKv(endpoint, revision));
    return new Set((await Promise.all(each)).map((h) => `${h.hash}/${h.compactRevision}`));
  } finally {
    client.close();
  }
}

async function assertHolds(cluster: ProcessCluster, expected: ReadonlyMap<string, string>) {
  const client = cluster.client();
  const { kvs } = await client.range(PREFIX, prefixEnd(PREFIX));
  client.close();
  const found = new Map(kvs.map((kv) => [kv.key.toString(), kv.value.toString()]));
  for (const [key, value] of expected) assert.equal(found.get(key), value, `${key} was lost`);
}

describe('three members', () => {
  it('lose nothing acknowledged when all are killed at once during writes, and agree', async () => {
    await using cluster = await ProcessCluster.start(3);
    for (let round = 0; round < 2; round++) {
      const client = cluster.client();
      const writers = new Writers(client, 8);
      await writers.reach(200);
      await cluster.kill(...cluster.names);
      const acknowledged = new Map(writers.acknowledged);
      const stopped = writers.stop();
      await cluster.startAll();
      await stopped;
      client.close();
      // What the writers wrote after the restart is newer than what was acknowledged before it.
      for (const [key, value] of writers.acknowledged) acknowledged.set(key, value);
      for (const key of acknowledged.keys()) {
        if (!writers.acknowledged.has(key)) acknowledged.delete(key);
      }
      await assertHolds(cluster, acknowledged);
      assert.equal((await hashes(cluster)).size, 1, 'members agree');
    }
  });

  it('are asked at the one that leads, and at the next when it is gone', async () => {
    await using cluster = await ProcessCluster.start(3);
    const client = cluster.client();
    const endpoints = new Endpoints({
      endpoints: cluster.endpoints,
      ...{ log: silentLogger, clock: systemClock, random: systemRandom },
    });
    const method = serviceMethods('etcdserverpb.KV').Range as MethodPlan;
    const answered = async (): Promise<bigint | undefined> => {
      const request = { key: PREFIX };
      const answer = await endpoints.unary({ method, request, read: true });
      return (answer as RangeResponse).header?.memberId;
    };
    const alive = new Set(cluster.names);
    const leader = async (): Promise<{ id: bigint; name: string }> => {
      for (const name of alive) {
        const { memberId, leader } = await client.status(cluster.place(name).clientUrl);
        if (memberId === leader) return { id: memberId, name };
      }
      return { id: -1n, name: '' };
    };
    while ((await answered()) !== (await leader()).id) await delay(5);
    const { name } = await leader();
    alive.delete(name);
    await cluster.kill(name);
    while ((await answered()) !== (await leader()).id) await delay(5);
    endpoints.close();
    client.close();
  });

  it('go on without the leader, and take it back', async () => {
    await using cluster = await ProcessCluster.start(3);
    const client = cluster.client();
    await client.put(PREFIX, Buffer.from('1'));
    const { leader } = await client.status(cluster.endpoints[0] ?? '');
    const statuses = await Promise.all(cluster.endpoints.map((e) => client.status(e)));
    const at = statuses.findIndex((s) => s.memberId === leader);
    const name = cluster.names[at] ?? '';
    await cluster.kill(name);
    await client.put(PREFIX, Buffer.from('2'));
    assert.equal((await client.get(PREFIX)).kv?.value.toString(), '2');
    cluster.spawn(name);
    await cluster.healthy(name);
    assert.equal((await hashes(cluster)).size, 1);
    client.close();
  });
});

describe('a member whose disk was lost', () => {
  it('does not come back as itself: what it acknowledged could be forgotten', async () => {
    await using cluster = await ProcessCluster.start(3);
    await cluster.kill('m2');
    rmSync(cluster.dataDir('m2'), { recursive: true });
    const again = cluster.spawn('m2');
    await once(again, 'exit');
    assert.equal(again.exitCode, 2);
    assert.match(cluster.output('m2'), /has already been bootstrapped, and its data is not in/);
    const known = cluster.names.map((name) => `${name}=${cluster.place(name).peerUrl}`).join(',');
    cluster.spawn('m2', known);
    const warned = /has run before has this address/;
    while (!warned.test(cluster.output('m2'))) await delay(20);
    const client = new EtcdClient({ endpoints: cluster.endpoints.slice(0, 2) });
    await client.put(PREFIX, Buffer.from('taken by the two'));
    client.close();
  });
});

describe('a member that was away for long', () => {
  it('is brought up to date by a snapshot, and its watchers with it', async () => {
    await using cluster = await ProcessCluster.start(3, { flags: ['--snapshot-count', '50'] });
    const client = new EtcdClient({ endpoints: cluster.endpoints.slice(0, 2) });
    await client.put(PREFIX, Buffer.from('before'));
    await cluster.kill('m2');
    for (let i = 0; i < 600; i++)
      await client.put(Buffer.from(`/t/${i % 70}`), Buffer.from(`${i}`));
    // The log is cut once the state is on disk; only then a snapshot is what is left to send.
    const { revision } = await client.get(PREFIX);
    await delay(1_500);
    cluster.spawn('m2');
    await cluster.healthy('m2');
    assert.equal((await hashes(cluster)).size, 1);
    assert.match(cluster.output('m2'), /snapshot/);
    const behind = new EtcdClient({ endpoints: cluster.endpoints.slice(2) });
    const first = await new Promise<bigint | undefined>((resolve, reject) => {
      behind.watch(
        { key: PREFIX, rangeEnd: prefixEnd(PREFIX), startRevision: revision },
        {
          onEvents: (events) => resolve(events[0]?.kv.modRevision),
          onCompacted: reject,
          onError: reject,
        },
      );
    });
    assert.equal(first, revision);
    behind.close();
    client.close();
    // And once more with what it was given on disk.
    await cluster.kill('m2');
    cluster.spawn('m2');
    await cluster.healthy('m2');
    assert.equal((await hashes(cluster)).size, 1);
  });
});

describe('one member', () => {
  it('drains on SIGTERM with exit code 0 and comes back with everything', async () => {
    await using cluster = await ProcessCluster.start(1);
    const client = cluster.client();
    const lease = await client.leaseGrant(60);
    await client.put(Buffer.from('/t/leased'), Buffer.from('1'), { lease: lease.id });
    await client.put(Buffer.from('/t/plain'), Buffer.from('1'));
    await client.delete(Buffer.from('/t/plain'));
    await client.compact(3n);
    const before = await hashes(cluster);
    client.close();
    assert.equal(await cluster.stop('m0'), 0);
    cluster.spawn('m0');
    await cluster.healthy('m0');
    assert.deepEqual(await hashes(cluster), before);
    const again = cluster.client();
    await again.leaseRevoke(lease.id);
    assert.equal((await again.get(Buffer.from('/t/leased'))).kv, undefined, 'the key was attached');
    again.close();
  });

  it('refuses a data directory in use, in one line', async () => {
    await using cluster = await ProcessCluster.start(1);
    const before = cluster.output('m0').length;
    const second = cluster.spawnBeside('m0');
    await once(second, 'exit');
    assert.equal(second.exitCode, 1);
    const said = cluster.output('m0').slice(before).trim();
    assert.match(said, /in use by another process; stop that one, or choose another --data-dir$/);
    assert.equal(said.split('\n').length, 1);
  });
});
