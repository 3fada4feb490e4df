/** Where peers connect: gRPC over `node:http2`, one handler for each method. */
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import {
  type Clock,
  ConfigError,
  delay,
  errorMessage,
  type Logger,
  type TlsMaterial,
} from '@kubets/platform';
import { CODE } from '../errors.ts';
import { keepAlive } from './keep-alive.ts';
import { CONNECTION_WINDOW_BYTES, SESSION_MEMORY_MB, STREAM_WINDOW_BYTES } from './limits.ts';
import { answer } from './peer-answer.ts';

export type CallHandler = (stream: ServerHttp2Stream) => void;

export interface PeerDoorOptions {
  /** Absent: plain text. */
  readonly tls: (TlsMaterial & { readonly requireClientCert: boolean }) | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** By path. */
  readonly methods: ReadonlyMap<string, CallHandler>;
}

const HTTP2_OPTIONS = {
  maxSessionMemory: SESSION_MEMORY_MB,
  settings: { initialWindowSize: STREAM_WINDOW_BYTES },
};

export class PeerDoor {
  readonly #options: PeerDoorOptions;
  readonly #server: Http2Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: PeerDoorOptions) {
    this.#options = options;
    const { tls, log } = options;
    this.#server = tls === undefined ? createServer(HTTP2_OPTIONS) : secureServer(tls);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('session', (session: ServerHttp2Session) => this.#adopt(session));
    this.#server.on('stream', (stream, headers) => this.#serve(stream, headers));
    // Otherwise it would wait for a write that will never be done.
    this.#server.on('secureConnection', (socket: Socket) => {
      socket.once('error', () => socket.destroy());
    });
    const failed = (error: Error): void => {
      log.debug({ error: error.message }, 'a connection from a peer failed');
    };
    this.#server.on('sessionError', failed);
    this.#server.on('tlsClientError', failed);
  }

  #adopt(session: ServerHttp2Session): void {
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    session.on('error', () => undefined);
    keepAlive(session, this.#options.clock);
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // Its end is what counts, however it came.
    stream.on('error', () => undefined);
    const path = headers[':path'] ?? '';
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
    const gaveUp = new AbortController();
    const { clock } = this.#options;
    const late = delay(graceMs, { clock, signal: gaveUp.signal }).catch(() => undefined);
    await Promise.race([closed, late]);
    gaveUp.abort();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function secureServer(tls: TlsMaterial & { readonly requireClientCert: boolean }): Http2Server {
  const { cert, key, ca, requireClientCert } = tls;
  return createSecureServer({
    ...HTTP2_OPTIONS,
    ...{ cert, key, ca, requestCert: requireClientCert, rejectUnauthorized: requireClientCert },
    minVersion: 'TLSv1.2',
  });
}
