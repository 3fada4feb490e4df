/**
 * The client port: gRPC over HTTP/2, and `/health /metrics /version …` over HTTP/1.1 on the same port, as etcd has it.
 *
 * It speaks gRPC over `node:http2` directly. The general gRPC server of the other processes cannot share its port with plain
 * HTTP, and costs several times as much for each call as the store's own work does.
 */

import {
  createServer as createHttp1Server,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import {
  createServer as createHttp2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
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
import { PREFACE, SETTING, settingsFrame } from '../client/http2/frame.ts';
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
import { Opening } from './opening.ts';

export interface DoorOptions {
  readonly tls?: TlsMaterial & { readonly requireClientCert: boolean };
  readonly clock: Clock;
  readonly log: Logger;
  readonly maxMessageBytes: number;
  /** Answers everything that is not gRPC. */
  readonly http: HttpReplier;
}

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

const HTTP2_OPTIONS = {
  // One apiserver has thousands of requests and watches under way on a single connection.
  maxSessionMemory: 512,
  streamResetBurst: 100_000,
  streamResetRate: 10_000,
  settings: {
    maxConcurrentStreams: LIMITS.streamsPerConnection,
    initialWindowSize: LIMITS.streamWindowBytes,
  },
};
const SETTINGS_FRAME = settingsFrame([
  [SETTING.maxConcurrentStreams, HTTP2_OPTIONS.settings.maxConcurrentStreams],
  [SETTING.initialWindowSize, HTTP2_OPTIONS.settings.initialWindowSize],
]);

export class Door {
  private readonly options: DoorOptions;
  private readonly methods = new Map<string, Serve>();
  private readonly services = new Set<string>();
  private readonly http1;
  private readonly http2 = createHttp2Server(HTTP2_OPTIONS);
  private readonly listeners: Server[] = [];
  private readonly sessions = new Set<Http2Session>();
  private readonly sockets = new Set<Socket>();
  private readonly pings: Timer;

  constructor(options: DoorOptions) {
    this.options = options;
    this.http1 = createHttp1Server((request, response) => void this.serveHttp1(request, response));
    this.http2.on('session', (session: ServerHttp2Session) => this.adopt(session));
    this.http2.on('stream', (stream, headers) => {
      // A stream may be gone before it is looked at; that must not become an error of the process.
      stream.on('error', () => undefined);
      if (!stream.destroyed && !stream.closed) this.serve(stream, headers);
    });
    this.http2.on('sessionError', (error: Error) => {
      options.log.debug({ error: error.message }, 'client connection failed');
    });
    this.pings = options.clock.setInterval(() => this.pingAll(), LIMITS.clientPingMs);
  }

  /** Adds a method with one request and one response. */
  unary(method: MethodPlan, handler: UnaryHandler): void {
    const options = this.callOptions();
    const route = { method, handler };
    this.add(method, (stream, headers) => serveUnary(stream, headers, route, options));
  }

  /** Adds a method with a stream of responses. */
  stream(method: MethodPlan, handler: StreamHandler): void {
    const options = this.callOptions();
    this.add(method, (stream, headers) => serveStream(stream, headers, method, handler, options));
  }

  private callOptions(): CallOptions {
    const { maxMessageBytes, log } = this.options;
    return { maxMessageBytes, log };
  }

  private add(method: MethodPlan, serve: Serve): void {
    this.methods.set(method.path, serve);
    this.services.add(method.path.split('/')[1] ?? '');
  }

  private serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = headers[':path'] ?? '';
    const serve = this.methods.get(path);
    const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
    if (isGrpc && serve !== undefined) {
      serve(stream, headers);
      return;
    }
    if (!isGrpc) {
      void this.serveHttp2(stream, headers);
      return;
    }
    const [, service = '', method = ''] = path.split('/');
    const what = this.services.has(service)
      ? `unknown method ${method} for service ${service}`
      : `unknown service ${service}`;
    refuse(stream, statusError(CODE.unimplemented, what));
  }

  /** Plain HTTP over HTTP/2, as clients that negotiate it over TLS send it. */
  private async serveHttp2(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    if (headers[':method'] !== 'GET') {
      stream.respond({ ':status': 415 }, { endStream: true });
      return;
    }
    const { status, type, text } = await this.options.http(headers[':path'] ?? '/');
    if (stream.destroyed) return;
    stream.respond({ ':status': status, 'content-type': type });
    stream.end(text);
  }

  private async serveHttp1(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, text } = await this.options.http(request.url ?? '/');
    response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' });
    response.end(text);
  }

  private adopt(session: ServerHttp2Session): void {
    this.sessions.add(session);
    session.setLocalWindowSize(LIMITS.connectionWindowBytes);
    session.on('close', () => this.sessions.delete(session));
    session.on('error', () => undefined);
  }

  /** Connections whose other end is gone without a word are closed when a ping is not answered by the next one. */
  private pingAll(): void {
    for (const session of this.sessions) {
      if (session.closed || session.destroyed) continue;
      if (unanswered.has(session)) {
        session.destroy();
        continue;
      }
      unanswered.add(session);
      session.ping((error) => {
        if (error === null) unanswered.delete(session);
      });
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
      (socket.alpnProtocol === 'h2' ? this.http2 : this.http1).emit('connection', socket);
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
        this.beginHttp2(socket, first);
        return;
      }
      socket.pause();
      socket.unshift(first);
      this.http1.emit('connection', socket);
      socket.resume();
    });
  }

  /** Reads up to the headers of the first request, then leaves the connection to the library. */
  private beginHttp2(socket: Socket, first: Buffer): void {
    const opening = new Opening();
    const read = (chunk: Buffer): void => {
      const bytes = opening.push(chunk);
      if (bytes !== undefined) handOver(bytes);
      else if (opening.size > LIMITS.openingBytes) socket.destroy();
    };
    const handOver = (bytes: Buffer): void => {
      timer.cancel();
      socket.off('data', read);
      socket.pause();
      socket.unshift(bytes);
      this.http2.emit('connection', socket);
    };
    const timer = this.options.clock.setTimeout(() => {
      if (opening.acknowledged) handOver(opening.rest());
      else socket.destroy();
    }, LIMITS.openingMs);
    socket.once('close', () => timer.cancel());
    socket.write(SETTINGS_FRAME);
    socket.on('data', read);
    read(first);
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
    const closing = [...this.sessions].map(
      (session) => new Promise<void>((resolve) => session.close(() => resolve())),
    );
    const { clock } = this.options;
    await Promise.race([Promise.all(closing), delay(graceMs, { clock })]);
    for (const session of this.sessions) session.destroy();
    for (const socket of this.sockets) socket.destroy();
    this.http1.closeAllConnections();
  }
}

const unanswered = new WeakSet<Http2Session>();
