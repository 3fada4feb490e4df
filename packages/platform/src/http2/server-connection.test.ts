/** The server's side of HTTP/2 against Node's client, and against one that sends whatever the test wants. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import {
  CODE,
  FLAG,
  type Frame,
  FrameCutter,
  frameBytes,
  numberFrame,
  PING_BYTES,
  PREFACE,
  SETTING,
  settingsFrame,
  TYPE,
} from './frame.ts';
import { type HeaderField, readBlock, writeFields } from './hpack.ts';
import { ServerConnection, type ServerLimits } from './server-connection.ts';
import type { ServerStream } from './server-stream.ts';

const LIMITS: ServerLimits = {
  ...{ streams: 100, streamWindowBytes: 65_535, connectionWindowBytes: 131_072 },
  ...{ headerBytes: 20_000, resetBurst: 10, resetsPerSecond: 1 },
};
const OK: readonly HeaderField[] = [[':status', '200']];
const REQUEST: readonly HeaderField[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', '/x'],
];

interface Host {
  readonly port: number;
  readonly connections: ServerConnection[];
  readonly closed: string[];
}

async function serve(
  t: TestContext,
  onRequest: (stream: ServerStream) => void,
  limits: Partial<ServerLimits> = {},
): Promise<Host> {
  const host = { port: 0, connections: [] as ServerConnection[], closed: [] as string[] };
  const server = createServer((socket) => {
    const events = { onRequest, onClosed: (why: string) => host.closed.push(why) };
    const clock = { monotonicMs: () => 0 };
    host.connections.push(new ServerConnection(socket, events, { ...LIMITS, ...limits }, clock));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const connection of host.connections) connection.destroy('the test is over');
  });
  return { ...host, port: (server.address() as AddressInfo).port };
}

/** Answers with what was sent. */
function echo(stream: ServerStream): void {
  const chunks: Buffer[] = [];
  stream.listen({
    onData: (bytes) => chunks.push(bytes),
    onEnd: () => {
      stream.respond([...OK, ['x-path', stream.head.path]]);
      stream.end(Buffer.concat(chunks));
    },
  });
}

function session(t: TestContext, port: number): ClientHttp2Session {
  const client = connectHttp2(`http://127.0.0.1:${port}`, { maxSessionMemory: 100 });
  client.on('error', () => undefined);
  t.after(() => client.destroy());
  return client;
}

async function ask(client: ClientHttp2Session, headers: Record<string, string>, body?: Buffer) {
  const stream = client.request({ ':method': body ? 'POST' : 'GET', ...headers });
  stream.end(body);
  const chunks: Buffer[] = [];
  let trailers: Record<string, unknown> = {};
  stream.on('trailers', (fields) => {
    trailers = { ...fields };
  });
  const [head] = await once(stream, 'response');
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { head, body: Buffer.concat(chunks), trailers };
}

/** A client of frames. */
class Raw {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  #onFrame: () => void = () => undefined;
  isClosed = false;

  constructor(t: TestContext, port: number, settings: [number, number][] = []) {
    const cutter = new FrameCutter();
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk: Buffer) => {
      cutter.push(chunk, (frame) =>
        this.frames.push({ ...frame, payload: Buffer.from(frame.payload) }),
      );
      this.#onFrame();
    });
    this.socket.on('close', () => {
      this.isClosed = true;
      this.#onFrame();
    });
    this.socket.write(Buffer.concat([PREFACE, settingsFrame(settings)]));
    t.after(() => this.socket.destroy());
  }

  send(...frames: Buffer[]): this {
    this.socket.write(Buffer.concat(frames));
    return this;
  }

  /** The first frame of those to come, or that came already, that is as asked for; undefined once the connection is closed. */
  async next(type: number, stream?: number): Promise<Frame | undefined> {
    for (;;) {
      const at = this.frames.findIndex(
        (frame) => frame.type === type && (stream === undefined || frame.stream === stream),
      );
      if (at >= 0) return this.frames.splice(at, 1)[0];
      if (this.isClosed) return undefined;
      await new Promise<void>((resolve) => {
        this.#onFrame = resolve;
      });
    }
  }

  /** Resolves when everything sent before has been looked at. */
  async settled(): Promise<void> {
    this.send(frameBytes(TYPE.ping, 0, 0, Buffer.alloc(PING_BYTES)));
    await this.next(TYPE.ping);
  }
}

const WHOLE = FLAG.endHeaders | FLAG.endStream;
const head = (id: number, fields = REQUEST, flags: number = WHOLE): Buffer =>
  frameBytes(TYPE.headers, flags, id, writeFields(fields));
const data = (id: number, bytes: number | Buffer, flags = 0): Buffer =>
  frameBytes(TYPE.data, flags, id, typeof bytes === 'number' ? Buffer.alloc(bytes) : bytes);
const reset = (id: number): Buffer => numberFrame(TYPE.resetStream, id, CODE.cancel);
const codeOf = (frame: Frame | undefined): number | undefined =>
  frame?.payload.readUInt32BE(frame.type === TYPE.goAway ? 4 : 0);

describe('a server of HTTP/2', () => {
  it('answers small and large requests, many at once', async (t) => {
    const { port } = await serve(t, echo);
    const client = session(t, port);
    const sizes = [0, 1, 16_384, 16_385, 65_535, 200_000, 1_000_000];
    const answers = await Promise.all(
      Array.from({ length: 70 }, async (_, i) => {
        const body = Buffer.alloc(sizes[i % sizes.length] ?? 0, i);
        const answer = await ask(client, { ':path': `/${i}`, 'x-long': 'v'.repeat(i) }, body);
        return answer.head['x-path'] === `/${i}` && answer.body.equals(body);
      }),
    );
    assert.ok(answers.every(Boolean));
  });

  it('reads heads in several frames, and joins headers of one name', async (t) => {
    const heads: ServerStream['head'][] = [];
    const { port } = await serve(t, (stream) => {
      heads.push(stream.head);
      stream.respond(OK, true);
    });
    const client = session(t, port);
    const headers = { 'x-long': 'y'.repeat(18_000), cookie: ['a=1', 'b=2'], 'x-two': ['1', '2'] };
    const stream = client.request({ ':path': '/p?q=1', ...headers });
    await once(stream, 'response');
    const [first] = heads;
    assert.deepEqual([first?.method, first?.path, first?.scheme], ['GET', '/p?q=1', 'http']);
    assert.equal(first?.headers['x-long'], headers['x-long']);
    assert.deepEqual([first?.headers.cookie, first?.headers['x-two']], ['a=1; b=2', '1, 2']);
  });

  it('answers heads that are too large with 431', async (t) => {
    const { port } = await serve(t, () => assert.fail('not to be served'));
    const client = session(t, port);
    const { head: answer } = await ask(client, { 'x-long': 'y'.repeat(25_000) });
    assert.equal(answer[':status'], 431);
  });

  it('sends heads in several frames, and trailers', async (t) => {
    const long = 'z'.repeat(40_000);
    const { port } = await serve(t, (stream) => {
      stream.inform([[':status', '103']]);
      stream.respond([...OK, ['x-long', long]]);
      stream.write(Buffer.from('body'));
      stream.end(undefined, writeFields([['x-end', '1']]));
    });
    const client = session(t, port);
    const answer = await ask(client, {});
    assert.equal(answer.head['x-long'], long);
    assert.equal(answer.body.toString(), 'body');
    assert.equal(answer.trailers['x-end'], '1');
  });

  it('ends an answer before the request is whole, and tells the client not to go on', async (t) => {
    const { port } = await serve(t, (stream) => {
      stream.respond(OK);
      stream.end(Buffer.from('no'));
    });
    const raw = new Raw(t, port).send(head(1, REQUEST, FLAG.endHeaders));
    assert.equal(codeOf(await raw.next(TYPE.resetStream, 1)), CODE.noError);
    // What was on its way meanwhile is no fault.
    raw.send(data(1, 10), head(3));
    assert.ok(await raw.next(TYPE.headers, 3));
  });

  it('lets those who pass a body on set the pace', async (t) => {
    let stream: ServerStream | undefined;
    let size = 0;
    const { promise: whole, resolve } = Promise.withResolvers<void>();
    const { port } = await serve(t, (each) => {
      stream = each;
      const onData = (bytes: Buffer): void => {
        size += bytes.length;
      };
      each.listen({ onData, onEnd: resolve });
      each.pause();
    });
    const client = session(t, port);
    const upload = client.request({ ':method': 'POST' });
    upload.end(Buffer.alloc(300_000));
    await once(client, 'remoteSettings');
    await new Promise<void>((done) => client.ping(() => done()));
    assert.equal(size, 0);
    stream?.resume();
    await whole;
    assert.equal(size, 300_000);
  });
});

describe('flow control', () => {
  it('sends as far as there is room, and on when there is more', async (t) => {
    let taken = 0;
    const { port } = await serve(t, (stream) => {
      stream.respond(OK);
      stream.write(Buffer.alloc(25, 'a'), () => {
        taken += 1;
      });
      stream.end(Buffer.alloc(5, 'b'));
    });
    const raw = new Raw(t, port, [[SETTING.initialWindowSize, 10]]).send(head(1));
    assert.equal((await raw.next(TYPE.data))?.payload.length, 10);
    await raw.settled();
    assert.deepEqual([raw.frames.filter(({ type }) => type === TYPE.data).length, taken], [0, 0]);
    raw.send(numberFrame(TYPE.windowUpdate, 1, 12));
    assert.equal((await raw.next(TYPE.data))?.payload.length, 12);
    // Less than nothing is left when the client takes room back.
    raw.send(settingsFrame([[SETTING.initialWindowSize, 5]]), numberFrame(TYPE.windowUpdate, 1, 5));
    await raw.settled();
    assert.equal(raw.frames.filter(({ type }) => type === TYPE.data).length, 0);
    raw.send(numberFrame(TYPE.windowUpdate, 1, 100));
    assert.equal((await raw.next(TYPE.data))?.payload.toString(), 'aaa');
    const last = await raw.next(TYPE.data);
    assert.deepEqual([last?.payload.toString(), last?.flags], ['bbbbb', 0]);
    assert.equal((await raw.next(TYPE.data))?.flags, FLAG.endStream);
    assert.equal(taken, 1);
  });

  it('lets streams take turns when the connection has little room', async (t) => {
    const { port } = await serve(t, (stream) => {
      stream.respond(OK);
      stream.end(Buffer.alloc(60_000));
    });
    const raw = new Raw(t, port).send(head(1), head(3), head(5));
    for (let i = 0; i < 2; i += 1) await raw.settled();
    raw.send(numberFrame(TYPE.windowUpdate, 0, 200_000));
    const order: number[] = [];
    for (let ended = 0; ended < 3; ) {
      const frame = await raw.next(TYPE.data);
      if (frame === undefined) assert.fail('the connection was closed');
      order.push(frame.stream);
      if ((frame.flags & FLAG.endStream) !== 0) ended += 1;
    }
    const third = order.indexOf(5);
    assert.ok(third < order.lastIndexOf(3), `in turns: ${order.join(' ')}`);
  });

  it('gives back what waits when the client gives the request up', async (t) => {
    const taken = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const { port } = await serve(t, (stream) => {
      stream.onClose(closed.resolve);
      stream.respond(OK);
      stream.write(Buffer.alloc(100_000), taken.resolve);
    });
    const raw = new Raw(t, port).send(head(1));
    await raw.next(TYPE.data);
    raw.send(reset(1));
    await Promise.all([taken.promise, closed.promise]);
  });

  it('writes complete answers before the next turn, those of one read together', async () => {
    const writes: Buffer[] = [];
    const socket = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        writes.push(chunk);
        done();
      },
    });
    const onRequest = async (stream: ServerStream): Promise<void> => {
      await undefined;
      await undefined;
      stream.respond([...OK, ['x-path', stream.head.path]], true);
    };
    const events = { onRequest, onClosed: () => undefined };
    const connection = new ServerConnection(socket, events, LIMITS, { monotonicMs: () => 0 });
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    socket.push(Buffer.concat([PREFACE, settingsFrame([])]));
    await turn();
    await turn();
    writes.length = 0;
    const next = turn();
    socket.push(Buffer.concat([head(1), head(3)]));
    await next;
    assert.equal(writes.length, 1);
    connection.destroy('the test is over');
  });

  it('reads nothing more from a client that takes nothing', async () => {
    /** A socket whose other end never reads. */
    const socket = new Duplex({ read: () => undefined, write: () => undefined });
    const serveOne = (stream: ServerStream): void => {
      stream.respond([...OK, ['x-long', 'v'.repeat(30_000)]], true);
    };
    const events = { onRequest: serveOne, onClosed: () => undefined };
    const connection = new ServerConnection(socket, events, LIMITS, { monotonicMs: () => 0 });
    socket.push(Buffer.concat([PREFACE, settingsFrame([])]));
    for (let id = 1; id < 2_000 && !socket.isPaused(); id += 2) {
      socket.push(head(id));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(socket.isPaused());
    connection.destroy('the test is over');
  });
});

describe('a connection ends with the reason', () => {
  const NO_SETTINGS: Readonly<Record<string, Buffer>> = {
    'a client of HTTP/1': Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'),
    'no settings first': Buffer.concat([PREFACE, head(1)]),
  };
  for (const [what, bytes] of Object.entries(NO_SETTINGS)) {
    it(`of ${what}`, async (t) => {
      const { port, closed } = await serve(t, echo);
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(bytes);
      await once(socket, 'close');
      assert.match(closed[0] ?? '', /begin/);
    });
  }

  const setting = (id: number, value: number): Buffer => settingsFrame([[id, value]]);
  const FAULTS: readonly (readonly [what: string, code: number, ...frames: Buffer[]])[] = [
    ['a stream of the server', CODE.protocolError, head(2)],
    ['data of no stream', CODE.protocolError, data(0, 1)],
    ['data of a stream to come', CODE.protocolError, data(1, 1)],
    ['a reset of a stream to come', CODE.protocolError, reset(7)],
    ['a window of a stream to come', CODE.protocolError, numberFrame(TYPE.windowUpdate, 7, 1)],
    ['a window that grows by nothing', CODE.protocolError, numberFrame(TYPE.windowUpdate, 0, 0)],
    ['too large a window', CODE.protocolError, numberFrame(TYPE.windowUpdate, 0, 0x7fffffff)],
    [
      'a window update cut off',
      CODE.frameSizeError,
      frameBytes(TYPE.windowUpdate, 0, 0, Buffer.alloc(3)),
    ],
    [
      'a push',
      CODE.protocolError,
      frameBytes(TYPE.pushPromise, FLAG.endHeaders, 1, Buffer.alloc(4)),
    ],
    [
      'a continuation of nothing',
      CODE.protocolError,
      frameBytes(TYPE.continuation, 0, 1, Buffer.alloc(1)),
    ],
    [
      'a block interrupted',
      CODE.protocolError,
      head(1, REQUEST, 0),
      frameBytes(TYPE.ping, 0, 0, Buffer.alloc(8)),
    ],
    [
      'a block that goes on and on',
      CODE.enhanceYourCalm,
      head(1, REQUEST, 0),
      ...Array.from({ length: 4 }, () => frameBytes(TYPE.continuation, 0, 1, Buffer.alloc(16_000))),
    ],
    [
      'a field there is not',
      CODE.compressionError,
      frameBytes(TYPE.headers, WHOLE, 1, Buffer.from([0xbe])),
    ],
    [
      'padding without bytes',
      CODE.protocolError,
      frameBytes(TYPE.headers, WHOLE | FLAG.padded, 1, Buffer.from([9, 0])),
    ],
    ['settings of a stream', CODE.protocolError, frameBytes(TYPE.settings, 0, 1, Buffer.alloc(0))],
    ['settings cut off', CODE.frameSizeError, frameBytes(TYPE.settings, 0, 0, Buffer.alloc(5))],
    ['a setting of push', CODE.protocolError, setting(SETTING.enablePush, 2)],
    ['a setting of frames too small', CODE.protocolError, setting(SETTING.maxFrameSize, 100)],
    [
      'a setting of a window too large',
      CODE.flowControlError,
      setting(SETTING.initialWindowSize, 0x80000000),
    ],
    ['a ping of another length', CODE.frameSizeError, frameBytes(TYPE.ping, 0, 0, Buffer.alloc(7))],
    ['a ping of a stream', CODE.protocolError, frameBytes(TYPE.ping, 0, 1, Buffer.alloc(8))],
    [
      'the priority of no stream',
      CODE.protocolError,
      frameBytes(TYPE.priority, 0, 0, Buffer.alloc(5)),
    ],
    [
      'a priority of another size',
      CODE.frameSizeError,
      frameBytes(TYPE.priority, 0, 1, Buffer.alloc(4)),
    ],
    ['a frame larger than agreed', CODE.frameSizeError, data(1, 16_385)],
    [
      'too many requests given up',
      CODE.enhanceYourCalm,
      ...Array.from({ length: 11 }, (_, i) =>
        Buffer.concat([head(2 * i + 1, REQUEST, FLAG.endHeaders), reset(2 * i + 1)]),
      ),
    ],
  ];
  for (const [what, code, ...frames] of FAULTS) {
    it(`of ${what}`, async (t) => {
      // Nobody takes the bodies.
      const { port } = await serve(t, () => undefined);
      const raw = new Raw(t, port).send(...frames);
      assert.equal(codeOf(await raw.next(TYPE.goAway)), code);
    });
  }
});

it('a connection ends when more data comes than allowed', () => {
  const written: Buffer[] = [];
  const write = (chunk: Buffer, _encoding: string, done: () => void): void => {
    written.push(chunk);
    done();
  };
  const socket = new Duplex({ read: () => undefined, write });
  const events = { onRequest: () => undefined, onClosed: () => undefined };
  const connection = new ServerConnection(socket, events, LIMITS, { monotonicMs: () => 0 });
  const ids = [1, 3, 5];
  const pieces = ids.flatMap((id) => [1, 2, 3].map(() => data(id, 16_384)));
  const heads = ids.map((id) => head(id, REQUEST, FLAG.endHeaders));
  // In one go, so that no room is given back in between.
  connection.push(Buffer.concat([PREFACE, settingsFrame([]), ...heads, ...pieces]));
  const codes: (number | undefined)[] = [];
  new FrameCutter().push(Buffer.concat(written), (frame) => {
    if (frame.type === TYPE.goAway) codes.push(codeOf(frame));
  });
  assert.deepEqual(codes, [CODE.flowControlError]);
});

describe('a request alone is refused', () => {
  const without = (name: string): HeaderField[] => REQUEST.filter(([each]) => each !== name);
  const HEADS: Readonly<Record<string, readonly HeaderField[]>> = {
    'without a method': without(':method'),
    'without a path': without(':path'),
    'without a scheme': without(':scheme'),
    'with two paths': [...REQUEST, [':path', '/y']],
    'with a status': [...REQUEST, [':status', '200']],
    'with its method behind headers': [...without(':method'), ['a', 'b'], [':method', 'GET']],
    'with a header of a connection': [...REQUEST, ['connection', 'close']],
    'with a transfer encoding': [...REQUEST, ['transfer-encoding', 'chunked']],
    'with te but for trailers': [...REQUEST, ['te', 'gzip']],
    'with upper case': [...REQUEST, ['X-Upper', 'b']],
    'with an empty name': [...REQUEST, ['', 'b']],
    'with a new line': [...REQUEST, ['x', 'a\r\nb: c']],
    'with a NUL': [...REQUEST, ['x', 'a\0']],
    'with two lengths': [...REQUEST, ['content-length', '1'], ['content-length', '2']],
    'with a length that is none': [...REQUEST, ['content-length', '-1']],
    'with a length and no body': [...REQUEST, ['content-length', '1']],
  };
  for (const [what, fields] of Object.entries(HEADS)) {
    it(what, async (t) => {
      const { port } = await serve(t, echo);
      const raw = new Raw(t, port).send(head(1, fields), head(3));
      assert.equal(codeOf(await raw.next(TYPE.resetStream, 1)), CODE.protocolError);
      assert.ok(await raw.next(TYPE.headers, 3), 'the next one is served');
    });
  }

  const OPEN = FLAG.endHeaders;
  const sized = (bytes: number): readonly HeaderField[] => [
    ...REQUEST,
    ['content-length', String(bytes)],
  ];
  const BODIES: readonly (readonly [what: string, code: number, ...frames: Buffer[]])[] = [
    ['a longer body than said', CODE.protocolError, head(1, sized(3), OPEN), data(1, 4)],
    [
      'a shorter body than said',
      CODE.protocolError,
      head(1, sized(3), OPEN),
      data(1, 2, FLAG.endStream),
    ],
    [
      'headers in the body',
      CODE.protocolError,
      head(1, REQUEST, OPEN),
      head(1, [['a', 'b']], OPEN),
    ],
    [
      'more than the stream has room for',
      CODE.flowControlError,
      head(1, REQUEST, OPEN),
      ...Array.from({ length: 5 }, () => data(1, 16_000)),
    ],
    [
      'a window that grows by nothing',
      CODE.protocolError,
      head(1, REQUEST, OPEN),
      numberFrame(TYPE.windowUpdate, 1, 0),
    ],
    [
      'too large a window',
      CODE.flowControlError,
      head(1, REQUEST, OPEN),
      numberFrame(TYPE.windowUpdate, 1, 0x7fffffff),
    ],
  ];
  for (const [what, code, ...frames] of BODIES) {
    it(`for ${what}`, async (t) => {
      const { port } = await serve(t, (stream) => (stream.id === 1 ? undefined : echo(stream)));
      const raw = new Raw(t, port).send(...frames, head(3));
      assert.equal(codeOf(await raw.next(TYPE.resetStream, 1)), code);
      assert.ok(await raw.next(TYPE.headers, 3), 'the next one is served');
    });
  }

  it('beyond the number of streams, so that it may be sent again', async (t) => {
    const { port } = await serve(t, () => undefined, { streams: 2 });
    const raw = new Raw(t, port).send(head(1), head(3), head(5));
    assert.equal(codeOf(await raw.next(TYPE.resetStream, 5)), CODE.refusedStream);
  });
});

describe('a server that leaves', () => {
  it('answers what runs, looks at nothing new, and closes', async (t) => {
    let running: ServerStream | undefined;
    const { port, connections } = await serve(t, (stream) => {
      running = stream;
    });
    const raw = new Raw(t, port).send(head(1));
    await raw.settled();
    connections[0]?.leave();
    const goAway = await raw.next(TYPE.goAway);
    assert.deepEqual([goAway?.payload.readUInt32BE(0), codeOf(goAway)], [1, CODE.noError]);
    raw.send(head(3));
    await raw.settled();
    running?.respond(OK, true);
    const answer = await raw.next(TYPE.headers, 1);
    assert.equal(readBlock(answer?.payload ?? Buffer.alloc(0))[':status'], '200');
    await once(raw.socket, 'close');
    assert.equal(raw.frames.filter(({ stream }) => stream === 3).length, 0);
  });

  it('closes at once where nothing runs', async (t) => {
    const { port, connections } = await serve(t, echo);
    const raw = new Raw(t, port);
    await raw.settled();
    connections[0]?.leave();
    await once(raw.socket, 'close');
    await connections[0]?.whenClosed;
    assert.equal(connections[0]?.isOpen, false);
  });

  it('tells its streams when the connection is lost', async (t) => {
    const closed = Promise.withResolvers<void>();
    const { port } = await serve(t, (stream) => {
      stream.onClose(closed.resolve);
      raw.socket.destroy();
    });
    const raw = new Raw(t, port).send(head(1, REQUEST, FLAG.endHeaders));
    await closed.promise;
  });

  it('is answered its pings', async (t) => {
    const { port, connections } = await serve(t, echo);
    const client = session(t, port);
    await once(client, 'connect');
    await ask(client, {});
    await new Promise<void>((resolve) => connections[0]?.ping(resolve));
  });
});

describe('whatever a client sends', () => {
  const frame = fc
    .record({
      type: fc.integer({ min: 0, max: 11 }),
      flags: fc.integer({ min: 0, max: 255 }),
      stream: fc.integer({ min: 0, max: 9 }),
      payload: fc.uint8Array({ maxLength: 60 }),
    })
    .map(({ type, flags, stream, payload }) =>
      frameBytes(type, flags, stream, Buffer.from(payload)),
    );
  const request = fc
    .integer({ min: 0, max: 9 })
    .map((i) => head(2 * i + 1, REQUEST, FLAG.endHeaders));

  it('is answered or ends the connection, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(frame, request), { maxLength: 30 }), (frames) => {
        const socket = new Duplex({ read: () => undefined, write: (_c, _e, done) => done() });
        const events = { onRequest: echo, onClosed: () => undefined };
        const connection = new ServerConnection(socket, events, LIMITS, { monotonicMs: () => 0 });
        connection.push(Buffer.concat([PREFACE, settingsFrame([]), ...frames]));
        connection.destroy('the property is seen');
      }),
      { numRuns: 2_000 },
    );
  });
});
