import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { type Clock, ConfigError, silentLogger, systemClock, systemRandom } from '@kubets/platform';
import type { PeerMessage, SnapshotHeader, TransportHandlers } from '../host/ports.ts';
import { GrpcTransport } from './grpc-transport.ts';
import { fetchMembers } from './join.ts';
import { targetOf } from './peer-url.ts';

interface Recorder extends TransportHandlers {
  readonly log: string[];
  readonly messages: PeerMessage[];
  /** Resolves when something in the log matches. */
  saw(what: string): Promise<void>;
}

function recorder(onSnapshot: TransportHandlers['onSnapshot'] = async () => undefined): Recorder {
  const log: string[] = [];
  const messages: PeerMessage[] = [];
  let wake: () => void = () => undefined;
  const note = (text: string): void => {
    log.push(text);
    wake();
  };
  return {
    log,
    messages,
    async saw(what) {
      while (!log.includes(what)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    onMessages: (batch) => {
      messages.push(...batch);
      for (const message of batch) note(message.type);
    },
    onSnapshot,
    onPeerUp: (id) => note(`up ${id}`),
    onPeerDown: (id) => note(`down ${id}`),
    onUnreachable: (id) => note(`unreachable ${id}`),
    members: () => [
      { id: 1n, name: 'one', peerUrls: ['http://p'], clientUrls: ['http://c'], isLearner: true },
    ],
  };
}

const opened: GrpcTransport[] = [];
after(() => Promise.all(opened.map((transport) => transport.stop())));

async function open(
  memberId: bigint,
  handlers: TransportHandlers,
  clusterId = 7n,
  clock: Clock = systemClock,
) {
  const { transport, ports } = await GrpcTransport.listen({
    listenUrls: ['http://127.0.0.1:0'],
    clock,
    random: systemRandom,
    log: silentLogger,
  });
  opened.push(transport);
  const url = `http://127.0.0.1:${ports[0]}`;
  transport.identify({ clusterId, memberId }, [url]);
  await transport.start(handlers);
  return { transport, url };
}

const heartbeat = (from: bigint, to: bigint, readSeq = 0): PeerMessage => ({
  type: 'heartbeat',
  from,
  to,
  term: 1,
  commit: 0,
  readSeq,
});

test('messages arrive in order, both ways, over one connection each', async () => {
  const [left, right] = [recorder(), recorder()];
  const a = await open(1n, left);
  const b = await open(2n, right);
  a.transport.setPeers([{ id: 2n, peerUrls: [b.url] }]);
  await left.saw('up 2');
  const sent = Array.from({ length: 500 }, (_, n) => heartbeat(1n, 2n, n));
  a.transport.send(sent.slice(0, 250));
  a.transport.send(sent.slice(250));
  a.transport.send([{ type: 'timeoutNow', from: 1n, to: 2n, term: 1 }]);
  await right.saw('timeoutNow');
  assert.deepEqual(right.messages.slice(0, 500), sent);
  // The receiver was told nothing of the sender, and can answer all the same.
  await right.saw('up 1');
  b.transport.send([heartbeat(2n, 1n)]);
  await left.saw('heartbeat');
});

test('a peer that dies is reported at once, and connected again when it is back', async () => {
  const handlers = recorder();
  const a = await open(1n, handlers);
  const b = await open(2n, recorder());
  a.transport.setPeers([{ id: 2n, peerUrls: [b.url] }]);
  await handlers.saw('up 2');
  await b.transport.stop();
  await handlers.saw('down 2');
  a.transport.send([heartbeat(1n, 2n)]);
  await handlers.saw('unreachable 2');
  const { transport } = await GrpcTransport.listen({
    listenUrls: [b.url],
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
  });
  opened.push(transport);
  transport.identify({ clusterId: 7n, memberId: 2n }, [b.url]);
  const back = recorder();
  handlers.log.length = 0;
  await transport.start(back);
  await handlers.saw('up 2');
  a.transport.send([heartbeat(1n, 2n)]);
  await back.saw('heartbeat');
});

/** A way to a member that the test can cut, or stop without a word. */
async function wireTo(url: string): Promise<{ url: string; cut(): void; freeze(): void }> {
  const sockets: Socket[] = [];
  const wire = createServer((near) => {
    const far = connect(Number(new URL(url).port), '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far).pipe(near);
    sockets.push(near, far);
  });
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  after(() => {
    cut();
    wire.close();
  });
  const address = wire.address();
  assert.ok(typeof address === 'object' && address !== null);
  const freeze = (): void => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  return { url: `http://127.0.0.1:${address.port}`, cut, freeze };
}

test('a cut connection is noticed at both ends, and made anew', async () => {
  const [left, right] = [recorder(), recorder()];
  const a = await open(1n, left);
  const b = await open(2n, right);
  const wire = await wireTo(b.url);
  a.transport.setPeers([{ id: 2n, peerUrls: [wire.url] }]);
  await left.saw('up 2');
  left.log.length = 0;
  wire.cut();
  await left.saw('down 2');
  await right.saw('down 1');
  await left.saw('up 2');
});

test('a connection that falls silent is given up, at both ends, in the middle of a write too', async () => {
  const quick: Clock = {
    ...systemClock,
    setInterval: (fn, ms) => systemClock.setInterval(fn, ms / 50),
    setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms / 50),
  };
  const [left, right] = [recorder(), recorder()];
  const a = await open(1n, left, 7n, quick);
  const b = await open(2n, right, 7n, quick);
  const wire = await wireTo(b.url);
  a.transport.setPeers([{ id: 2n, peerUrls: [wire.url] }]);
  await left.saw('up 2');
  left.log.length = 0;
  wire.freeze();
  const data = Buffer.alloc(1_000_000);
  const forward = { type: 'forward', from: 1n, to: 2n, term: 1, requestId: 1, data } as const;
  for (let n = 0; n < 30; n += 1) a.transport.send([{ ...forward, kind: 'normal' }]);
  await left.saw('down 2');
  await right.saw('down 1');
});

test('members of another cluster, and the wrong member, are refused', async () => {
  const handlers = recorder();
  const stranger = await open(1n, handlers, 8n);
  const b = await open(2n, recorder());
  stranger.transport.setPeers([
    { id: 2n, peerUrls: [b.url] },
    { id: 3n, peerUrls: [b.url] },
  ]);
  stranger.transport.send([heartbeat(1n, 2n), heartbeat(1n, 3n)]);
  await handlers.saw('unreachable 2');
  await handlers.saw('unreachable 3');
  assert.deepEqual(stranger.transport.connected(), []);
});

test('a member that was removed is still answered when it speaks', async () => {
  const [left, right] = [recorder(), recorder()];
  const a = await open(1n, left);
  const b = await open(2n, right);
  a.transport.setPeers([{ id: 2n, peerUrls: [b.url] }]);
  await left.saw('up 2');
  await right.saw('up 1');
  b.transport.setPeers([]);
  assert.deepEqual(b.transport.connected(), []);
  b.transport.send([heartbeat(2n, 1n)]);
  await left.saw('heartbeat');
});

test('messages to nobody are reported', async () => {
  const handlers = recorder();
  const { transport } = await open(1n, handlers);
  transport.send([heartbeat(1n, 9n)]);
  assert.deepEqual(handlers.log, ['unreachable 9']);
});

async function* chunksOf(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const [at, size] of sizes.entries()) yield Buffer.alloc(size, at + 1);
}

const HEADER: SnapshotHeader = {
  from: 1n,
  to: 2n,
  term: 3,
  point: { index: 12, term: 2 },
  conf: Buffer.from('{"members":[]}'),
};

test('a snapshot arrives whole, however it was cut', async () => {
  const sizes = [1, 0, 3_000_000, 17];
  let got = Buffer.alloc(0);
  let header: SnapshotHeader | undefined;
  const b = await open(
    2n,
    recorder(async (from, chunks) => {
      header = from;
      for await (const chunk of chunks) got = Buffer.concat([got, chunk]);
    }),
  );
  const handlers = recorder();
  const a = await open(1n, handlers);
  a.transport.setPeers([{ id: 2n, peerUrls: [b.url] }]);
  await a.transport.sendSnapshot(HEADER, chunksOf(sizes));
  assert.deepEqual(header, HEADER);
  const parts: Uint8Array[] = [];
  for await (const chunk of chunksOf(sizes)) parts.push(chunk);
  assert.ok(got.equals(Buffer.concat(parts)));
});

test('a sender that fails in the middle leaves the receiver with an error, not with half', async () => {
  let outcome = '';
  let told: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    told = resolve;
  });
  let begun: () => void = () => undefined;
  const underWay = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const b = await open(
    2n,
    recorder(async (_header, chunks) => {
      try {
        for await (const chunk of chunks) if (chunk.byteLength > 0) begun();
        outcome = 'complete';
      } catch {
        outcome = 'failed';
        throw new Error('incomplete');
      } finally {
        told();
      }
    }),
  );
  const a = await open(1n, recorder());
  a.transport.setPeers([{ id: 2n, peerUrls: [b.url] }]);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(10);
    await underWay;
    throw new Error('the disk failed');
  }
  await assert.rejects(a.transport.sendSnapshot(HEADER, broken()), /the disk failed/);
  await finished;
  assert.equal(outcome, 'failed');
});

test('a receiver that refuses is heard', async () => {
  const b = await open(
    2n,
    recorder(async () => {
      throw new Error('not wanted');
    }),
  );
  const a = await open(1n, recorder());
  a.transport.setPeers([{ id: 2n, peerUrls: [b.url] }]);
  await assert.rejects(a.transport.sendSnapshot(HEADER, chunksOf([5_000_000])), /not wanted/);
});

test('who wants to join is told who is there', async () => {
  const { url } = await open(2n, recorder());
  const view = await fetchMembers(url, systemClock);
  assert.equal(view.clusterId, 7n);
  assert.deepEqual(view.members, [
    { id: 1n, name: 'one', peerUrls: ['http://p'], clientUrls: ['http://c'], isLearner: true },
  ]);
});

test('an address in use is a clear error', async () => {
  const { url } = await open(2n, recorder());
  const again = GrpcTransport.listen({
    listenUrls: [url],
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
  });
  await assert.rejects(again, ConfigError);
});

test('URLs become targets', () => {
  assert.deepEqual(targetOf('https://10.0.0.1:2380'), { target: '10.0.0.1:2380', secure: true });
  assert.deepEqual(targetOf('http://host'), { target: 'host:80', secure: false });
  assert.deepEqual(targetOf('https://[::1]:99'), { target: '[::1]:99', secure: true });
  assert.throws(() => targetOf('nonsense'), TypeError);
});
