import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer, type Server } from 'node:https';
import { type AddressInfo, connect, createServer, type Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { Endpoints, Node, Service } from '@kubets/api';
import { systemClock } from '@kubets/platform';
import { askWebhook } from '../admission/webhooks/call.ts';
import { FakeStore } from '../edge-testing.ts';
import { type BackendRequest, KubeletClient } from './kubelet-client.ts';
import { KubeletWay } from './kubelet-way.ts';
import {
  CLIENT_CERT,
  CLIENT_KEY,
  SERVER_CERT,
  SERVER_KEY,
  TEST_CA,
} from './testing-certificates.ts';

/** Within the node's range; nobody listens there: only the kubelet knows what it stands for. */
const POD_IP = '127.0.5.9';
const tls = {
  cert: Buffer.from(CLIENT_CERT),
  key: Buffer.from(CLIENT_KEY),
  ca: Buffer.from(TEST_CA),
};

async function listening(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('pods reached through their kubelets', () => {
  const store = new FakeStore();
  const way = new KubeletWay({ store, tls, addressTypes: ['InternalIP'] });
  const client = new KubeletClient({}, way);
  const servers: (NetServer | Server)[] = [];
  let asked: { target: string; peer: string }[] = [];
  let refusal: { status: string; code?: string } | undefined;
  let plainPort = 0;
  let securePort = 0;

  before(async () => {
    const certs = { cert: SERVER_CERT, key: SERVER_KEY };
    const kubelet = createHttpsServer({ ...certs, ca: TEST_CA, requestCert: true });
    kubelet.on('connect', (request: IncomingMessage, socket: Duplex) => {
      const peer = String((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
      asked.push({ target: request.url ?? '', peer });
      if (refusal) {
        const code = refusal.code ? `x-kubets-error-code: ${refusal.code}\r\n` : '';
        socket.end(`HTTP/1.1 ${refusal.status}\r\n${code}content-length: 2\r\n\r\nno`);
        return;
      }
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const pod = connect(Number(request.url?.split(':')[1]), '127.0.0.1');
      socket.pipe(pod).pipe(socket);
    });
    const plain = createHttpServer((request, response) => response.end(`plain ${request.url}`));
    plain.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    const secure = createHttpsServer(certs, (_request, response) => response.end('secure'));
    servers.push(kubelet, plain, secure);
    const kubeletPort = await listening(kubelet);
    [plainPort, securePort] = [await listening(plain), await listening(secure)];
    const node: Node = {
      ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } },
      spec: { podCIDR: '127.0.5.0/24' },
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
      },
    };
    store.seed(node);
  });
  beforeEach(() => {
    asked = [];
    refusal = undefined;
  });
  after(() => {
    client.close();
    for (const server of servers) server.close();
  });

  const request = (more: Partial<BackendRequest>): BackendRequest => ({
    ...{ scheme: 'http', host: POD_IP, port: plainPort, method: 'GET', path: '/x', headers: {} },
    ...{ signal: AbortSignal.timeout(30_000), isWorkload: true, isProxied: true },
    ...more,
  });

  it('are asked over HTTP and HTTPS, the kubelet by the apiserver’s certificate', async () => {
    assert.equal(await text(await client.request(request({}))), 'plain /x');
    const secure = request({ scheme: 'https', port: securePort });
    assert.equal(await text(await client.request(secure)), 'secure');
    assert.deepEqual(
      asked.map(({ target }) => target),
      [`${POD_IP}:${plainPort}`, `${POD_IP}:${securePort}`],
    );
    assert.ok(
      asked.every(({ peer }) => peer === 'client'),
      JSON.stringify(asked),
    );
  });

  it('take upgrades', async () => {
    const headers = { connection: 'upgrade', upgrade: 'echo' };
    const { socket, head } = await client.upgrade(request({ headers }));
    socket.unshift(head);
    socket.write('ping');
    const [heard] = (await once(socket, 'data')) as [Buffer];
    assert.equal(heard.toString(), 'ping');
    socket.destroy();
  });

  it('are webhooks, with the certificate of their Service', async () => {
    const metadata = { namespace: 'ns', name: 'hook' };
    const service: Service = { metadata, spec: { ports: [{ port: 443 }] } };
    const subsets = [{ addresses: [{ ip: POD_IP }], ports: [{ port: securePort }] }];
    const endpoints: Endpoints = { metadata, subsets };
    store.seed({ apiVersion: 'v1', kind: 'Service', ...service });
    store.seed({ apiVersion: 'v1', kind: 'Endpoints', ...endpoints });
    const caBundle = Buffer.from(TEST_CA).toString('base64');
    const o = { store, clock: systemClock, seconds: 10, way };
    // The tests' certificate is for another name: what was asked is a server behind the tunnel.
    await assert.rejects(
      askWebhook({ service: metadata, caBundle }, {}, o),
      /Post "https:\/\/hook.ns.svc\/\?timeout=10s": .*certificate is valid for .*, not hook.ns.svc/,
    );
    assert.deepEqual(
      asked.map(({ target }) => target),
      [`${POD_IP}:${securePort}`],
    );
  });

  it('that refuse are told of as if they had been dialed', async () => {
    refusal = { status: '502 Bad Gateway', code: 'ECONNREFUSED' };
    const why = `error trying to reach service: dial tcp ${POD_IP}:${plainPort}: connect: connection refused`;
    await assert.rejects(client.request(request({})), { code: 503, message: why });
  });

  it('are dialed where the kubelet does not know how to connect', async () => {
    const direct = createServer((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\ndirect'));
    servers.push(direct);
    direct.listen(0, POD_IP);
    await once(direct, 'listening');
    const { port } = direct.address() as AddressInfo;
    refusal = { status: '404 Not Found' };
    assert.equal(await text(await client.request(request({ port }))), 'direct');
    assert.equal(asked.length, 1);
  });

  it('are only those of a node’s range', async () => {
    assert.equal(await way.open('127.0.0.1', plainPort), undefined);
    assert.equal(await way.open('127.0.6.1', plainPort), undefined);
    assert.equal(await way.open('pods.example.com', plainPort), undefined);
    const answer = await client.request(request({ host: '127.0.0.1' }));
    assert.equal(await text(answer), 'plain /x');
    assert.deepEqual(asked, []);
  });
});
