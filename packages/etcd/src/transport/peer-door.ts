/** Where peers connect: gRPC over HTTP/2 of the project's own, one handler for each method. */
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import {
  type Clock,
  ConfigError,
  delay,
  errorMessage,
  type Logger,
  type TlsMaterial,
} from '@kubets/platform';
import { ServerConnection, type ServerLimits, type ServerStream } from '@kubets/platform/http2';
import { CODE } from '../errors.ts';
import { keepAlive } from './keep-alive.ts';
import {
  CONNECTION_WINDOW_BYTES,
  MAX_CALLS,
  MAX_HEADER_BYTES,
  OPENING_MS,
  RESET_BURST,
  RESETS_PER_SECOND,
  STREAM_WINDOW_BYTES,
} from './limits.ts';
import { answer } from './peer-answer.ts';

export type CallHandler = (stream: ServerStream) => void;

export interface PeerDoorOptions {
  /** Absent: plain text. */
  readonly tls: (TlsMaterial & { readonly requireClientCert: boolean }) | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** By path. */
  readonly methods: ReadonlyMap<string, CallHandler>;
}

const HTTP2_LIMITS: ServerLimits = {
  streams: MAX_CALLS,
  streamWindowBytes: STREAM_WINDOW_BYTES,
  connectionWindowBytes: CONNECTION_WINDOW_BYTES,
  headerBytes: MAX_HEADER_BYTES,
  resetBurst: RESET_BURST,
  resetsPerSecond: RESETS_PER_SECOND,
};

export class PeerDoor {
  readonly #options: PeerDoorOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<ServerConnection>();

  constructor(options: PeerDoorOptions) {
    this.#options = options;
    const { tls } = options;
    this.#server = tls === undefined ? createTcpServer() : this.#secureServer(tls);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      if (tls === undefined) this.#adopt(socket);
    });
  }

  #secureServer(tls: TlsMaterial & { readonly requireClientCert: boolean }): Server {
    const { cert, key, ca, requireClientCert } = tls;
    const server = createTlsServer({
      ...{ cert, key, ca, requestCert: requireClientCert, rejectUnauthorized: requireClientCert },
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
    });
    server.on('secureConnection', (socket) => {
      if (socket.alpnProtocol === 'h2') this.#adopt(socket);
      else socket.destroy();
    });
    server.on('tlsClientError', (error: Error) => {
      this.#options.log.debug({ error: error.message }, 'a connection from a peer failed');
    });
    return server;
  }

  #adopt(socket: Socket): void {
    const { clock, log } = this.#options;
    socket.setNoDelay(true);
    const events = {
      onRequest: (stream: ServerStream) => this.#serve(stream),
      onClosed: (why: string) => {
        opening.cancel();
        stopPings();
        this.#connections.delete(connection);
        log.debug({ why }, 'a connection from a peer ended');
      },
    };
    const connection = new ServerConnection(socket, events, HTTP2_LIMITS, clock);
    const stopPings = keepAlive(connection, clock);
    const opening = clock.setTimeout(() => {
      if (!connection.isOpen) connection.destroy('it did not begin in time');
    }, OPENING_MS);
    this.#connections.add(connection);
  }

  #serve(stream: ServerStream): void {
    const { path } = stream.head;
    const handler = this.#options.methods.get(path);
    if (handler !== undefined) handler(stream);
    else answer(stream, { code: CODE.unimplemented, details: `unknown method ${path}` });
  }

  /**
   * @param target `host:port`; port 0 takes a free one
   * @returns the port
   * @throws ConfigError when the address cannot be taken
   */
  listen(target: string): Promise<number> {
    const at = target.lastIndexOf(':');
    const host = target.slice(0, at).replace(/^\[|\]$/g, '');
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        const why = errorMessage(error);
        reject(new ConfigError(`cannot listen on ${target}: ${why}`, { cause: error }));
      });
      server.listen({ host, port: Number(target.slice(at + 1)) }, () => {
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
    });
  }

  /** Takes no new connections, lets answers under way go out, then closes what is left. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.leave();
    const gaveUp = new AbortController();
    const { clock } = this.#options;
    const late = delay(graceMs, { clock, signal: gaveUp.signal }).catch(() => undefined);
    await Promise.race([closed, late]);
    gaveUp.abort();
    for (const connection of this.#connections) connection.destroy('the member stops');
    for (const socket of this.#sockets) socket.destroy();
  }
}
