/** The client against members that come and go, refuse, hang, or break off. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { ConfigError, delay } from '@kubets/platform';
import { serviceMethods } from '../codec/index.ts';
import { EtcdError, etcdError } from '../errors.ts';
import { FRAME_HEAD_BYTES, sealFrame } from '../server/frames.ts';
import { type Etcd, startEtcd } from '../server/solo.ts';
import {
  AmbiguousError,
  compare,
  EtcdClient,
  isEtcdError,
  keyAfter,
  NotTakenError,
  op,
  prefixEnd,
} from './index.ts';

const b = (text: string): Buffer => Buffer.from(text);
const KEY = b('/k');

/** Closed in reverse order after each test. */
const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function store(): Promise<Etcd> {
  const etcd = await startEtcd({ memory: true });
  open.push(() => etcd.stop());
  return etcd;
}

function clientOf(...endpoints: string[]): EtcdClient {
  const client = new EtcdClient({ endpoints, requestTimeoutMs: 5_000 });
  open.push(() => client.close());
  return client;
}

async function portOf(server: Server | Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A member that answers every call its own way. */
async function fakeMember(
  answer: (stream: ServerHttp2Stream, path: string) => void,
): Promise<string> {
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    answer(stream, String(headers[':path']));
  });
  const port = await portOf(server);
  open.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return `http://127.0.0.1:${port}`;
}

/** A member that refuses every call with an error. */
function refusing(error: EtcdError): Promise<string> {
  return fakeMember((stream) => {
    const status = { 'grpc-status': String(error.code), 'grpc-message': error.message };
    const headers = { ':status': 200, 'content-type': 'application/grpc', ...status };
    stream.respond(headers, { endStream: true });
  });
}

/** A member that says who leads, and tells of watches. */
function memberOf(id: bigint, leader: bigint, onWatch: (id: bigint) => void): Promise<string> {
  return fakeMember((stream, path) => {
    const [service = '', method = ''] = path.slice(1).split('/');
    if (method === 'Watch') return onWatch(id);
    const plan = serviceMethods(service)[method] ?? assert.fail(`asked for ${path}`);
    const header = { clusterId: 1n, memberId: id, revision: 1n, raftTerm: 2n };
    const message = plan.response.encode({ header, leader, raftTerm: 2n }, FRAME_HEAD_BYTES);
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(sealFrame(message));
  });
}

/** A way to a store that can be cut, refused and opened again. */
class Tunnel {
  readonly server: Server;
  readonly target: number;
  endpoint = '';
  accepting = true;
  connections = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(target: number) {
    this.target = target;
    this.server = createTcpServer((socket) => this.accept(socket));
  }

  static async to(etcd: Etcd): Promise<Tunnel> {
    const tunnel = new Tunnel(etcd.clientPort);
    tunnel.endpoint = `http://127.0.0.1:${await portOf(tunnel.server)}`;
    open.push(() => {
      tunnel.cut();
      tunnel.server.close();
    });
    return tunnel;
  }

  private accept(socket: Socket): void {
    if (!this.accepting) {
      socket.destroy();
      return;
    }
    this.connections++;
    const onward = connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      this.sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

/** Port 1 on loopback: nobody listens there. */
const NOBODY = 'http://127.0.0.1:1';

describe('a call', () => {
  it('goes to the next endpoint when nobody listens at one', async () => {
    const etcd = await store();
    const client = clientOf(NOBODY, etcd.endpoint);
    await client.put(KEY, b('1'));
    assert.equal((await client.get(KEY)).kv?.value.toString(), '1');
  });

  it('goes to the next endpoint when a member has no leader', async () => {
    const etcd = await store();
    const client = clientOf(await refusing(etcdError('noLeader')), etcd.endpoint);
    await client.put(KEY, b('1'));
  });

  it('fails with the store’s own error when it is refused for good', async () => {
    const etcd = await store();
    const client = clientOf(etcd.endpoint);
    await assert.rejects(client.put(b(''), b('1')), (e) => isEtcdError(e, 'emptyKey'));
    await assert.rejects(client.leaseRevoke(99n), (e) => isEtcdError(e, 'leaseNotFound'));
  });

  it('that writes is ambiguous when the connection breaks after it was sent', async () => {
    const breaking = await fakeMember((stream) => stream.session?.destroy());
    const etcd = await store();
    const client = clientOf(breaking, etcd.endpoint);
    await assert.rejects(client.put(KEY, b('1')), AmbiguousError);
    assert.equal((await client.get(KEY)).kv, undefined, 'it was not silently sent twice');
  });

  it('that reads is just tried elsewhere', async () => {
    const breaking = await fakeMember((stream) => stream.session?.destroy());
    const etcd = await store();
    const client = clientOf(breaking, etcd.endpoint);
    assert.equal((await client.get(KEY)).count, 0n);
  });

  it('that writes is ambiguous when the member timed out', async () => {
    const etcd = await store();
    const client = clientOf(await refusing(etcdError('timeout')), etcd.endpoint);
    await assert.rejects(client.put(KEY, b('1')), (e) => {
      return e instanceof AmbiguousError && isEtcdError(e, 'timeout');
    });
  });

  it('ends when its time is over, also when a member hangs', async () => {
    const hanging = await fakeMember(() => undefined);
    const client = clientOf(hanging);
    const started = performance.now();
    await assert.rejects(client.put(KEY, b('1'), { timeoutMs: 150 }), AmbiguousError);
    await assert.rejects(client.get(KEY, { timeoutMs: 150 }), EtcdError);
    assert.ok(performance.now() - started < 4_000);
  });

  it('ends when its caller gives it up', async () => {
    const hanging = await fakeMember(() => undefined);
    const client = clientOf(hanging);
    const gaveUp = new AbortController();
    const read = client.get(KEY, { signal: gaveUp.signal });
    gaveUp.abort();
    await assert.rejects(read, EtcdError);
  });

  it('is surely not done when nobody leads, and the error names every member', async () => {
    let asked = 0;
    const waiting = await fakeMember((stream) => {
      asked += 1;
      // As a member that waits a while for a leader.
      const { code, message } = etcdError('noLeader');
      const status = { 'grpc-status': String(code), 'grpc-message': message };
      const headers = { ':status': 200, 'content-type': 'application/grpc', ...status };
      void delay(80).then(() => stream.respond(headers, { endStream: true }));
    });
    const client = clientOf(waiting, NOBODY);
    const options = { timeoutMs: 1_000 };
    const calls = [() => client.put(KEY, b('1'), options), () => client.get(KEY, options)];
    for (const call of calls) {
      await assert.rejects(call, (e) => {
        assert.ok(e instanceof NotTakenError && isEtcdError(e, 'noLeader'), String(e));
        assert.match(e.message, /127\.0\.0\.1:\d+: etcdserver: no leader/);
        assert.match(e.message, /no connection to etcd at 127\.0\.0\.1:1:/);
        return true;
      });
    }
    assert.ok(asked > 2);
  });

  it('waits for a store that comes back within its time', async () => {
    const etcd = await store();
    const tunnel = await Tunnel.to(etcd);
    tunnel.accepting = false;
    const client = clientOf(tunnel.endpoint);
    const write = client.put(KEY, b('1'));
    await delay(100);
    tunnel.accepting = true;
    await write;
  });
});

describe('a watch', () => {
  it('goes on after its connection breaks, without losing or repeating anything', async () => {
    const etcd = await store();
    const tunnel = await Tunnel.to(etcd);
    const other = await Tunnel.to(etcd);
    const watching = clientOf(tunnel.endpoint, other.endpoint);
    const writing = clientOf(etcd.endpoint);
    const seen: string[] = [];
    const total = 400;
    const finished = new Promise<void>((resolve, reject) => {
      watching.watch(
        { key: KEY, startRevision: 2n },
        {
          onEvents(events) {
            seen.push(...events.map((e) => e.kv.value.toString()));
            if (seen.length >= total) resolve();
          },
          onCompacted: reject,
          onError: reject,
        },
      );
    });
    for (let i = 0; i < total; i++) {
      await writing.put(KEY, b(`${i}`));
      if (i % 80 === 40) {
        tunnel.cut();
        other.cut();
      }
    }
    await finished;
    assert.deepEqual(
      seen,
      Array.from({ length: total }, (_, i) => `${i}`),
    );
    assert.ok(tunnel.connections + other.connections > 2);
  });

  it('from now on does not miss what happened while it was cut off', async () => {
    const etcd = await store();
    const tunnel = await Tunnel.to(etcd);
    const watching = clientOf(tunnel.endpoint);
    const writing = clientOf(etcd.endpoint);
    const seen: string[] = [];
    const finished = new Promise<void>((resolve, reject) => {
      watching.watch(
        { key: KEY },
        {
          onCreated() {
            if (tunnel.connections > 1) return;
            tunnel.accepting = false;
            tunnel.cut();
            writing
              .put(KEY, b('while away'))
              .then(() => {
                tunnel.accepting = true;
              })
              .catch(reject);
          },
          onEvents(events) {
            seen.push(...events.map((e) => e.kv.value.toString()));
            resolve();
          },
          onCompacted: reject,
          onError: reject,
        },
      );
    });
    await finished;
    assert.deepEqual(seen, ['while away']);
  });

  it('is told when what it missed was compacted while it was cut off', async () => {
    const etcd = await store();
    const tunnel = await Tunnel.to(etcd);
    const watching = clientOf(tunnel.endpoint);
    const writing = clientOf(etcd.endpoint);
    const compacted = new Promise<bigint>((resolve, reject) => {
      watching.watch(
        { key: KEY },
        {
          onCreated() {
            if (tunnel.connections > 1) return;
            tunnel.accepting = false;
            tunnel.cut();
            const meanwhile = async () => {
              await writing.put(KEY, b('1'));
              await writing.put(KEY, b('2'));
              await writing.compact(3n);
              tunnel.accepting = true;
            };
            meanwhile().catch(reject);
          },
          onEvents: reject,
          onCompacted: resolve,
          onError: reject,
        },
      );
    });
    assert.equal(await compacted, 3n);
  });

  it('opens at the leader, which hears of what is written first', async () => {
    const asked = Promise.withResolvers<bigint>();
    const [follower, leader] = [
      await memberOf(1n, 2n, asked.resolve),
      await memberOf(2n, 2n, asked.resolve),
    ];
    const client = clientOf(follower, leader);
    await client.get(KEY);
    const { reject } = asked;
    const handlers = { onEvents: reject, onCompacted: reject, onError: reject };
    const watch = client.watch({ key: KEY }, handlers);
    open.push(() => watch.cancel());
    assert.equal(await asked.promise, 2n);
  });

  it('leaves a member that has lost its leader', async () => {
    const etcd = await store();
    const client = clientOf(await refusing(etcdError('noLeader')), etcd.endpoint);
    await new Promise<bigint>((resolve, reject) => {
      const handlers = { onEvents: reject, onCompacted: reject, onError: reject };
      client.watch({ key: KEY }, { ...handlers, onCreated: resolve });
    });
  });

  it('ends for good when it is not allowed', async () => {
    const client = clientOf(await refusing(etcdError('permissionDenied')));
    const error = await new Promise<EtcdError>((resolve, reject) => {
      client.watch({ key: KEY }, { onEvents: reject, onCompacted: reject, onError: resolve });
    });
    assert.ok(isEtcdError(error, 'permissionDenied'));
  });
});

describe('a lease that is kept alive', () => {
  it('outlives its TTL, and ends when nobody keeps it', async () => {
    const etcd = await store();
    const client = clientOf(etcd.endpoint);
    const { id, ttlSeconds } = await client.leaseGrant(2);
    const keeper = client.leaseKeepAlive(id, ttlSeconds, { onLost: () => assert.fail('lost') });
    await delay(2_600);
    assert.notEqual(await client.leaseTimeToLive(id), undefined);
    keeper.cancel();
    while ((await client.leaseTimeToLive(id)) !== undefined) await delay(50);
  });

  it('is reported lost when it was revoked', async () => {
    const etcd = await store();
    const client = clientOf(etcd.endpoint);
    const { id } = await client.leaseGrant(2);
    await client.leaseRevoke(id);
    await new Promise<void>((onLost) => {
      client.leaseKeepAlive(id, 0.2, { onLost });
    });
  });
});

describe('options', () => {
  it('that cannot work are refused at once', () => {
    for (const endpoints of [[], ['nonsense'], ['https://127.0.0.1:2379']]) {
      assert.throws(() => new EtcdClient({ endpoints }), ConfigError);
    }
  });
});

describe('key helpers', () => {
  it('know the end of a prefix', () => {
    assert.deepEqual(prefixEnd(b('/a/')), b('/a0'));
    assert.deepEqual(prefixEnd(Buffer.of(1, 0xff, 0xff)), Buffer.of(2));
    assert.deepEqual(prefixEnd(Buffer.of(0xff)), Buffer.of(0));
    assert.deepEqual(prefixEnd(b('')), Buffer.of(0));
    assert.deepEqual(keyAfter(b('a')), b('a\0'));
  });

  it('make every kind of condition and step', async () => {
    const etcd = await store();
    const client = clientOf(etcd.endpoint);
    const { revision } = await client.put(KEY, b('1'));
    const result = await client.txn({
      compare: [
        compare.createRevision(KEY, '=', revision),
        compare.version(KEY, '<', 2n),
        compare.value(KEY, '!=', b('2')),
        compare.modRevision(KEY, '>', 0n),
      ],
      success: [op.range(b('/'), b('0'), { limit: 1 }), op.delete(KEY, { prevKv: true })],
    });
    assert.ok(result.succeeded);
    assert.deepEqual(
      result.responses.map((r) => r.type),
      ['range', 'delete'],
    );
  });
});
