import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import type { Pod, PodSpec } from '@kubets/api';
import { createStreaming } from './index.ts';
import { StreamingSetup } from './testing.ts';
import { CLIENT_CERT, CLIENT_KEY, SERVER_CERT, SERVER_KEY } from './testing-certificates.ts';

const pod = (spec: PodSpec, status: Pod['status']): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'p' },
  spec,
  status,
});

let t: StreamingSetup;
beforeEach(async () => {
  t = new StreamingSetup();
  await t.start();
});
afterEach(() => t.close());

describe('proxies to pods', () => {
  it('lead pages and redirects back through themselves', async () => {
    const page = '<a href="/rewriteme">test</a>';
    const web = createHttpServer((request, response) => {
      if (request.url === '/old') {
        response.writeHead(302, { location: '/new' }).end();
        return;
      }
      const packed = request.url === '/gz' ? gzipSync(page) : Buffer.from(page);
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.setHeader('content-length', packed.length);
      response.setHeader('x-asked', String(request.headers['x-forwarded-uri']));
      if (request.url === '/gz') response.setHeader('content-encoding', 'gzip');
      response.end(packed);
    });
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    const { port } = web.address() as AddressInfo;
    t.store.seed(pod({ containers: [{ name: 'c' }] }, { podIP: '127.0.0.1' }));
    const base = `/api/v1/namespaces/ns/pods/p:${port}/proxy`;
    for (const path of ['/', '/gz']) {
      const { body, headers } = await t.get(base + path);
      assert.equal(body, `<a href="${base}/rewriteme">test</a>`);
      assert.equal(headers['x-asked'], base + path);
    }
    assert.equal((await t.get(`${base}/old`)).headers.location, `${base}/new`);
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await t.get(`${base}?method=${method}`, { method });
      assert.deepEqual([status, headers.location], [301, `${base}/?method=${method}`]);
    }
    assert.equal((await t.get(base, { method: 'DELETE' })).status, 200);
    web.closeAllConnections();
    web.close();
  });

  it('say so when nobody answers there', async () => {
    t.store.seed(pod({ containers: [{ name: 'c' }] }, { podIP: '127.0.0.1' }));
    const { status, body } = await t.get('/api/v1/namespaces/ns/pods/p:1/proxy/');
    const why = 'dial tcp 127.0.0.1:1: connect: connection refused';
    assert.deepEqual([status, body], [503, `error trying to reach service: ${why}`]);
  });

  it('take whatever certificate a pod shows, and show it none', async () => {
    const names: unknown[] = [];
    const web = createHttpsServer(
      { cert: SERVER_CERT, key: SERVER_KEY, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        names.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
        response.end('tls');
      },
    );
    t.streaming.close();
    t.streaming = createStreaming({
      store: t.store,
      isAllowed: () => true,
      addressTypes: ['InternalIP'],
      tls: { cert: Buffer.from(CLIENT_CERT), key: Buffer.from(CLIENT_KEY) },
    });
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    const { port } = web.address() as AddressInfo;
    t.store.seed(pod({ containers: [{ name: 'c' }] }, { podIP: '127.0.0.1' }));
    const { body } = await t.get(`/api/v1/namespaces/ns/pods/https:p:${port}/proxy/`);
    assert.deepEqual([body, names], ['tls', [undefined]]);
    web.closeAllConnections();
    web.close();
  });
});
