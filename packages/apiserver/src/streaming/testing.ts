/** What the tests of streaming stand on: a kubelet on loopback, and the stream handlers behind a plain server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { ApiError, type Node } from '@kubets/api';
import { FakeStore, user } from '../edge-testing.ts';
import type { RequestInfo, StreamHandler, StreamRequest } from '../ports.ts';
import { createStreaming, type Streaming } from './index.ts';
import {
  CLIENT_CERT,
  CLIENT_KEY,
  SERVER_CERT,
  SERVER_KEY,
  TEST_CA,
} from './testing-certificates.ts';

type Reply = (request: IncomingMessage, response: ServerResponse) => void;

/** A kubelet of loopback that answers as told, and an apiserver of which only the stream handlers are real. */
export class StreamingSetup {
  readonly store = new FakeStore();
  readonly seen: { method: string; url: string; headers: IncomingHttpHeaders; peer: string }[] = [];
  reply: Reply = (_request, response) => response.end('hello');
  onUpgrade: (request: IncomingMessage, socket: Duplex) => void = (_request, socket) =>
    socket.destroy();
  streaming: Streaming = { handlers: [], close: () => undefined };
  readonly stop = new AbortController();
  #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  apiPort = 0;
  kubeletPort = 0;

  async start(): Promise<void> {
    const kubelet = createHttpsServer({
      cert: SERVER_CERT,
      key: SERVER_KEY,
      ca: TEST_CA,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const note = (request: IncomingMessage): void => {
      const socket = request.socket as TLSSocket;
      this.seen.push({
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        peer: String(socket.getPeerCertificate().subject?.CN),
      });
    };
    kubelet.on('request', (request, response) => {
      note(request);
      this.reply(request, response);
    });
    kubelet.on('upgrade', (request, socket) => {
      note(request);
      this.onUpgrade(request, socket);
    });
    this.kubeletPort = await this.#listen(kubelet as unknown as Server);
    this.store.seed(this.node());
    this.streaming = createStreaming({
      store: this.store,
      isAllowed: () => true,
      addressTypes: ['InternalIP'],
      tls: {
        cert: Buffer.from(CLIENT_CERT),
        key: Buffer.from(CLIENT_KEY),
        ca: Buffer.from(TEST_CA),
      },
    });
    await this.#startApi();
  }

  node(port = this.kubeletPort): Node {
    return {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n' },
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: port } },
      },
    };
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.streaming.close();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(
      this.#servers.map((server) => new Promise((resolve) => server.close(resolve))),
    );
  }

  async #startApi(): Promise<void> {
    const api = createHttpServer((request, response) => {
      const { handler, stream } = this.#route(request);
      handler.handle(stream, response).catch((error: unknown) => {
        if (response.headersSent) {
          response.destroy();
          return;
        }
        response.statusCode = error instanceof ApiError ? error.code : 500;
        response.end((error as Error).message);
      });
    });
    api.on('upgrade', (request, socket, head) => {
      const { handler, stream } = this.#route(request);
      handler.upgrade?.(stream, socket, head).catch((error: unknown) => {
        const { message } = error as Error;
        const code = error instanceof ApiError ? error.code : 500;
        socket.end(
          `HTTP/1.1 ${code} X\r\ncontent-length: ${Buffer.byteLength(message)}\r\n\r\n${message}`,
        );
      });
    });
    this.apiPort = await this.#listen(api);
  }

  #route(request: IncomingMessage): { handler: StreamHandler; stream: StreamRequest } {
    const url = new URL(request.url ?? '', 'http://x');
    const parts = url.pathname.split('/').slice(1);
    const namespaced = parts[2] === 'namespaces';
    const [resource = '', name = '', subresource = ''] = parts.slice(namespaced ? 4 : 2);
    const namespace = namespaced ? (parts[3] ?? '') : '';
    const handler = this.streaming.handlers.find(
      (one) => one.resource === resource && one.subresource === subresource,
    );
    assert.ok(handler, url.pathname);
    const info = {
      namespace,
      name: decodeURIComponent(name),
      resource,
      subresource,
    } as RequestInfo;
    const { signal } = this.stop;
    return { handler, stream: { info, user: user('t'), query: url.searchParams, request, signal } };
  }

  async #listen(server: Server): Promise<number> {
    this.#servers.push(server);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  open(path: string, o: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
    const { method = 'GET', headers = {}, body } = o;
    const request = httpRequest({ host: '127.0.0.1', port: this.apiPort, path, method, headers });
    request.end(body);
    return request;
  }

  async get(path: string, o: Parameters<StreamingSetup['open']>[1] = {}) {
    const [response] = (await once(this.open(path, o), 'response')) as [IncomingMessage];
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  }

  /** Asks for an upgrade; resolves with the socket, or with the refusal. */
  async upgrade(path: string, headers: Record<string, string> = {}) {
    const request = this.open(path, {
      headers: { connection: 'Upgrade', upgrade: 'websocket', ...headers },
    });
    return new Promise<{ response: IncomingMessage; socket?: Duplex; body: string }>(
      (resolve, reject) => {
        request.on('upgrade', (response, socket, head) => {
          socket.unshift(head);
          resolve({ response, socket, body: '' });
        });
        request.on('response', (response) => {
          text(response).then((body) => resolve({ response, body }), reject);
        });
        request.on('error', reject);
      },
    );
  }
}
