/** The services over real connections: what clients of every kind see. */

import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import {
  AmbiguousError,
  compare,
  EtcdClient,
  isEtcdError,
  op,
  prefixEnd,
} from '../client/index.ts';
import { type SnapshotResponse, serviceMethods } from '../codec/index.ts';
import { type Etcd, startEtcd } from './solo.ts';

const b = (text: string): Buffer => Buffer.from(text);
let etcd: Etcd;
let client: EtcdClient;
before(async () => {
  etcd = await startEtcd({ memory: true, limits: { quotaBytes: 3_000_000 } });
  client = new EtcdClient({ endpoints: [etcd.endpoint] });
});
after(async () => {
  client.close();
  await etcd.stop();
});

describe('keys', () => {
  it('are written, read, listed page by page, and deleted', async () => {
    for (let i = 0; i < 25; i++) await client.put(b(`/page/${i}`), b(`${i}`));
    const end = prefixEnd(b('/page/'));
    const seen: string[] = [];
    let from = b('/page/');
    for (;;) {
      const page = await client.range(from, end, { limit: 10 });
      seen.push(...page.kvs.map((kv) => kv.key.toString()));
      if (!page.more) break;
      from = Buffer.concat([page.kvs.at(-1)?.key ?? b(''), Buffer.of(0)]);
    }
    assert.equal(seen.length, 25);
    assert.equal((await client.range(b('/page/'), end, { countOnly: true })).count, 25n);
    const deleted = await client.delete(b('/page/'), { rangeEnd: end, prevKv: true });
    assert.equal(deleted.deleted, 25n);
    assert.equal(deleted.prevKvs.length, 25);
  });

  it('can be read as they were', async () => {
    const { revision } = await client.put(b('/past'), b('1'));
    await client.put(b('/past'), b('2'));
    assert.equal((await client.get(b('/past'), { revision })).kv?.value.toString(), '1');
    await assert.rejects(client.get(b('/past'), { revision: revision + 99n }), (e) =>
      isEtcdError(e, 'futureRevision'),
    );
  });

  it('are changed on condition of their revision', async () => {
    const { revision } = await client.put(b('/cas'), b('1'));
    const swap = (to: string) =>
      client.txn({
        compare: [compare.modRevision(b('/cas'), '=', revision)],
        success: [op.put(b('/cas'), b(to))],
        failure: [op.get(b('/cas'))],
      });
    assert.equal((await swap('2')).succeeded, true);
    const lost = await swap('3');
    assert.equal(lost.succeeded, false);
    const [step] = lost.responses;
    assert.ok(step?.type === 'range');
    assert.equal(step.kvs[0]?.value.toString(), '2');
  });

  it('hundreds at once, each with a revision of its own', async () => {
    const writes = Array.from({ length: 300 }, (_, i) => client.put(b(`/many/${i}`), b('x')));
    const revisions = (await Promise.all(writes)).map((w) => w.revision);
    assert.equal(new Set(revisions).size, 300);
  });

  it('that are too large are refused', async () => {
    await assert.rejects(client.put(b('/large'), Buffer.alloc(1_600_000)), (e) =>
      isEtcdError(e, 'requestTooLarge'),
    );
  });
});

describe('watches', () => {
  it('deliver what was missed and what comes', async () => {
    const first = await client.put(b('/w/a'), b('1'));
    const seen: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const watch = client.watch(
        {
          key: b('/w/'),
          rangeEnd: prefixEnd(b('/w/')),
          startRevision: first.revision,
          prevKv: true,
        },
        {
          onEvents(events) {
            for (const { type, kv, prevKv } of events) {
              seen.push(`${type} ${kv.key}=${kv.value} was ${prevKv?.value ?? 'nothing'}`);
            }
            if (seen.length < 3) return;
            watch.cancel();
            resolve();
          },
          onCompacted: reject,
          onError: reject,
          onCreated: () => {
            client
              .put(b('/w/a'), b('2'))
              .then(() => client.delete(b('/w/a')))
              .catch(reject);
          },
        },
      );
    });
    assert.deepEqual(seen, ['put /w/a=1 was nothing', 'put /w/a=2 was 1', 'delete /w/a= was 2']);
  });

  it('tell their progress when asked, and of compaction', async () => {
    await client.put(b('/p'), b('1'));
    const { revision } = await client.put(b('/p'), b('2'));
    const progress = await new Promise<bigint>((resolve, reject) => {
      const watch = client.watch(
        { key: b('/p') },
        {
          onEvents: () => undefined,
          onCreated: () => watch.requestProgress(),
          onProgress: resolve,
          onCompacted: reject,
          onError: reject,
        },
      );
    });
    assert.equal(progress, revision);
    await client.compact(revision);
    const compacted = await new Promise<bigint>((resolve, reject) => {
      const handlers = { onEvents: reject, onCompacted: resolve, onError: reject };
      client.watch({ key: b('/p'), startRevision: 2n }, handlers);
    });
    assert.equal(compacted, revision);
  });
});

describe('leases', () => {
  it('take their keys with them when revoked', async () => {
    const { id, ttlSeconds } = await client.leaseGrant(60);
    assert.equal(ttlSeconds, 60);
    await client.put(b('/leased'), b('1'), { lease: id });
    assert.ok(((await client.leaseTimeToLive(id)) ?? 0) > 55);
    await client.leaseRevoke(id);
    assert.equal((await client.get(b('/leased'))).kv, undefined);
    assert.equal(await client.leaseTimeToLive(id), undefined);
    await assert.rejects(client.put(b('/leased'), b('1'), { lease: id }), (e) =>
      isEtcdError(e, 'leaseNotFound'),
    );
  });
});

describe('space', () => {
  it('that is used up stops writes, until compaction gives it back', async () => {
    const fill = async () => {
      for (let i = 0; i < 10; i++) await client.put(b('/full'), Buffer.alloc(1_000_000));
    };
    await assert.rejects(fill(), (e) => isEtcdError(e, 'noSpace'));
    const status = await client.status(etcd.endpoint);
    assert.match(status.errors.join(), /NOSPACE/);
    const { revision } = await client.delete(b('/full'));
    await client.compact(revision);
    // The alarm clears itself: wait for it by trying.
    const tryUntil = performance.now() + 10_000;
    for (;;) {
      try {
        await client.put(b('/full'), b('small'));
        break;
      } catch (error) {
        assert.ok(isEtcdError(error, 'noSpace') && performance.now() < tryUntil, String(error));
      }
    }
  });
});

/** One HTTP/1 request to the client port. */
function get(path: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${etcd.endpoint}${path}`, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('error', reject);
    request.end();
  });
}

describe('the client port', () => {
  it('answers plain HTTP beside gRPC', async () => {
    assert.deepEqual(JSON.parse((await get('/health')).text), { health: 'true', reason: '' });
    assert.match(JSON.parse((await get('/version')).text).etcdserver, /^3\./);
    assert.equal((await get('/readyz')).status, 200);
    assert.equal((await get('/nothing')).status, 404);
  });

  /** A raw call; resolves with its headers, which carry the status when there is nothing else. */
  function raw(
    path: string,
    body: Buffer,
    type = 'application/grpc',
  ): Promise<IncomingHttpHeaders> {
    const session = connect(etcd.endpoint);
    return new Promise<IncomingHttpHeaders>((resolve, reject) => {
      const headers = { ':method': 'POST', ':path': path, 'content-type': type, te: 'trailers' };
      const stream = session.request(headers);
      stream.on('response', resolve);
      stream.on('error', reject);
      stream.end(body);
    }).finally(() => session.close());
  }

  it('tells unknown services from unknown methods', async () => {
    const service = await raw('/nothing.At.All/Method', Buffer.alloc(5));
    assert.equal(service['grpc-status'], '12');
    assert.equal(service['grpc-message'], 'unknown service nothing.At.All');
    const method = await raw('/etcdserverpb.KV/Nothing', Buffer.alloc(5));
    assert.equal(method['grpc-message'], 'unknown method Nothing for service etcdserverpb.KV');
  });

  it('refuses what is not gRPC, not a message, or too long', async () => {
    assert.equal(
      (await raw('/etcdserverpb.KV/Put', Buffer.alloc(5), 'text/plain'))[':status'],
      415,
    );
    const junk = Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]);
    assert.equal((await raw('/etcdserverpb.KV/Put', junk))['grpc-status'], '13');
    assert.equal((await raw('/etcdserverpb.KV/Put', Buffer.alloc(0)))['grpc-status'], '13');
    const long = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
    assert.equal((await raw('/etcdserverpb.KV/Put', long))['grpc-status'], '8');
  });

  it('says of services it does not have that they are not there', async () => {
    for (const path of ['/etcdserverpb.Auth/Nothing', '/etcdserverpb.Nothing/UserAdd']) {
      const refused = await raw(path, Buffer.alloc(5));
      assert.equal(refused['grpc-status'], '12');
      assert.match(String(refused['grpc-message']), /^unknown (method|service)/);
    }
  });
});

describe('a snapshot', () => {
  it('streams to its end and closes with its hash', async () => {
    const { Snapshot } = serviceMethods('etcdserverpb.Maintenance');
    assert.ok(Snapshot);
    const grpc = new Client(etcd.endpoint.replace('http://', ''), credentials.createInsecure());
    const call = grpc.makeServerStreamRequest(
      Snapshot.path,
      () => Buffer.alloc(0),
      (bytes: Buffer) => Snapshot.response.decode(bytes) as SnapshotResponse,
      {},
      new Metadata(),
    );
    const parts: SnapshotResponse[] = [];
    for await (const part of call) parts.push(part as SnapshotResponse);
    grpc.close();
    assert.ok(parts.length >= 2);
    assert.equal(parts.at(-1)?.blob.length, 32);
    assert.equal(parts.at(-1)?.remainingBytes, 0n);
  });
});

describe('a store that stops', () => {
  it('fails what is under way as ambiguous or refused, never silently', async () => {
    const other = await startEtcd({ memory: true });
    const own = new EtcdClient({ endpoints: [other.endpoint], requestTimeoutMs: 500 });
    await own.put(b('a'), b('1'));
    const writes = Array.from({ length: 50 }, () =>
      own.put(b('a'), b('2')).then(
        () => 'done',
        (e: unknown) =>
          e instanceof AmbiguousError ? 'ambiguous' : isEtcdError(e, 'stopped') || 'refused',
      ),
    );
    await other.stop();
    for (const result of await Promise.all(writes)) assert.ok(result);
    await assert.rejects(own.get(b('a')), /no connection/);
    own.close();
  });
});
