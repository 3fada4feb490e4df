import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ManualClock, silentLogger } from '@kubets/platform';
import { frameBytes, PING_BYTES, PREFACE, settingsFrame, TYPE } from '@kubets/platform/http2';
import { LIMITS } from '../limits.ts';
import { Door } from './door.ts';

const SETTINGS = settingsFrame([]);

describe('the client port in plain text', () => {
  const clock = new ManualClock();
  let door: Door;
  let port = 0;

  before(async () => {
    const http = async () => ({ status: 200, type: 'text/plain', text: 'ok' });
    door = new Door({ clock, log: silentLogger, maxMessageBytes: 1000, http });
    port = await door.listen('127.0.0.1', 0);
  });
  after(async () => {
    const closed = door.close(0);
    clock.advance(1);
    await closed;
  });

  async function greet(bytes: Buffer): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(Buffer.concat([PREFACE, bytes]));
    await once(socket, 'data');
    return socket;
  }

  for (const authority of ['127.0.0.1:2379', 'http://127.0.0.1:2379', '#initially=[a;b]']) {
    it(`answers a client that calls it ${authority}`, async () => {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      for (let round = 0; round < 2; round++) {
        const stream = session.request({ ':path': '/version', ':authority': authority });
        const [headers] = await once(stream, 'response');
        assert.equal(headers[':status'], 200);
        stream.resume();
        await once(stream, 'end');
      }
      session.close();
    });
  }

  it('answers the pings of a client that asks for nothing', async () => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    await once(session, 'connect');
    await new Promise<void>((resolve, reject) => {
      session.ping((error) => (error === null ? resolve() : reject(error)));
    });
    session.close();
  });

  it('closes a connection whose client does not begin in time', async () => {
    const socket = await greet(Buffer.alloc(0));
    clock.advance(LIMITS.openingMs);
    await once(socket, 'close');
  });

  it('keeps a client that has begun and asks for nothing yet', async () => {
    const socket = await greet(SETTINGS);
    clock.advance(LIMITS.openingMs);
    socket.write(frameBytes(TYPE.ping, 0, 0, Buffer.alloc(PING_BYTES)));
    const [pong] = await once(socket, 'data');
    assert.equal(pong[3], TYPE.ping);
    socket.destroy();
  });
});
