/** Whatever bytes arrive: no crash, no endless memory, never an answer made up from damage. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ManualClock, silentLogger } from '@kubets/platform';
import fc from 'fast-check';
import { EtcdClient } from '../client/index.ts';
import { CodecError, type MethodPlan, serviceMethods } from '../codec/index.ts';
import { EtcdError } from '../errors.ts';
import { CorruptLogError } from '../host/errors.ts';
import type { Entry } from '../raft/types.ts';
import { FrameReader } from '../server/frames.ts';
import { type Etcd, startEtcd } from '../server/solo.ts';
import { decodeMessages, encodeMessages, MalformedMessageError } from '../transport/codec.ts';
import { assemble, readSegment } from '../wal/recover.ts';
import { Wal } from '../wal/wal.ts';
import { memoryDisk } from './memory-disk.ts';

const SERVICES = ['KV', 'Watch', 'Lease', 'Cluster', 'Maintenance'];
const METHODS: readonly MethodPlan[] = SERVICES.flatMap((name) =>
  Object.values(serviceMethods(`etcdserverpb.${name}`)),
);

const someBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

/** A change to a byte of something: where (as a share of it) and what it becomes. */
const damage = fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), to: fc.nat(255) });
type Damage = { readonly at: number; readonly to: number };

function damaged(bytes: Buffer, changes: readonly Damage[]): Buffer {
  const out = Buffer.from(bytes);
  for (const { at, to } of changes) out[Math.floor(at * out.length)] = to;
  return out;
}

/** Runs it; errors of these classes are as good as an answer. */
function tolerates<T>(run: () => T, ...expected: (new (...args: never[]) => Error)[]) {
  try {
    return run();
  } catch (err) {
    assert.ok(
      expected.some((kind) => err instanceof kind),
      `unexpected ${err instanceof Error ? err.stack : String(err)}`,
    );
    return undefined;
  }
}

describe('bytes that are not messages', () => {
  it('are refused by the codec of every request', () => {
    for (const { request } of METHODS) {
      fc.assert(
        fc.property(someBytes, (bytes) => void tolerates(() => request.decode(bytes), CodecError)),
        { numRuns: 40 },
      );
    }
  });

  it('are refused as frames, and no length makes room for itself', () => {
    fc.assert(
      fc.property(fc.array(someBytes, { maxLength: 8 }), (chunks) => {
        const reader = new FrameReader(1_000);
        for (const chunk of chunks) {
          if (tolerates(() => reader.push(chunk), EtcdError) === undefined) return;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are refused from peers, damaged messages too', () => {
    const entries: Entry[] = [{ index: 8, term: 3, kind: 'normal', data: Buffer.alloc(40, 1) }];
    const append = encodeMessages([
      {
        ...{ type: 'append', from: 1n, to: 2n, term: 3, commit: 7, entries },
        prev: { index: 7, term: 3 },
      },
      { type: 'forward', from: 1n, to: 2n, term: 3, requestId: 9, kind: 'conf', data: append0() },
    ]);
    const check = (bytes: Buffer): void => {
      tolerates(() => decodeMessages(bytes), MalformedMessageError);
    };
    fc.assert(fc.property(someBytes, check), { numRuns: 500 });
    const changes = fc.array(damage, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(changes, (list) => check(damaged(append, list))),
      { numRuns: 1_000 },
    );
    fc.assert(fc.property(fc.nat(append.length), (end) => check(append.subarray(0, end))));
  });
});

function append0(): Buffer {
  return Buffer.from('{}');
}

describe('a damaged log', () => {
  const all: Entry[] = [];
  let file: Buffer = Buffer.alloc(0);

  before(async () => {
    const { disk, controls } = memoryDisk();
    const limits = { segmentBytes: 1 << 20, allocateBytes: 512 };
    const options = { disk, dir: 'w', log: silentLogger, clock: new ManualClock(), limits };
    const wal = await Wal.create(options, { clusterId: 1n, memberId: 2n }, {});
    for (let index = 1; index <= 30; index += 1) {
      const entry: Entry = { index, term: 1, kind: 'normal', data: Buffer.alloc(index * 3, index) };
      all.push(entry);
      await wal.append({ entries: [entry], hardState: { term: 1, vote: 2n, commit: index - 1 } });
    }
    await wal.close();
    file = controls.content(controls.paths().find((path) => path.endsWith('.wal')) ?? '');
  });

  it('gives what was written up to some point, or is refused: never anything else', () => {
    const changes = fc.array(damage, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(changes, fc.boolean(), (list, isLast) => {
        const content = tolerates(
          () => readSegment('f', damaged(file, list), isLast),
          CorruptLogError,
        );
        if (content === undefined) return;
        const found = tolerates(() => assemble([{ file: 'f', content }]), CorruptLogError);
        if (found === undefined) return;
        assert.deepEqual(found.entries, all.slice(0, found.entries.length));
      }),
      { numRuns: 1_500 },
    );
  });

  it('may be any bytes at all', () => {
    fc.assert(
      fc.property(
        someBytes,
        (bytes) => void tolerates(() => readSegment('f', bytes, true), CorruptLogError),
      ),
      { numRuns: 500 },
    );
  });
});

describe('the client port', () => {
  let etcd: Etcd;
  before(async () => {
    etcd = await startEtcd({ memory: true });
  });
  after(() => etcd.stop());

  async function stillServes(): Promise<void> {
    const client = new EtcdClient({ endpoints: [etcd.endpoint] });
    await client.put(Buffer.from('alive'), Buffer.from('yes'));
    client.close();
  }

  it('survives connections that do not speak HTTP', async () => {
    for (const bytes of fc.sample(someBytes, 60)) {
      const socket = connect(etcd.clientPort, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.end(Buffer.concat([fc.sample(fc.boolean(), 1)[0] ? PREFACE : NOTHING, bytes]));
      socket.resume();
      await once(socket, 'close');
    }
    await stillServes();
  });

  it('answers any frames on any method, and keeps nothing of them', async () => {
    const session = connectHttp2(etcd.endpoint);
    session.on('error', () => undefined);
    const beforeBytes = process.memoryUsage().rss;
    const bodies = fc.sample(fc.tuple(fc.nat(METHODS.length - 1), frames), 400);
    for (let at = 0; at < bodies.length; at += 50) {
      const calls = bodies.slice(at, at + 50);
      await Promise.all(calls.map(([n, body]) => call(session, METHODS[n]?.path ?? '/', body)));
    }
    session.close();
    await stillServes();
    const grownMib = (process.memoryUsage().rss - beforeBytes) / 2 ** 20;
    assert.ok(grownMib < 200, `${grownMib} MiB`);
  });
});

const NOTHING = Buffer.alloc(0);
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Frames with a head that is right, or of any bytes. */
const frames = fc.oneof(
  someBytes,
  someBytes.map((body) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length, 1);
    return Buffer.concat([head, body]);
  }),
  fc.nat(0xffffffff).map((length) => {
    const head = Buffer.alloc(9);
    head.writeUInt32BE(length, 1);
    return head;
  }),
);

const HEALTHY = { path: '/etcdserverpb.Lease/LeaseLeases', body: Buffer.alloc(5) };

/**
 * Sends a body and waits until the call is over, however it ends. A watch goes on without an end, and without an answer when
 * it asks for nothing: it is given up once the member has answered something that was sent after it.
 */
async function call(session: ClientHttp2Session, path: string, body: Buffer): Promise<void> {
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc' };
  const stream = session.request(headers);
  const closed = once(stream, 'close');
  stream.on('error', () => undefined);
  stream.resume();
  stream.end(body);
  if (path.includes('Watch')) {
    await call(session, HEALTHY.path, HEALTHY.body);
    stream.close();
  }
  await closed;
}
