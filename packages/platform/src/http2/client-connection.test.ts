/** The client's side of HTTP/2 against Node's server, and against one that sends whatever the test wants. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream, type Settings } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { ClientConnection } from './client-connection.ts';
import { roomFor } from './client-sender.ts';
import {
  CODE,
  FLAG,
  type Frame,
  FrameCutter,
  frameBytes,
  Http2Error,
  numberFrame,
  SETTING,
  settingsFrame,
  TYPE,
} from './frame.ts';
import { type HeaderFields, writeBlock } from './hpack.ts';

const WINDOW_BYTES = 1 << 20;

interface Outcome {
  heads: HeaderFields[];
  body: Buffer;
  reset: { why: string; isUnsent: boolean } | undefined;
}

/** Sends a request. @param isOpen more of its body follows */
function ask(connection: ClientConnection, body: Buffer, isOpen = false) {
  const block = writeBlock({
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'a',
    ':path': '/',
  });
  const framed = Buffer.concat([Buffer.alloc(roomFor(block)), body]);
  const outcome: Outcome = { heads: [], body: Buffer.alloc(0), reset: undefined };
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const begun = Promise.withResolvers<void>();
  const ticket = connection.request(
    { block, framed, isOpen },
    {
      onHeaders: (fields) => {
        outcome.heads.push(fields);
        begun.resolve();
      },
      onData: (bytes) => chunks.push(bytes),
      onEnd: () => {
        outcome.body = Buffer.concat(chunks);
        resolve(outcome);
      },
      onReset: (why, isUnsent) => {
        outcome.reset = { why, isUnsent };
        resolve(outcome);
      },
    },
  );
  return { ticket, done: promise, begun: begun.promise, outcome };
}

interface Opened {
  readonly connection: ClientConnection;
  readonly closed: Promise<string>;
  readonly goneAway: Promise<void>;
}

async function open(t: TestContext, port: number): Promise<Opened> {
  const ready = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<string>();
  const goneAway = Promise.withResolvers<void>();
  const connection = new ClientConnection(
    connect({ host: '127.0.0.1', port }),
    {
      onReady: () => ready.resolve(),
      onGoAway: () => goneAway.resolve(),
      onClosed: (why) => {
        closed.resolve(why);
        ready.resolve();
      },
    },
    { windowBytes: WINDOW_BYTES },
  );
  t.after(() => connection.destroy('the test is over'));
  await ready.promise;
  return { connection, closed: closed.promise, goneAway: goneAway.promise };
}

const portOf = (server: { address(): string | AddressInfo | null }): number =>
  (server.address() as AddressInfo).port;

async function nodeServer(
  t: TestContext,
  onStream: (stream: ServerHttp2Stream, path: string) => void,
  settings: Settings = {},
): Promise<{ server: Http2Server; port: number }> {
  const server = createServer({ settings });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    onStream(stream, String(headers[':path']));
  });
  server.on('session', (session) => t.after(() => session.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { server, port: portOf(server) };
}

/** Answers with the request's bytes, and a trailer. */
function echo(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'x-long': 'y'.repeat(3_000) }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.pipe(stream);
}

/** A server that answers nothing by itself; its frames are seen, and the test writes what it likes. */
async function rawServer(t: TestContext, settings: Parameters<typeof settingsFrame>[0] = []) {
  const frames: Frame[] = [];
  const seen: ((frame: Frame) => void)[] = [];
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const server = createTcpServer((socket) => {
    const cutter = new FrameCutter();
    let preface = 24;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const skipped = Math.min(preface, chunk.length);
      preface -= skipped;
      cutter.push(chunk.subarray(skipped), (frame) => {
        frames.push(frame);
        for (const one of seen.splice(0)) one(frame);
      });
    });
    socket.write(settingsFrame(settings));
    resolve(socket);
    t.after(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const until = async (wanted: (frame: Frame) => boolean): Promise<Frame> => {
    for (;;) {
      const found = frames.find(wanted);
      if (found !== undefined) return found;
      await new Promise<Frame>((next) => seen.push(next));
    }
  };
  return { port: portOf(server), socket: promise, frames, until };
}

describe('one HTTP/2 connection of a client', () => {
  it('carries bodies and answers of any size, and trailers', async (t) => {
    const { port } = await nodeServer(t, echo);
    const { connection } = await open(t, port);
    for (const size of [0, 1, 16_384, 16_385, 70_000, 5 * WINDOW_BYTES]) {
      const body = Buffer.alloc(size, `${size},`);
      const { heads, body: back, reset } = await ask(connection, body).done;
      assert.equal(reset, undefined);
      assert.ok(back.equals(body), `${size} bytes`);
      assert.equal(heads[0]?.[':status'], '200');
      assert.equal(heads.at(-1)?.['grpc-status'], '0');
    }
  });

  it('carries many at once within the other side’s limits', async (t) => {
    let running = 0;
    let most = 0;
    const onStream = (stream: ServerHttp2Stream): void => {
      running += 1;
      most = Math.max(most, running);
      stream.on('close', () => {
        running -= 1;
      });
      echo(stream);
    };
    const settings = { maxConcurrentStreams: 3, initialWindowSize: 1_000 };
    const { port } = await nodeServer(t, onStream, settings);
    const { connection } = await open(t, port);
    const bodies = Array.from({ length: 50 }, (_, i) => Buffer.alloc(i * 997, `${i}:`));
    const outcomes = await Promise.all(bodies.map((body) => ask(connection, body).done));
    for (const [i, { body }] of outcomes.entries())
      assert.ok(body.equals(bodies[i] as Buffer), `${i}`);
    assert.ok(most <= 3, `${most} at once`);
  });

  it('sends more of a body that is left open, as far as there is room', async (t) => {
    const raw = await rawServer(t, [[SETTING.initialWindowSize, 5]]);
    const { connection } = await open(t, raw.port);
    const socket = await raw.socket;
    const asked = ask(connection, Buffer.from('abc'), true);
    assert.equal(connection.write(asked.ticket, Buffer.from('de')), true);
    assert.equal(connection.write(asked.ticket, Buffer.from('fg')), true);
    assert.equal(connection.write(asked.ticket, Buffer.from('hi')), true);
    assert.equal(connection.write(asked.ticket, Buffer.alloc(65_536)), false, 'too much waits');
    const isData = ({ type, stream }: Frame): boolean => type === TYPE.data && stream === 1;
    await raw.until((frame) => isData(frame) && frame.payload.toString().endsWith('e'));
    socket.write(numberFrame(TYPE.windowUpdate, 1, 100));
    await raw.until((frame) => isData(frame) && frame.payload.toString().endsWith('i'));
    const sent = raw.frames.filter(isData);
    assert.equal(Buffer.concat(sent.map(({ payload }) => payload)).toString(), 'abcdefghi');
    assert.ok(sent.every(({ flags }) => (flags & FLAG.endStream) === 0));
    // The other side is through with it; its body is not, and never will be.
    const flags = FLAG.endHeaders | FLAG.endStream;
    socket.write(frameBytes(TYPE.headers, flags, 1, writeBlock({ ':status': '200' })));
    assert.equal((await asked.done).reset, undefined);
    const { payload } = await raw.until(({ type }) => type === TYPE.resetStream);
    assert.equal(payload.readUInt32BE(), CODE.cancel);
    assert.equal(connection.write(asked.ticket, Buffer.from('j')), false);
  });

  it('sends pieces of any size at once, says when they are taken, and ends', async (t) => {
    const got = Promise.withResolvers<Buffer>();
    const { port } = await nodeServer(t, (stream) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        got.resolve(Buffer.concat(chunks));
        stream.respond({ ':status': 200 }, { endStream: true });
      });
    });
    const { connection } = await open(t, port);
    const asked = ask(connection, Buffer.alloc(0), true);
    const piece = Buffer.alloc(300_000, 'x');
    for (let i = 0; i < 3; i += 1) {
      const taken = Promise.withResolvers<void>();
      assert.equal(connection.writePiece(asked.ticket, piece, taken.resolve), true);
      await taken.promise;
    }
    connection.end(asked.ticket);
    assert.equal((await got.promise).length, 900_000);
    assert.equal((await asked.done).reset, undefined);
    assert.equal(connection.writePiece(asked.ticket, piece), false);
  });

  it('ends a body behind what waits of it', async (t) => {
    const raw = await rawServer(t, [[SETTING.initialWindowSize, 2]]);
    const { connection } = await open(t, raw.port);
    const asked = ask(connection, Buffer.alloc(0), true);
    connection.writePiece(asked.ticket, Buffer.from('abcd'));
    connection.end(asked.ticket);
    (await raw.socket).write(numberFrame(TYPE.windowUpdate, 1, 100));
    const last = await raw.until(
      ({ type, flags }) => type === TYPE.data && flags === FLAG.endStream,
    );
    assert.equal(last.payload.toString(), 'cd');
  });

  it('gives up what runs and what waits', async (t) => {
    const raw = await rawServer(t, [[SETTING.maxConcurrentStreams, 1]]);
    const { connection } = await open(t, raw.port);
    const [first, second] = [ask(connection, Buffer.from('1')), ask(connection, Buffer.from('2'))];
    ask(connection, Buffer.from('3'));
    connection.cancel(second.ticket);
    await raw.until(({ type, stream }) => type === TYPE.data && stream === 1);
    connection.cancel(first.ticket);
    const { payload } = await raw.until(({ type, stream }) => type === TYPE.data && stream === 3);
    assert.equal(payload.toString(), '3');
    const resets = raw.frames.filter(({ type }) => type === TYPE.resetStream);
    assert.deepEqual(
      resets.map((frame) => [frame.stream, frame.payload.readUInt32BE()]),
      [[1, CODE.cancel]],
    );
    assert.equal(first.outcome.reset ?? second.outcome.reset, undefined);
  });

  it('tells what runs when it breaks, and what waits that it was not sent', async (t) => {
    const { port, server } = await nodeServer(t, (stream) => stream.respond({ ':status': 200 }), {
      maxConcurrentStreams: 1,
    });
    const sessions: { destroy(): void }[] = [];
    server.on('session', (session) => sessions.push(session));
    const { connection, closed } = await open(t, port);
    const [running, waiting] = [ask(connection, Buffer.alloc(0)), ask(connection, Buffer.alloc(0))];
    await running.begun;
    for (const session of sessions) session.destroy();
    assert.equal((await running.done).reset?.isUnsent, false);
    assert.equal((await waiting.done).reset?.isUnsent, true);
    await closed;
    assert.equal(connection.isOpen, false);
    assert.equal((await ask(connection, Buffer.alloc(0)).done).reset?.isUnsent, true);
  });

  it('answers pings and asks', async (t) => {
    const raw = await rawServer(t);
    const { connection } = await open(t, raw.port);
    const socket = await raw.socket;
    socket.write(frameBytes(TYPE.ping, 0, 0, Buffer.from('12345678')));
    const back = await raw.until(({ type, flags }) => type === TYPE.ping && flags === FLAG.ack);
    assert.equal(back.payload.toString(), '12345678');
    const answered = new Promise<void>((resolve) => connection.ping(resolve));
    const { payload } = await raw.until(({ type, flags }) => type === TYPE.ping && flags === 0);
    socket.write(frameBytes(TYPE.ping, FLAG.ack, 0, payload));
    await answered;
  });

  it('finishes what the other side still answers when that goes away, and knows what it will not', async (t) => {
    const raw = await rawServer(t);
    const { connection, goneAway, closed } = await open(t, raw.port);
    const socket = await raw.socket;
    const [kept, refused] = [ask(connection, Buffer.from('a')), ask(connection, Buffer.from('b'))];
    await raw.until(({ type, stream }) => type === TYPE.data && stream === 3);
    const lastStream = Buffer.alloc(8);
    lastStream.writeUInt32BE(1);
    socket.write(frameBytes(TYPE.goAway, 0, 0, lastStream));
    await goneAway;
    assert.equal((await refused.done).reset?.isUnsent, true);
    assert.equal(connection.isOpen, false);
    const flags = FLAG.endHeaders | FLAG.endStream;
    socket.write(frameBytes(TYPE.headers, flags, 1, writeBlock({ ':status': '200' })));
    assert.equal((await kept.done).reset, undefined);
    await closed;
  });

  it('takes a refused stream for not sent, and any other end of one for unsure', async (t) => {
    const raw = await rawServer(t);
    const { connection } = await open(t, raw.port);
    const socket = await raw.socket;
    const [refused, broken] = [
      ask(connection, Buffer.from('a')),
      ask(connection, Buffer.from('b')),
    ];
    await raw.until(({ type, stream }) => type === TYPE.data && stream === 3);
    socket.write(numberFrame(TYPE.resetStream, 1, CODE.refusedStream));
    socket.write(numberFrame(TYPE.resetStream, 3, CODE.cancel));
    assert.equal((await refused.done).reset?.isUnsent, true);
    assert.equal((await broken.done).reset?.isUnsent, false);
    assert.equal(connection.isOpen, true);
  });

  it('reads padding, priorities, blocks in parts and frames of unknown kinds', async (t) => {
    const raw = await rawServer(t);
    const { connection } = await open(t, raw.port);
    const socket = await raw.socket;
    const asked = ask(connection, Buffer.from('a'));
    await raw.until(({ type }) => type === TYPE.data);
    const block = writeBlock({ ':status': '200', 'x-y': 'z' });
    const head = Buffer.concat([
      Buffer.from([2, 0, 0, 0, 0, 7]),
      block.subarray(0, 3),
      Buffer.alloc(2),
    ]);
    const parts = [
      frameBytes(TYPE.headers, FLAG.padded | FLAG.priority, 1, head),
      frameBytes(TYPE.continuation, FLAG.endHeaders, 1, block.subarray(3)),
      frameBytes(0x20, 0xff, 1, Buffer.from('whatever')),
      frameBytes(TYPE.data, FLAG.padded, 1, Buffer.from([3, 104, 105, 0, 0, 0])),
      frameBytes(TYPE.data, FLAG.endStream, 1, Buffer.from('!')),
    ];
    for (const byte of Buffer.concat(parts)) socket.write(Buffer.from([byte]));
    const { heads, body } = await asked.done;
    assert.deepEqual({ ...heads[0] }, { ':status': '200', 'x-y': 'z' });
    assert.equal(body.toString(), 'hi!');
  });

  const FAULTS: readonly (readonly [what: string, bytes: Buffer])[] = [
    ['a push', frameBytes(TYPE.pushPromise, FLAG.endHeaders, 1, Buffer.alloc(8))],
    ['an answer to nothing', frameBytes(TYPE.headers, FLAG.endHeaders, 99, Buffer.from([0x88]))],
    ['an unknown header', frameBytes(TYPE.headers, FLAG.endHeaders, 1, Buffer.from([0xff, 0x10]))],
    ['a frame that is too large', frameBytes(TYPE.data, 0, 1, Buffer.alloc(16_385))],
    [
      'an interrupted block',
      Buffer.concat([
        frameBytes(TYPE.headers, 0, 1, Buffer.from([0x88])),
        frameBytes(TYPE.ping, 0, 0, Buffer.alloc(8)),
      ]),
    ],
    ['padding beyond the end', frameBytes(TYPE.data, FLAG.padded, 1, Buffer.from([9, 0]))],
    ['a short ping', frameBytes(TYPE.ping, 0, 0, Buffer.alloc(3))],
    ['settings that are cut off', frameBytes(TYPE.settings, 0, 0, Buffer.alloc(5))],
  ];
  for (const [what, bytes] of FAULTS) {
    it(`ends at ${what}`, async (t) => {
      const raw = await rawServer(t);
      const { connection, closed } = await open(t, raw.port);
      const asked = ask(connection, Buffer.from('a'));
      await raw.until(({ type }) => type === TYPE.data);
      (await raw.socket).write(bytes);
      assert.equal((await asked.done).reset?.isUnsent, false);
      await closed;
    });
  }

  it('does not keep a header block that never ends', async (t) => {
    const raw = await rawServer(t);
    const { connection, closed } = await open(t, raw.port);
    void ask(connection, Buffer.from('a'));
    await raw.until(({ type }) => type === TYPE.data);
    const socket = await raw.socket;
    socket.write(frameBytes(TYPE.headers, 0, 1, Buffer.alloc(0)));
    for (let i = 0; i < 10; i += 1) {
      socket.write(frameBytes(TYPE.continuation, 0, 1, Buffer.alloc(16_000)));
    }
    assert.match(await closed, /too long/);
  });
});

describe('frames', () => {
  it('are the same however their bytes are cut', () => {
    const sent = [0, 5, 16_384, 1, 300].map((size, i) =>
      frameBytes(TYPE.data, 0, i * 2 + 1, Buffer.alloc(size, i)),
    );
    const all = Buffer.concat(sent);
    for (const step of [1, 3, 8, 9, 10, 1_000, 16_393, all.length]) {
      const cutter = new FrameCutter();
      const got: Frame[] = [];
      for (let at = 0; at < all.length; at += step) {
        cutter.push(all.subarray(at, at + step), (frame) => got.push(frame));
      }
      const again = got.map(({ type, flags, stream, payload }) =>
        frameBytes(type, flags, stream, payload),
      );
      assert.ok(Buffer.concat(again).equals(all), `steps of ${step}`);
    }
  });

  it('larger than agreed are refused by their head', () => {
    const head = frameBytes(TYPE.data, 0, 1, Buffer.alloc(20_000)).subarray(0, 9);
    assert.throws(() => new FrameCutter().push(head, () => undefined), Http2Error);
  });
});
