import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { RuntimeFault } from '../../errors.ts';
import type { ExecHandlers, StreamRequest } from '../../ports.ts';
import { FrameReader, FrameWriter, SpdyError } from './frames.ts';
import { openRemoteCommand } from './remote-command.ts';

const MAX = 1_000_000;

/** Reads header blocks as a peer would: one zlib stream over all of them. */
function headersOf(blocks: readonly Buffer[]): string[] {
  const [zlibHeader, deflated] = [
    Buffer.concat(blocks).subarray(0, 2),
    Buffer.concat(blocks).subarray(2),
  ];
  assert.equal(zlibHeader.readUInt16BE() % 31, 0, 'a valid zlib header');
  const end = Buffer.from([1, 0, 0, 0xff, 0xff]); // an empty last block
  const plain = inflateRawSync(Buffer.concat([deflated, end]));
  const out: string[] = [];
  for (let at = 0; at < plain.length; ) {
    const count = plain.readUInt32BE(at);
    at += 4;
    for (let i = 0; i < count * 2; i++) {
      const length = plain.readUInt32BE(at);
      out.push(plain.toString('utf8', at + 4, at + 4 + length));
      at += 4 + length;
    }
  }
  return out;
}

describe('SPDY frames', () => {
  it('open streams with headers in one valid zlib stream', () => {
    const writer = new FrameWriter();
    const frames = [
      writer.synStream(1, { StreamType: 'error' }),
      writer.synStream(3, { streamtype: 'stdout' }),
    ];
    assert.deepEqual(
      frames.map((frame) => [frame.readUInt16BE(0), frame.readUInt16BE(2), frame.readUInt32BE(8)]),
      [
        [0x8003, 1, 1],
        [0x8003, 1, 3],
      ],
    );
    const texts = headersOf(frames.map((frame) => frame.subarray(18)));
    assert.deepEqual(texts, ['streamtype', 'error', 'streamtype', 'stdout']);
  });

  it('carry data both ways, in any pieces', () => {
    const writer = new FrameWriter();
    const bytes = Buffer.concat([
      writer.data(5, Buffer.from('hello'), false),
      writer.ping(2),
      writer.data(5, Buffer.alloc(0), true),
      writer.reset(7, 5),
    ]);
    const reader = new FrameReader(MAX);
    const frames = [...bytes].flatMap((byte) => reader.push(Buffer.from([byte])));
    assert.deepEqual(
      frames.map((frame) => (frame.kind === 'data' ? [frame.data.toString(), frame.fin] : frame)),
      [
        ['hello', false],
        { kind: 'ping', id: 2 },
        ['', true],
        { kind: 'reset', streamId: 7, status: 5 },
      ],
    );
  });

  it('skip what does not concern us', () => {
    const settings = Buffer.from([0x80, 3, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0]);
    assert.deepEqual(new FrameReader(MAX).push(settings), []);
  });

  const broken: [string, Buffer][] = [
    ['another version', Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0])],
    ['a frame beyond the limit', Buffer.from([0, 0, 0, 1, 0, 0xff, 0xff, 0xff])],
    ['a short control frame', Buffer.from([0x80, 3, 0, 3, 0, 0, 0, 1, 0])],
  ];
  for (const [what, bytes] of broken) {
    it(`refuse ${what}`, () => {
      assert.throws(() => new FrameReader(1_000).push(bytes), SpdyError);
    });
  }
});

const REQUEST: StreamRequest = {
  containerId: 'c',
  command: ['x'],
  stdin: true,
  stdout: true,
  stderr: true,
  tty: false,
};

class Recorder implements ExecHandlers {
  readonly out: string[] = [];
  readonly ended = Promise.withResolvers<string | undefined>();
  onStdout(data: Buffer): void {
    this.out.push(`out:${data}`);
  }
  onStderr(data: Buffer): void {
    this.out.push(`err:${data}`);
  }
  onDrain(): void {}
  onEnd(status: Buffer | undefined): void {
    this.ended.resolve(status?.toString());
  }
}

/** A frame that accepts a stream, as the runtime sends it. */
function reply(streamId: number): Buffer {
  const frame = Buffer.from([0x80, 3, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0]);
  frame.writeUInt32BE(streamId, 8);
  return frame;
}

describe('remote command', () => {
  let server: Server;
  let url = '';
  let peer = Promise.withResolvers<Socket>();
  before(async () => {
    server = createServer((_request, response) => response.writeHead(404).end('no such session'));
    server.on('upgrade', (request, socket) => {
      if (request.url === '/refuse')
        return socket.end('HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nbad');
      socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
      return peer.resolve(socket as Socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  async function session(): Promise<{
    recorder: Recorder;
    socket: Socket;
    open: Awaited<ReturnType<typeof openRemoteCommand>>;
  }> {
    peer = Promise.withResolvers<Socket>();
    const recorder = new Recorder();
    const open = await openRemoteCommand(`${url}/exec`, REQUEST, recorder);
    return { recorder, socket: await peer.promise, open };
  }

  it('holds input back until the stream is accepted, then half-closes it', async () => {
    const { socket, open, recorder } = await session();
    const reader = new FrameReader(MAX);
    const got: string[] = [];
    const finished = Promise.withResolvers<void>();
    let accepted = false;
    socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) {
        if (frame.kind !== 'data') continue;
        assert.ok(accepted, 'no data before the reply');
        got.push(frame.data.toString());
        if (frame.fin) finished.resolve();
      }
    });
    open.writeStdin(Buffer.from('typed'));
    open.closeStdin();
    open.writeStdin(Buffer.from('too late'));
    accepted = true;
    socket.write(Buffer.concat([1, 3, 5, 7].map(reply)));
    await finished.promise;
    assert.equal(got.join(''), 'typed');
    socket.destroy();
    assert.equal(await recorder.ended.promise, undefined);
  });

  it('ends with the verdict once output and verdict are complete', async () => {
    const { socket, recorder } = await session();
    const writer = new FrameWriter();
    socket.write(
      Buffer.concat([
        reply(1),
        writer.data(5, Buffer.from('a'), true),
        writer.data(7, Buffer.from('b'), true),
        writer.data(1, Buffer.from('{"status":'), false),
        writer.data(1, Buffer.from('"Success"}'), true),
      ]),
    );
    assert.equal(await recorder.ended.promise, '{"status":"Success"}');
    assert.deepEqual(recorder.out, ['out:a', 'err:b']);
  });

  it('answers pings', async () => {
    const { socket, open } = await session();
    const seen = Promise.withResolvers<number>();
    const reader = new FrameReader(MAX);
    socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) if (frame.kind === 'ping') seen.resolve(frame.id);
    });
    socket.write(new FrameWriter().ping(4));
    assert.equal(await seen.promise, 4);
    open.close();
  });

  it('ends without a verdict when the peer talks nonsense', async () => {
    const { socket, recorder } = await session();
    socket.write(Buffer.from([0x80, 9, 0, 1, 0, 0, 0, 0]));
    assert.equal(await recorder.ended.promise, undefined);
  });

  it('says why it was refused', async () => {
    const refused = openRemoteCommand(`${url}/refuse`, REQUEST, new Recorder());
    await assert.rejects(
      refused,
      (error) => error instanceof RuntimeFault && /403/.test(error.message),
    );
  });
});
