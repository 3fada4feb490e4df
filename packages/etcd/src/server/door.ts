/**
 * The client port: gRPC over HTTP/2, and `/health /metrics /version …` over HTTP/1.1 on the same port, as etcd has it.
 *
 * It speaks gRPC over HTTP/2 of the project's own. The general gRPC server of the other processes cannot share its port with plain
 * HTTP, and costs several times as much for each call as the store's own work does.
 */

import {
  createServer as createHttp1Server,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import {
  type Clock,
  ConfigError,
  delay,
  errorMessage,
  type Logger,
  type Timer,
  type TlsMaterial,
} from '@kubets/platform';
import {
  PREFACE,
  ServerConnection,
  type ServerLimits,
  type ServerStream,
} from '@kubets/platform/http2';
import type { MethodPlan } from '../codec/index.ts';
import { CODE, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import {
  type CallOptions,
  refuse,
  type StreamHandler,
  serveStream,
  serveUnary,
  type UnaryHandler,
} from './calls.ts';
import type { HttpReplier } from './http.ts';

export interface DoorOptions {
  readonly tls?: TlsMaterial & { readonly requireClientCert: boolean };
  readonly clock: Clock;
  readonly log: Logger;
  readonly maxMessageBytes: number;
  /** Answers everything that is not gRPC. */
  readonly http: HttpReplier;
}

type Serve = (stream: ServerStream) => void;

const HTTP2_LIMITS: ServerLimits = {
  streams: LIMITS.streamsPerConnection,
  streamWindowBytes: LIMITS.streamWindowBytes,
  connectionWindowBytes: LIMITS.connectionWindowBytes,
  headerBytes: LIMITS.headerBytes,
  resetBurst: LIMITS.resetBurst,
  resetsPerSecond: LIMITS.resetsPerSecond,
};

export class Door {
  private readonly options: DoorOptions;
  private readonly methods = new Map<string, Serve>();
  private readonly services = new Set<string>();
  private readonly http1;
  private readonly listeners: Server[] = [];
  private readonly connections = new Set<ServerConnection>();
  private readonly unanswered = new WeakSet<ServerConnection>();
  private readonly sockets = new Set<Socket>();
  private readonly pings: Timer;

  constructor(options: DoorOptions) {
    this.options = options;
    this.http1 = createHttp1Server((request, response) => void this.serveHttp1(request, response));
    this.pings = options.clock.setInterval(() => this.pingAll(), LIMITS.clientPingMs);
  }

  /** Adds a method with one request and one response. */
  unary(method: MethodPlan, handler: UnaryHandler): void {
    const options = this.callOptions();
    const route = { method, handler };
    this.add(method, (stream) => serveUnary(stream, route, options));
  }

  /** Adds a method with a stream of responses. */
  stream(method: MethodPlan, handler: StreamHandler): void {
    const options = this.callOptions();
    this.add(method, (stream) => serveStream(stream, method, handler, options));
  }

  private callOptions(): CallOptions {
    const { maxMessageBytes, log } = this.options;
    return { maxMessageBytes, log };
  }

  private add(method: MethodPlan, serve: Serve): void {
    this.methods.set(method.path, serve);
    this.services.add(method.path.split('/')[1] ?? '');
  }

  private serve(stream: ServerStream): void {
    const { path, headers } = stream.head;
    const serve = this.methods.get(path);
    const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
    if (isGrpc && serve !== undefined) {
      serve(stream);
      return;
    }
    if (!isGrpc) {
      void this.serveHttp2(stream);
      return;
    }
    const [, service = '', method = ''] = path.split('/');
    const what = this.services.has(service)
      ? `unknown method ${method} for service ${service}`
      : `unknown service ${service}`;
    refuse(stream, statusError(CODE.unimplemented, what));
  }

  /** Plain HTTP over HTTP/2, as clients that negotiate it over TLS send it. */
  private async serveHttp2(stream: ServerStream): Promise<void> {
    const { method, path } = stream.head;
    if (method !== 'GET') {
      stream.respond([[':status', '415']], true);
      return;
    }
    const { status, type, text } = await this.options.http(path);
    stream.respond([
      [':status', String(status)],
      ['content-type', type],
    ]);
    stream.end(Buffer.from(text));
  }

  private async serveHttp1(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, text } = await this.options.http(request.url ?? '/');
    response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' });
    response.end(text);
  }

  private adopt(socket: Socket): ServerConnection {
    const { clock, log } = this.options;
    const events = {
      onRequest: (stream: ServerStream) => this.serve(stream),
      onClosed: (why: string) => {
        opening.cancel();
        this.connections.delete(connection);
        log.debug({ why }, 'a client connection ended');
      },
    };
    const connection = new ServerConnection(socket, events, HTTP2_LIMITS, clock);
    const opening = clock.setTimeout(() => {
      if (!connection.isOpen) connection.destroy('it did not begin in time');
    }, LIMITS.openingMs);
    this.connections.add(connection);
    return connection;
  }

  /** Connections whose other end is gone without a word are closed when a ping is not answered by the next one. */
  private pingAll(): void {
    for (const connection of this.connections) {
      if (this.unanswered.has(connection)) {
        connection.destroy('it does not answer a ping');
        continue;
      }
      this.unanswered.add(connection);
      connection.ping(() => this.unanswered.delete(connection));
    }
  }

  /**
   * @param address `host:port`; port 0 takes a free one
   * @returns the port
   * @throws ConfigError when the address cannot be taken
   */
  listen(host: string, port: number): Promise<number> {
    return this.open(this.makeListener(), host, port);
  }

  /** The same, for plain HTTP/1 alone: health and metrics, without TLS whatever the rest has. */
  listenHttp(host: string, port: number): Promise<number> {
    const server = createTcpServer((socket) => {
      this.track(socket);
      this.http1.emit('connection', socket);
    });
    return this.open(server, host, port);
  }

  private open(server: Server, host: string, port: number): Promise<number> {
    this.listeners.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        reject(new ConfigError(`cannot listen on ${host}:${port}: ${errorMessage(error)}`));
      });
      server.listen({ host, port, backlog: LIMITS.listenBacklog }, () => {
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
      });
    });
  }

  private makeListener(): Server {
    const { tls } = this.options;
    if (tls === undefined) return createTcpServer((socket) => this.sniff(socket));
    const { cert, key, ca, requireClientCert } = tls;
    const server = createTlsServer({
      ...{ cert, key, ca, requestCert: requireClientCert, rejectUnauthorized: requireClientCert },
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    server.on('secureConnection', (socket) => {
      this.track(socket);
      socket.setNoDelay(true);
      if (socket.alpnProtocol === 'h2') this.adopt(socket);
      else this.http1.emit('connection', socket);
    });
    server.on('tlsClientError', (error: Error) => {
      this.options.log.debug({ error: error.message }, 'TLS handshake refused');
    });
    return server;
  }

  /** On plain text the first bytes tell HTTP/2 from HTTP/1. */
  private sniff(socket: Socket): void {
    this.track(socket);
    socket.setNoDelay(true);
    socket.once('data', (first: Buffer) => {
      const isHttp2 = PREFACE.subarray(0, first.length).equals(first.subarray(0, PREFACE.length));
      if (isHttp2) {
        this.adopt(socket).push(first);
        return;
      }
      socket.pause();
      socket.unshift(first);
      this.http1.emit('connection', socket);
      socket.resume();
    });
  }

  private track(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
  }

  /** Takes no new connections, lets calls under way finish for a while, then closes what is left. */
  async close(graceMs: number): Promise<void> {
    this.pings.cancel();
    for (const server of this.listeners) server.close();
    for (const connection of this.connections) connection.leave();
    const { clock } = this.options;
    await Promise.race([this.emptied(), delay(graceMs, { clock })]);
    for (const connection of this.connections) connection.destroy('the member stops');
    for (const socket of this.sockets) socket.destroy();
    this.http1.closeAllConnections();
  }

  /** Resolves when no connection is left. */
  private async emptied(): Promise<void> {
    await Promise.all([...this.connections].map(({ whenClosed }) => whenClosed));
  }
}
