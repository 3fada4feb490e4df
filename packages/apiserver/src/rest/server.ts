/** The HTTPS server: HTTP/2 by ALPN, HTTP/1.1 otherwise (and for upgrades), client certificates asked for, not required. */
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { DEFAULT_CIPHERS, type TLSSocket } from 'node:tls';
import {
  type Clock,
  ConfigError,
  delay,
  errorMessage,
  type Logger,
  type Random,
} from '@kubets/platform';
import { ServerConnection, type ServerLimits, type ServerStream } from '@kubets/platform/http2';
import {
  CONNECTION_WINDOW_BYTES,
  DRAIN_GRACE_MS,
  IDLE_CONNECTION_MS,
  MAX_HEADER_BYTES,
  STREAM_RESET_BURST,
  STREAM_RESETS_A_SECOND,
  STREAM_WINDOW_BYTES,
  STREAMS_PER_CONNECTION,
} from '../limits.ts';
import type { AnyRequest, AnyResponse } from '../ports.ts';
import { DEFAULT_TLS, type NamedCertificate, type TlsSettings } from '../serving-tls.ts';
import { isExemptWhileEnding, sendAway } from './ending.ts';
import type { RestHandler } from './handler.ts';
import { type DateSource, Http2Request, Http2Response } from './http2-messages.ts';
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
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when draining begins. */
  readonly signal: AbortSignal;
  readonly random: Random;
  /** Absent: as is usual. */
  readonly transport?: TransportOptions | undefined;
}

export interface TransportOptions {
  readonly tls: TlsSettings;
  /** Requests under way on one connection; 0: the usual number. */
  readonly streams: number;
  /** Else HTTP/1.1 only. */
  readonly http2: boolean;
  /** Whether other processes may listen on the same port. */
  readonly sharesPort: boolean;
  /** Share of the requests over HTTP/2 after which the client is sent to another connection. */
  readonly goAwayChance: number;
}

const USUAL: TransportOptions = {
  ...{ tls: DEFAULT_TLS, streams: 0, http2: true, sharesPort: false, goAwayChance: 0 },
};

const LIMITS: ServerLimits = {
  streams: STREAMS_PER_CONNECTION,
  streamWindowBytes: STREAM_WINDOW_BYTES,
  connectionWindowBytes: CONNECTION_WINDOW_BYTES,
  headerBytes: MAX_HEADER_BYTES,
  // A client ends each of its watches by a reset, and one connection may carry those of thousands of nodes. What was begun
  // for a reset request is given up at once, so many of them cost no more than many requests do.
  resetBurst: STREAM_RESET_BURST,
  resetsPerSecond: STREAM_RESETS_A_SECOND,
};
/** RFC 9110, section 10.1.1: the client waits for it with its body. */
const CONTINUE = [[':status', '100']] as const;

export class RestServer {
  /** Of HTTP/1.1 as Node.js has it, limits of time included; connections that speak HTTP/2 are taken out before. */
  readonly #server: Server;
  readonly #connections = new Set<ServerConnection>();
  readonly #sockets = new Set<Duplex>();
  readonly #o: RestServerOptions;
  readonly #peers: PeerReader;
  readonly #date: DateSource;
  readonly #transport: TransportOptions;
  readonly #limits: ServerLimits;
  /** Requests whose answers are not complete, but for watches and streams. */
  #running = 0;
  #whenIdle: (() => void) | undefined;
  #isRefusing = false;

  constructor(options: RestServerOptions) {
    this.#o = options;
    this.#transport = options.transport ?? USUAL;
    this.#limits = { ...LIMITS, streams: this.#transport.streams || STREAMS_PER_CONNECTION };
    this.#peers = new PeerReader(options.clientCa, options.proxyCa);
    this.#date = new DateHeader(options.clock);
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
      const reusePort = this.#transport.sharesPort;
      this.#server.listen({ port, host, ...(reusePort && { reusePort }) }, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /**
   * Sends new requests away with 429, over connections that end; those that ask for health are answered.
   * @returns when those that came before are answered, or after the grace
   */
  async refuse(clock: Clock): Promise<void> {
    this.#isRefusing = true;
    for (const connection of this.#connections) connection.leave();
    const idle = Promise.withResolvers<void>();
    if (this.#running === 0) return;
    this.#whenIdle = idle.resolve;
    const gaveUp = new AbortController();
    const limit = delay(DRAIN_GRACE_MS, { clock, signal: gaveUp.signal }).catch(() => undefined);
    await Promise.race([idle.promise, limit]);
    gaveUp.abort();
  }

  /** Takes no new connection, lets what runs finish, then closes the rest. */
  async drain(clock: Clock): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.leave();
    this.#server.closeIdleConnections();
    const gaveUp = new AbortController();
    const limit = delay(DRAIN_GRACE_MS, { clock, signal: gaveUp.signal }).catch(() => undefined);
    await Promise.race([closed, limit]);
    gaveUp.abort();
    for (const connection of this.#connections) connection.destroy('the server stops');
    for (const socket of this.#sockets) socket.destroy();
  }

  #listen(): void {
    const server = this.#server;
    server.on('request', (request, response) => {
      // A broken connection shows as an error of either side; whoever writes notices that the client is gone.
      request.on('error', () => undefined);
      response.on('error', () => undefined);
      if (this.#isSentAway(request, response)) return;
      void this.#answered(this.#o.handler.handle(request, response, this.#peers.of(request)));
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      void this.#upgrade(request, socket, head);
    });
    server.on('tlsClientError', () => undefined);
    const takeHttp1 = server.listeners('secureConnection');
    server.removeAllListeners('secureConnection');
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 30_000);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      if (socket.alpnProtocol === 'h2') this.#http2(socket);
      else for (const take of takeHttp1) take.call(server, socket);
    });
  }

  #http2(socket: TLSSocket): void {
    const { clock, log } = this.#o;
    const connection = new ServerConnection(
      socket,
      {
        onRequest: (stream) => this.#serve(stream, connection),
        onClosed: (why) => {
          this.#connections.delete(connection);
          log.debug({ why }, 'a connection ended');
        },
      },
      this.#limits,
      clock,
    );
    this.#connections.add(connection);
  }

  #serve(stream: ServerStream, connection: ServerConnection): void {
    if (stream.head.headers.expect === '100-continue') stream.inform(CONTINUE);
    const request = new Http2Request(stream);
    const response = new Http2Response(stream, this.#date);
    if (this.#isSentAway(request, response)) connection.leave();
    else {
      void this.#answered(this.#o.handler.handle(request, response, this.#peers.of(request)));
      const { goAwayChance } = this.#transport;
      if (goAwayChance > 0 && this.#o.random.next() < goAwayChance) connection.leave();
    }
  }

  #isSentAway(request: AnyRequest, response: AnyResponse): boolean {
    if (!this.#isRefusing || isExemptWhileEnding(request)) return false;
    sendAway(response);
    return true;
  }

  async #answered(work: Promise<void>): Promise<void> {
    this.#running += 1;
    await work;
    this.#running -= 1;
    if (this.#running === 0) this.#whenIdle?.();
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

/** The `date` of answers (RFC 9110, section 6.6.1). */
class DateHeader implements DateSource {
  readonly #clock: Clock;
  #second = Number.NaN;
  #text = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  text(): string {
    const second = Math.floor(this.#clock.now() / 1_000);
    if (second !== this.#second) this.#text = new Date(second * 1_000).toUTCString();
    this.#second = second;
    return this.#text;
  }
}

/** The usual ones, the one first that costs either side least where the processor knows AES. */
const CIPHERS = `TLS_AES_128_GCM_SHA256:${DEFAULT_CIPHERS}`;

/** @throws ConfigError when certificate, key and CA do not fit together */
function secureServer(o: RestServerOptions): Server {
  const { cert, key, clientCa, proxyCa, transport = USUAL } = o;
  const { tls, http2 } = transport;
  const ca = proxyCa === undefined ? clientCa : [clientCa, proxyCa];
  const ciphers = tls.ciphers ?? CIPHERS;
  const { minVersion } = tls;
  try {
    const server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      // A client that takes up a connection at the moment it is closed has its write refused: that must be rare.
      keepAliveTimeout: IDLE_CONNECTION_MS,
      cert,
      key,
      ca,
      requestCert: true,
      // A certificate of another authority is no identity; the authenticator says what follows.
      rejectUnauthorized: false,
      ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      minVersion,
      ciphers,
      honorCipherOrder: true,
    });
    for (const { name, one } of byName(tls)) {
      const { cert: named, key: itsKey } = one;
      server.addContext(name, { cert: named, key: itsKey, ca, minVersion, ciphers });
    }
    return server;
  } catch (error) {
    const flags = '--tls-cert-file, --tls-private-key-file and --client-ca-file';
    throw new ConfigError(`${flags} do not fit together: ${errorMessage(error)}`);
  }
}

/** The last that was added and fits is taken: patterns come first, and among equals the later ones. */
function byName({ named }: TlsSettings): { name: string; one: NamedCertificate }[] {
  const all = named.flatMap((one) => one.names.map((name) => ({ name, one }))).reverse();
  return all.toSorted((a, b) => Number(b.name.startsWith('*')) - Number(a.name.startsWith('*')));
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
