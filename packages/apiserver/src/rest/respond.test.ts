import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import { connect, constants } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { badRequest, tooManyRequests } from '@kubets/api';
import { systemClock } from '@kubets/platform';
import { ServerConnection, type ServerStream } from '@kubets/platform/http2';
import { GZIP_THRESHOLD_BYTES } from '../limits.ts';
import { Http2Response } from './http2-messages.ts';
import type { Representation } from './negotiate.ts';
import { type ReplyOptions, sendBytes, sendError, sendPieces, statusOf } from './respond.ts';

const PLAIN: Representation = { as: 'object', metaVersion: 'v1', format: 'json', pretty: false };
const reply = (o: Partial<ReplyOptions> = {}): ReplyOptions => ({
  status: 200,
  representation: PLAIN,
  warnings: [],
  gzip: false,
  ...o,
});

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** What a client gets of what `work` writes. */
async function exchange(work: (response: ServerResponse) => Promise<void>) {
  const server = createServer((_request, response) => void work(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const [response] = await once(request({ host: '127.0.0.1', port }).end(), 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { statusCode, headers } = response;
  return { status: statusCode as number, headers, bytes: Buffer.concat(chunks) };
}

describe('answers', () => {
  it('carry their length and are not cached', async () => {
    const { headers, bytes } = await exchange((r) => sendBytes(r, Buffer.from('{}'), reply()));
    assert.equal(bytes.toString(), '{}');
    assert.equal(headers['content-length'], '2');
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['cache-control'], 'no-cache, private');
  });

  it('carry no more warnings than there is room for', async () => {
    const sent = async (...warnings: string[]): Promise<number[]> => {
      const { headers } = await exchange((r) =>
        sendBytes(r, Buffer.from('{}'), reply({ warnings })),
      );
      const texts = [...String(headers.warning).matchAll(/299 - "([^"]*)"/g)];
      return texts.map(([, text = '']) => [...Buffer.from(text, 'latin1').toString()].length);
    };
    assert.deepEqual(await sent('a'.repeat(4000), 'b'.repeat(96), 'b'.repeat(96)), [4000, 96]);
    assert.deepEqual(await sent('ä'.repeat(4000), 'b'.repeat(97), 'c'), [256, 97, 1]);
    const many = Array.from({ length: 1_000 }, (_, i) => `${i}`.padEnd(300, '-'));
    assert.deepEqual(
      await sent(...many),
      Array.from({ length: 16 }, () => 256),
    );
  });

  it('carry warnings, with quotes and control characters made harmless', async () => {
    const warnings = ['say "hi"', 'two\nlines', 'back\\slash'];
    const { headers } = await exchange((r) => sendBytes(r, Buffer.from('{}'), reply({ warnings })));
    assert.equal(headers.warning, '299 - "say \\"hi\\"", 299 - "two lines", 299 - "back\\\\slash"');
  });

  it('are compressed when large and asked for', async () => {
    const large = Buffer.alloc(GZIP_THRESHOLD_BYTES + 1, 'a');
    const packed = await exchange((r) => sendBytes(r, large, reply({ gzip: true })));
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.ok(gunzipSync(packed.bytes).equals(large));
    const small = await exchange((r) => sendBytes(r, Buffer.from('x'), reply({ gzip: true })));
    assert.equal(small.headers['content-encoding'], undefined);
  });

  it('of many pieces arrive whole, however slowly they are read', async () => {
    const pieces = Array.from({ length: 2_000 }, (_, i) => Buffer.alloc(1_000, String(i % 10)));
    for (const gzip of [false, true]) {
      const { bytes } = await exchange((r) => sendPieces(r, pieces, reply({ gzip })));
      const whole = gzip ? gunzipSync(bytes) : bytes;
      assert.ok(whole.equals(Buffer.concat(pieces)));
    }
  });

  it('of few pieces carry their length', async () => {
    const pieces = [Buffer.from('a'), Buffer.from('b')];
    const { headers, bytes } = await exchange((r) => sendPieces(r, pieces, reply()));
    assert.deepEqual([headers['content-length'], bytes.toString()], ['2', 'ab']);
    const none = await exchange((r) => sendPieces(r, [], reply()));
    assert.equal(none.bytes.length, 0);
  });

  it('are dropped when the client goes away in the middle', async () => {
    let produced = 0;
    function* endless(): Generator<Buffer> {
      for (;;) {
        produced += 1;
        yield Buffer.alloc(64 * 1024);
      }
    }
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const server = createServer((_request, response) => {
      const limited = (function* () {
        for (const piece of endless()) {
          if (produced > 10_000) return;
          yield piece;
        }
      })();
      void sendPieces(response, limited, reply()).then(resolve);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => server.close().closeAllConnections());
    const { port } = server.address() as AddressInfo;
    const [response] = await once(request({ host: '127.0.0.1', port }).end(), 'response');
    response.destroy();
    await done;
    await turn();
  });
});

const LIMITS = {
  ...{ streams: 100, streamWindowBytes: 65_536, connectionWindowBytes: 65_536 },
  ...{ headerBytes: 65_536, resetBurst: 100, resetsPerSecond: 100 },
};

describe('HTTP/2 clients that go away', () => {
  /** Answers with endless pieces; resolves with how many were made once the answer is given up. */
  async function abandoned(o: { gzip: boolean; beforeAnswer: boolean }): Promise<number> {
    let produced = 0;
    function* endless(): Generator<Buffer> {
      for (; produced < 100_000; produced += 1) yield Buffer.alloc(64 * 1024, produced);
    }
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const onRequest = (stream: ServerStream): void => {
      const response = new Http2Response(stream, { text: () => 'now' });
      const answer = (): Promise<void> => sendPieces(response, endless(), reply({ gzip: o.gzip }));
      if (o.beforeAnswer) response.once('close', () => void answer().then(resolve));
      else void answer().then(resolve);
    };
    const server = createTcpServer((socket) => {
      new ServerConnection(socket, { onRequest, onClosed: () => undefined }, LIMITS, systemClock);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const session = connect(`http://127.0.0.1:${port}`);
    closing.push(() => {
      session.destroy();
      server.close();
    });
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => undefined);
    if (o.beforeAnswer) stream.once('ready', () => stream.close(constants.NGHTTP2_CANCEL));
    else stream.once('data', () => stream.close(constants.NGHTTP2_CANCEL));
    await done;
    return produced;
  }

  for (const gzip of [false, true]) {
    for (const beforeAnswer of [false, true]) {
      const when = beforeAnswer ? 'before' : 'during';
      it(`${when} the answer${gzip ? ', compressed,' : ''} hold nothing up`, async () => {
        assert.ok((await abandoned({ gzip, beforeAnswer })) < 10_000);
      });
    }
  }
});

it('warnings are sent as UTF-8, whatever is in them', async () => {
  const warnings = ['naïve "日本" \\ \n'];
  const { headers } = await exchange((r) => sendBytes(r, Buffer.from('{}'), reply({ warnings })));
  const text = Buffer.from(String(headers.warning), 'latin1').toString();
  assert.equal(text, '299 - "naïve \\"日本\\" \\\\  "');
});

describe('errors', () => {
  it('become their Status', async () => {
    const { status, bytes } = await exchange((r) =>
      sendError(r, badRequest('no'), { representation: PLAIN, warnings: [] }),
    );
    const json = JSON.parse(bytes.toString()) as Record<string, unknown>;
    assert.deepEqual([status, json.code, json.message], [400, 400, 'no']);
  });

  it('say when to come back', async () => {
    const { headers } = await exchange((r) =>
      sendError(r, tooManyRequests('later', 7), { representation: PLAIN, warnings: [] }),
    );
    assert.equal(headers['retry-after'], '7');
  });

  it('are no tables, whatever was asked for', async () => {
    const representation = { ...PLAIN, format: 'yaml', as: 'table' } as const;
    const { headers, bytes } = await exchange((r) =>
      sendError(r, badRequest('no'), { representation, warnings: [] }),
    );
    assert.equal(headers['content-type'], 'application/yaml');
    assert.match(bytes.toString(), /^kind: Status$/m);
  });

  it('of ours are internal, of clients expected', () => {
    assert.deepEqual(
      [statusOf(badRequest('x')).expected, statusOf(new Error('bug')).expected],
      [true, false],
    );
    const { status, code } = statusOf(new Error('bug'));
    assert.deepEqual([code, status.reason], [500, 'InternalError']);
    assert.match(statusOf('text').status.message ?? '', /text/);
  });
});
