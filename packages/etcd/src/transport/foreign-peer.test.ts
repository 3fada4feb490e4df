/** Members that speak through a general gRPC library, as earlier releases did: a cluster is upgraded one by one. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { crc32 } from 'node:zlib';
import {
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServerReadableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import {
  GrpcHost,
  type Logger,
  loadProto,
  serviceOf,
  silentLogger,
  systemClock,
  systemRandom,
} from '@kubets/platform';
import { SnapshotStreamError } from '../host/errors.ts';
import type { PeerMessage, SnapshotHeader, TransportHandlers } from '../host/ports.ts';
import { decodeMessages, encodeMessages } from './codec.ts';
import { GrpcTransport } from './grpc-transport.ts';
import { fetchMembers } from './join.ts';

interface Batch {
  hello?: object | null;
  messages?: Buffer;
}

interface Part {
  part: string;
  header?: { index: string; index_term: string; membership: Buffer };
  chunk?: Buffer;
  end?: { total_bytes: string; crc32: number };
}

type Done = (err: ServiceError | null, reply?: Record<string, unknown>) => void;

interface ForeignClient {
  Stream(done: Done): ClientWritableStream<Batch>;
  Snapshot(done: Done): ClientWritableStream<object>;
  Members(request: object, done: Done): void;
  close(): void;
}

const Peers = serviceOf(loadProto('raft/raft.proto'), 'kubets.raft.v1.Peers');

const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
});

const message = (from: bigint, to: bigint, data = 'x'): PeerMessage => ({
  type: 'append',
  from,
  to,
  term: 3,
  prev: { index: 4, term: 2 },
  commit: 4,
  entries: [{ index: 5, term: 3, kind: 'normal', data: Buffer.from(data) }],
});

interface Seen {
  readonly messages: PeerMessage[];
  readonly handlers: TransportHandlers;
  /** Resolves with the next event of this name. */
  next(event: string): Promise<void>;
}

function recorder(onSnapshot: TransportHandlers['onSnapshot'] = async () => undefined): Seen {
  const messages: PeerMessage[] = [];
  const waiting = new Map<string, () => void>();
  const note = (event: string): void => waiting.get(event)?.();
  return {
    messages,
    next: (event) => new Promise((resolve) => waiting.set(event, resolve)),
    handlers: {
      onMessages: (batch) => {
        messages.push(...batch);
        note('messages');
      },
      onSnapshot,
      onPeerUp: () => note('up'),
      onPeerDown: () => note('down'),
      onUnreachable: () => note('unreachable'),
      members: () => [
        { id: 2n ** 63n, name: 'é', peerUrls: ['http://p'], clientUrls: [], isLearner: true },
      ],
    },
  };
}

async function ours(handlers: TransportHandlers, log: Logger = silentLogger) {
  const { transport, ports } = await GrpcTransport.listen({
    listenUrls: ['http://127.0.0.1:0'],
    clock: systemClock,
    random: systemRandom,
    log,
  });
  closers.push(() => transport.stop());
  transport.identify({ clusterId: 7n, memberId: 1n }, ['http://127.0.0.1:1']);
  await transport.start(handlers);
  return { transport, target: `127.0.0.1:${ports[0]}` };
}

function clientOf(target: string): ForeignClient {
  const made: unknown = new Peers(target, credentials.createInsecure());
  const client = made as ForeignClient;
  closers.push(() => client.close());
  return client;
}

const hello = (clusterId = '7') => ({
  version: 1,
  cluster_id: clusterId,
  from: '2',
  to: '1',
  peer_urls: ['http://127.0.0.1:1'],
});

test('its messages are taken, whatever their size, and its end is noticed', async () => {
  const seen = recorder();
  const { target } = await ours(seen.handlers);
  const client = clientOf(target);
  const call = client.Stream(() => undefined);
  call.on('error', () => undefined);
  const accepted = new Promise((resolve) => call.on('metadata', resolve));
  call.write({ hello: hello() });
  await accepted;
  for (const data of ['x', 'y'.repeat(300), 'z'.repeat(3_000_000)]) {
    const arrived = seen.next('messages');
    const sent = [message(2n, 1n, data), message(2n, 1n)];
    call.write({ messages: encodeMessages(sent) });
    await arrived;
    assert.deepEqual(seen.messages.splice(0), sent);
  }
  const down = seen.next('down');
  call.cancel();
  await down;
});

test('it is refused for the reasons it knows', async () => {
  const { target } = await ours(recorder().handlers);
  const client = clientOf(target);
  const refused = async (batches: readonly Batch[]): Promise<ServiceError> => {
    const over = Promise.withResolvers<ServiceError | null>();
    const call = client.Stream((err) => over.resolve(err));
    call.on('error', () => undefined);
    for (const batch of batches) call.write(batch);
    const err = await over.promise;
    assert.ok(err);
    return err;
  };
  const stranger = await refused([{ hello: hello('8') }]);
  assert.equal(stranger.code, status.FAILED_PRECONDITION);
  assert.match(stranger.details, /another cluster/);
  const babble = await refused([{ hello: hello() }, { messages: Buffer.from([255, 1]) }]);
  assert.equal(babble.code, status.FAILED_PRECONDITION);
  assert.match(babble.details, /unreadable/);
});

test('it learns the members, and its snapshot is taken or refused', async () => {
  let got = '';
  const seen = recorder(async (header, chunks) => {
    if (header.term === 9) throw new Error('not wanted, señor');
    for await (const chunk of chunks) got += Buffer.from(chunk).toString();
  });
  const { target } = await ours(seen.handlers);
  const client = clientOf(target);
  const reply = await new Promise<unknown>((resolve, reject) => {
    client.Members({}, (err, answer) => (err ? reject(err) : resolve(answer)));
  });
  const member = { id: '9223372036854775808', name: 'é', is_learner: true };
  const urls = { peer_urls: ['http://p'], client_urls: [] };
  assert.deepEqual(reply, { cluster_id: '7', members: [{ ...member, ...urls }] });
  const send = (term: number): Promise<ServiceError | null> =>
    new Promise((resolve) => {
      const call = client.Snapshot((err) => resolve(err));
      call.on('error', () => undefined);
      const position = { term, index: 12, index_term: 3, membership: Buffer.from('m') };
      call.write({ header: { hello: hello(), ...position } });
      call.write({ chunk: Buffer.from('abc') });
      call.write({ end: { total_bytes: 3, crc32: crc32('abc') } });
      call.end();
    });
  assert.equal(await send(3), null);
  assert.equal(got, 'abc');
  const err = await send(9);
  assert.equal(err?.code, status.ABORTED);
  assert.equal(err?.details, 'not wanted, señor');
});

test('a frame larger than any may be is not waited for', async () => {
  const seen = recorder();
  const { target } = await ours(seen.handlers);
  const over = Promise.withResolvers<ServiceError | null>();
  const call = clientOf(target).Stream((err) => over.resolve(err));
  call.on('error', () => undefined);
  call.write({ hello: hello() });
  call.write({ messages: Buffer.alloc(128 * 1024 * 1024) });
  assert.equal((await over.promise)?.code, status.FAILED_PRECONDITION);
  assert.deepEqual(seen.messages, []);
});

interface Foreign {
  readonly url: string;
  readonly batches: Batch[];
  readonly parts: Part[];
  arrived(): Promise<void>;
}

/** A peer whose server is the library's. It refuses snapshots without content, and everybody if told to. */
async function foreignServer(refusal?: string): Promise<Foreign> {
  const host = new GrpcHost({ log: silentLogger, maxMessageBytes: 128 * 1024 * 1024 });
  const batches: Batch[] = [];
  const parts: Part[] = [];
  let wake: () => void = () => undefined;
  host.addService(Peers.service, {
    Stream: (call: ServerReadableStream<Batch, object>, reply: sendUnaryData<object>) => {
      call.on('error', () => undefined);
      call.on('data', (batch: Batch) => {
        if (refusal !== undefined) {
          reply({ code: status.FAILED_PRECONDITION, details: refusal });
          return;
        }
        if (batches.length === 0) call.sendMetadata(new Metadata());
        batches.push(batch);
        wake();
      });
    },
    Snapshot: (call: ServerReadableStream<Part, object>, reply: sendUnaryData<object>) => {
      call.on('data', (part: Part) => parts.push(part));
      call.on('end', () => {
        if (parts.length > 2) reply(null, {});
        else reply({ code: status.ABORTED, details: 'zu wenig: ü' });
      });
    },
    Members: (_call: object, reply: sendUnaryData<object>) =>
      reply(null, { cluster_id: '7', members: [{ id: '3', name: 'n', peer_urls: ['a', 'b'] }] }),
  });
  const port = await host.listen('127.0.0.1:0');
  closers.push(() => host.drain(0));
  const arrived = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return { url: `http://127.0.0.1:${port}`, batches, parts, arrived };
}

async function* chunksOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

test('it takes our messages, our snapshots, and tells us who is there', async () => {
  const foreign = await foreignServer();
  const seen = recorder();
  const { transport } = await ours(seen.handlers);
  const up = seen.next('up');
  transport.setPeers([{ id: 2n, peerUrls: [foreign.url] }]);
  await up;
  assert.deepEqual(foreign.batches[0]?.hello, {
    ...hello(),
    from: '1',
    to: '2',
  });
  for (const data of ['x', 'y'.repeat(300), 'z'.repeat(3_000_000)]) {
    transport.send([message(1n, 2n, data), message(1n, 2n)]);
    for (let got: PeerMessage[] = []; got.length < 2; await foreign.arrived()) {
      got = foreign.batches.flatMap(({ messages }) => decodeMessages(messages ?? Buffer.of()));
      if (got.length < 2) continue;
      assert.deepEqual(got, [message(1n, 2n, data), message(1n, 2n)]);
      break;
    }
    foreign.batches.length = 0;
  }

  const header: SnapshotHeader = {
    from: 1n,
    to: 2n,
    term: 3,
    point: { index: 12, term: 2 },
    conf: Buffer.from('m'),
  };
  await assert.rejects(
    transport.sendSnapshot(header, chunksOf()),
    (err) => err instanceof SnapshotStreamError && err.message === 'zu wenig: ü',
  );
  foreign.parts.length = 0;
  await transport.sendSnapshot(header, chunksOf('abc', 'd'));
  assert.deepEqual(
    foreign.parts.map(({ part }) => part),
    ['header', 'chunk', 'chunk', 'end'],
  );
  assert.equal(foreign.parts[0]?.header?.index, '12');
  assert.equal(foreign.parts[3]?.end?.total_bytes, '4');

  const view = await fetchMembers(foreign.url, systemClock);
  assert.equal(view.clusterId, 7n);
  assert.deepEqual(view.members[0]?.peerUrls, ['a', 'b']);
});

test('its refusal is understood', async () => {
  const foreign = await foreignServer('another release, é');
  const told = Promise.withResolvers<object>();
  const log: Logger = { ...silentLogger, error: (fields: object) => told.resolve(fields) };
  const { transport } = await ours(recorder().handlers, log);
  transport.setPeers([{ id: 2n, peerUrls: [foreign.url] }]);
  assert.deepEqual(await told.promise, { to: '2', why: 'another release, é' });
  assert.deepEqual(transport.connected(), []);
});
