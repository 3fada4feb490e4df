/** The client of hollow nodes against Node's own server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { RestFault } from '../errors.ts';
import { selfSigned } from './certificate.ts';
import { RestClient, type WatchEvent } from './rest-client.ts';

let server: Http2SecureServer;
let client: RestClient;
let url = '';
let ca: Buffer;
const seen: [string, number][] = [];
let watching: ServerHttp2Stream | undefined;

before(async () => {
  const { cert, key } = await selfSigned();
  ca = Buffer.from(cert);
  server = createSecureServer({ cert, key });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const path = headers[':path'] ?? '';
    if (path === '/never') return;
    if (path === '/watch') {
      watching = stream;
      stream.respond({ ':status': 200 });
      stream.write('{"type":"ADDED","object":{"n":1}}\n{"type":"ADDED",');
      return;
    }
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const { authorization } = headers;
      const body = Buffer.concat(chunks).toString();
      stream.respond({ ':status': path === '/no' ? 404 : 200 });
      stream.end(
        JSON.stringify({ path, method: headers[':method'], authorization, body, message: 'no' }),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = open(url);
});
after(() => {
  client.close();
  server.close();
});

function open(at: string): RestClient {
  const access = { server: at, ca, cert: undefined, key: undefined, token: 't' };
  return new RestClient(access, ({ path }, _ms, status) => seen.push([path, status]));
}

describe('a client of an API server', () => {
  it('sends requests, a thousand at once too, and notes their status', async () => {
    const body = { a: 'x'.repeat(3_000) };
    const all = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => client.call({ verb: 'PUT', path: `/${i}`, body })),
    );
    for (const [i, answer] of all.entries()) {
      assert.deepEqual([answer.path, answer.method], [`/${i}`, 'PUT']);
      assert.deepEqual([answer.authorization, answer.body], ['Bearer t', JSON.stringify(body)]);
    }
    assert.equal(seen.filter(([, status]) => status === 200).length, 1_000);
  });

  it('throws what is no success', async () => {
    await assert.rejects(client.call({ verb: 'GET', path: '/no' }), (error: unknown) => {
      assert.ok(error instanceof RestFault);
      assert.equal(error.message, 'GET /no: 404 no');
      return error.status === 404;
    });
    await assert.rejects(client.drop({ verb: 'GET', path: '/no' }), RestFault);
  });

  it('gives requests up in time, and those for which there is no server at once', async () => {
    await assert.rejects(client.call({ verb: 'GET', path: '/never', timeoutMs: 1 }), RestFault);
    assert.deepEqual(seen.at(-1), ['/never', 0]);
    const lost = open('https://127.0.0.1:1');
    await assert.rejects(lost.call({ verb: 'GET', path: '/' }), RestFault);
    lost.close();
  });

  it('watches until the stream ends or is stopped', async () => {
    const events: WatchEvent[] = [];
    const second = Promise.withResolvers<void>();
    const watch = client.watch('/watch', (event) => {
      events.push(event);
      if (events.length === 1)
        watching?.write('"object":{"n":2}}\n{"type":"ERROR","object":{"code":410}}\n');
      else second.resolve();
    });
    await second.promise;
    watching?.end();
    assert.equal(await watch.done, 410);
    assert.deepEqual(
      events.map(({ object }) => object.n),
      [1, 2],
    );
    const other = client.watch('/watch', () => other.stop());
    assert.equal(await other.done, 200);
  });
});
