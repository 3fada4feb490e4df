/** The HTTPS server: HTTP/2 by ALPN, HTTP/1.1 otherwise (and for upgrades), client certificates asked for, not required. */
import type { IncomingMessage } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { DEFAULT_CIPHERS, type TLSSocket } from 'node:tls';
import { type Clock, ConfigError, delay, errorMessage, type Logger } from '@kubets/platform';
import {
  DRAIN_GRACE_MS,
  MAX_HEADER_BYTES,
  STREAM_RESET_BURST,
  STREAM_RESETS_A_SECOND,
} from '../limits.ts';
import type { RestHandler } from './handler.ts';
import { PeerReader } from './peer.ts';
import { statusOf } from './respond.ts';

export interface RestServerOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Client certificates signed by this are identities. */
  readonly clientCa: Buffer;
  /** Proxies whose certificate this signed may speak for others. */
  readonly proxyCa?: Buffer | undefined;
  readonly handler: RestHandler;
  readonly log: Logger;
  /** Aborted when draining begins. */
  readonly signal: AbortSignal;
}

export class RestServer {
  readonly #server: Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Duplex>();
  readonly #o: RestServerOptions;
  readonly #peers: PeerReader;

  constructor(options: RestServerOptions) {
    this.#o = options;
    this.#peers = new PeerReader(options.clientCa, options.proxyCa);
    this.#server = secureServer(options);
    this.#listen();
  }

  /** @throws ConfigError when the address cannot be taken */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        const address = `${host}:${port}`;
        reject(new ConfigError(`cannot listen on ${address}: ${errorMessage(error)}`));
      });
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Takes no new connection, lets what runs finish, then closes the rest. */
  async drain(clock: Clock): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    const gaveUp = new AbortController();
    const limit = delay(DRAIN_GRACE_MS, { clock, signal: gaveUp.signal }).catch(() => undefined);
    await Promise.race([closed, limit]);
    gaveUp.abort();
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #listen(): void {
    const server = this.#server;
    server.setTimeout(0);
    server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
      // Broken connections show as errors of either side; whoever writes notices that the client is gone.
      request.on('error', () => undefined);
      response.on('error', () => undefined);
      void this.#o.handler.handle(request, response, this.#peers.of(request));
    });
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 30_000);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    server.on('sessionError', (error) => this.#o.log.debug({ err: error }, 'session failed'));
    server.on('tlsClientError', () => undefined);
    (server as unknown as NodeJS.EventEmitter).on(
      'upgrade',
      (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        void this.#upgrade(request, socket, head);
      },
    );
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      const { admitted, handler } = await this.#o.handler.upgrade(request, this.#peers.of(request));
      const gone = new AbortController();
      socket.on('close', () => gone.abort());
      const signal = AbortSignal.any([this.#o.signal, gone.signal]);
      await handler.upgrade?.({ ...admitted, request, signal }, socket, head);
    } catch (error) {
      refuseUpgrade(socket, error);
    }
  }
}

/** The usual ones, the one first that costs either side least where the processor knows AES. */
const CIPHERS = `TLS_AES_128_GCM_SHA256:${DEFAULT_CIPHERS}`;

/** @throws ConfigError when certificate, key and CA do not fit together */
function secureServer({ cert, key, clientCa, proxyCa }: RestServerOptions): Http2SecureServer {
  try {
    return createSecureServer({
      cert,
      key,
      ca: proxyCa === undefined ? clientCa : [clientCa, proxyCa],
      requestCert: true,
      // A certificate of another authority is no identity; the authenticator says what follows.
      rejectUnauthorized: false,
      allowHTTP1: true,
      minVersion: 'TLSv1.2',
      ciphers: CIPHERS,
      honorCipherOrder: true,
      maxSessionMemory: 64,
      // A client ends each of its watches by a reset, and one connection may carry those of thousands of nodes. What was begun
      // for a reset request is given up at once, so many of them cost no more than many requests do.
      streamResetBurst: STREAM_RESET_BURST,
      streamResetRate: STREAM_RESETS_A_SECOND,
      maxHeaderListPairs: 256,
      settings: { maxConcurrentStreams: 1_000, maxHeaderListSize: MAX_HEADER_BYTES },
    });
  } catch (error) {
    const flags = '--tls-cert-file, --tls-private-key-file and --client-ca-file';
    throw new ConfigError(`${flags} do not fit together: ${errorMessage(error)}`);
  }
}

function refuseUpgrade(socket: Duplex, error: unknown): void {
  if (socket.destroyed) return;
  const { status, code } = statusOf(error);
  const body = JSON.stringify(status);
  socket.end(
    `HTTP/1.1 ${code} ${status.reason ?? 'Error'}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
