/** Requests and answers over the real HTTP/2 door, as Node's client sees them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '@kubets/platform';
import { ServerConnection, type ServerStream } from '@kubets/platform/http2';
import { Http2Request, Http2Response } from './http2-messages.ts';

const LIMITS = {
  ...{ streams: 100, streamWindowBytes: 65_536, connectionWindowBytes: 65_536 },
  ...{ headerBytes: 65_536, resetBurst: 100, resetsPerSecond: 100 },
};
const MIB = 1024 * 1024;

type Work = (request: Http2Request, response: Http2Response) => void;
let work: Work;
let client: ClientHttp2Session;

const server = createServer((socket) => {
  const onRequest = (stream: ServerStream): void =>
    work(new Http2Request(stream), new Http2Response(stream, { text: () => 'now' }));
  new ServerConnection(socket, { onRequest, onClosed: () => undefined }, LIMITS, systemClock);
});
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
after(() => {
  client.destroy();
  server.close();
});

async function ask(method: string, serve: Work, body?: Buffer) {
  work = serve;
  const stream = client.request({ ':method': method, ':path': '/p?q' });
  stream.end(body);
  const [headers] = await once(stream, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { headers, body: Buffer.concat(chunks) };
}

describe('an answer', () => {
  it('has its status, headers of any case, several of one name, and a date', async () => {
    const { headers, body } = await ask('GET', (request, response) => {
      assert.deepEqual([request.method, request.url], ['GET', '/p?q']);
      response.statusCode = 201;
      response.setHeader('X-One', '1');
      response.setHeader('set-cookie', ['a', 'b']);
      response.end('text');
    });
    assert.deepEqual([headers[':status'], headers['x-one'], headers.date], [201, '1', 'now']);
    assert.deepEqual([headers['set-cookie'], body.toString()], [['a', 'b'], 'text']);
  });

  it('takes no header that would be two', async () => {
    await ask('GET', (_request, response) => {
      assert.throws(() => response.setHeader('a', 'b\r\nc: d'), TypeError);
      assert.throws(() => response.setHeader('a', '日本'), TypeError);
      response.end();
    });
  });

  it('to HEAD, or of a status without one, has no body', async () => {
    const serve = (status: number): Work => {
      return (_request, response) => {
        response.statusCode = status;
        response.setHeader('x-length', '4');
        response.write(Buffer.from('te'));
        response.end('xt');
        assert.ok(response.isClosed);
      };
    };
    for (const [method, status] of [
      ['HEAD', 200],
      ['HEAD', 404],
      ['GET', 204],
      ['GET', 304],
    ] as const) {
      const { headers, body } = await ask(method, serve(status));
      assert.deepEqual([headers[':status'], headers['x-length'], body.length], [status, '4', 0]);
    }
  });

  it('takes what is piped into it at the pace of the client', async () => {
    const { body } = await ask('GET', (_request, response) => {
      const source = new PassThrough();
      void pipeline(source, response.toWritable());
      for (let i = 0; i < 32; i += 1) source.write(Buffer.alloc(MIB / 4, i));
      source.end();
    });
    assert.equal(body.length, 8 * MIB);
    assert.deepEqual([body[0], body.at(-1)], [0, 31]);
  });

  it('given up by the client ends what is piped into it', async () => {
    const ended = Promise.withResolvers<unknown>();
    work = (_request, response) => {
      const source = new PassThrough();
      pipeline(source, response.toWritable()).then(ended.resolve, ended.resolve);
      source.write('a');
    };
    const stream = client.request({});
    stream.on('error', () => undefined);
    await once(stream, 'data');
    stream.close(constants.NGHTTP2_CANCEL);
    assert.ok((await ended.promise) instanceof Error);
  });
});

describe('a request', () => {
  it('is read as a stream, at the pace of whoever reads it', async () => {
    const serve: Work = (request, response) => {
      const sink = response.toWritable();
      void pipeline(request.readable(), sink);
    };
    const { body } = await ask('POST', serve, Buffer.alloc(3 * MIB, 7));
    assert.equal(body.length, 3 * MIB);
  });

  it('of a client that goes away ends whoever reads it', async () => {
    const cut = Promise.withResolvers<Error>();
    const own = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    work = (request) => {
      const readable = request.readable();
      readable.on('error', cut.resolve);
      readable.on('data', () => own.destroy());
    };
    const stream = own.request({ ':method': 'POST' });
    stream.on('error', () => undefined);
    stream.write('a');
    assert.match((await cut.promise).message, /went away/);
  });
});
