import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { type WebSocket, WebSocketServer, WebSocket as WsClient } from 'ws';
import { FrameWriter } from '../cri/spdy/frames.ts';
import { DoorError } from '../errors.ts';
import type { RawTunnel } from '../ports.ts';
import { CHANNEL_PROTOCOL, forwardedPorts, joinChannels } from './port-channels.ts';

const HEAD = 8;

/** The runtime's end of a tunnel: takes every stream, echoes what comes on the data streams. */
function echo(socket: Socket): void {
  const writer = new FrameWriter();
  let pending: Buffer = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= HEAD) {
      const end = HEAD + (pending.readUInt32BE(4) & 0xff_ffff);
      if (pending.length < end) return;
      const frame = pending.subarray(0, end);
      pending = pending.subarray(end);
      if ((frame[0] ?? 0) >= 0x80) socket.write(reply(frame.readUInt32BE(HEAD)));
      else onData(frame.readUInt32BE(0), frame.subarray(HEAD));
    }
  });
  const onData = (stream: number, data: Buffer): void => {
    if (data.toString() === 'break') {
      socket.write(writer.data(stream - 2, Buffer.from('refused'), true));
      socket.write(writer.data(stream, Buffer.alloc(0), true));
    } else socket.write(writer.data(stream, data, false));
  };
}

function reply(streamId: number): Buffer {
  const frame = Buffer.from([0x80, 3, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0]);
  frame.writeUInt32BE(streamId, HEAD);
  return frame;
}

const portOf = (server: { address(): unknown }): number =>
  (server.address() as { port: number }).port;

describe('port-forward over channels', () => {
  const runtime = createServer(echo);
  let door: WebSocketServer;
  let client: WsClient;
  before(async () => {
    runtime.listen(0, '127.0.0.1');
    await once(runtime, 'listening');
    door = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(door, 'listening');
  });
  afterEach(() => client.terminate());
  after(() => {
    door.close();
    runtime.close();
  });

  async function open(ports: readonly number[]): Promise<Buffer[]> {
    const seen: Buffer[] = [];
    door.once('connection', (socket: WebSocket) => {
      const tunnel = connect(portOf(runtime), '127.0.0.1');
      const raw: RawTunnel = { socket: tunnel, head: Buffer.alloc(0), protocol: '' };
      joinChannels(socket, raw, ports);
    });
    client = new WsClient(`ws://127.0.0.1:${portOf(door)}`, [CHANNEL_PROTOCOL]);
    client.on('message', (data: Buffer) => seen.push(data));
    await once(client, 'open');
    return seen;
  }

  async function until(seen: readonly Buffer[], count: number): Promise<void> {
    while (seen.length < count) await once(client, 'message');
  }

  it('says the port first on both channels, then carries bytes', async () => {
    const seen = await open([80, 8443]);
    client.send(Buffer.from('\x00hello'));
    client.send(Buffer.from('\x02there'));
    await until(seen, 6);
    const [first, second, third, fourth, ...data] = seen.map((one) => one.toString('hex'));
    assert.deepEqual([first, second, third, fourth], ['015000', '005000', '03fb20', '02fb20']);
    const hex = (text: string): string => Buffer.from(text).toString('hex');
    assert.deepEqual(data, [hex('\x00hello'), hex('\x02there')]);
  });

  it('carries more than a frame holds', async () => {
    const seen = await open([80]);
    const bytes = Buffer.alloc(300_000, 'x');
    client.send(Buffer.concat([Buffer.from([0]), bytes]));
    let got = 0;
    while (got < bytes.length) {
      await once(client, 'message');
      got = seen.slice(2).reduce((sum, one) => sum + one.length - 1, 0);
    }
    assert.equal(got, bytes.length);
  });

  it('tells what went wrong on the odd channel, and ends with the last stream', async () => {
    const seen = await open([80]);
    client.send(Buffer.from('\x00break'));
    await once(client, 'close');
    assert.equal(seen.at(-1)?.toString(), '\x01refused');
  });

  it('does not take what comes on channels of its own', async () => {
    const seen = await open([80]);
    client.send(Buffer.from('\x01no'));
    client.send(Buffer.from('\x07no'));
    client.send(Buffer.from('\x00yes'));
    await until(seen, 3);
    assert.deepEqual(seen.slice(2).map(String), ['\x00yes']);
  });

  it('lets go of the runtime when the client leaves', async () => {
    const taken = once(runtime, 'connection');
    await open([80]);
    const [socket] = (await taken) as [Socket];
    const closed = new Promise((resolve) => socket.once('close', resolve));
    client.terminate();
    await closed;
  });
});

describe('ports of a request', () => {
  const of = (query: string): number[] => forwardedPorts(new URLSearchParams(query));
  it('are one or several', () => {
    assert.deepEqual(of('port=80&port=443'), [80, 443]);
  });
  const tooMany = `port=1${'&port=1'.repeat(200)}`;
  for (const query of ['', 'port=x', 'port=0', 'port=70000', tooMany]) {
    it(`are refused: ${query.slice(0, 20)}`, () => assert.throws(() => of(query), DoorError));
  }
});
