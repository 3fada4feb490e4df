import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, ConfigError, errorMessage, type Logger } from '@kubets/platform';
import { MAX_TCP_BYTES, MAX_TCP_CONNECTIONS, MAX_TCP_PIPELINE, TCP_IDLE_MS } from '../limits.ts';
import {
  emptyReply,
  isBad,
  type Query,
  RCODE,
  type Reply,
  readQuery,
  udpLimit,
  writeBad,
  writeReply,
} from '../wire/message.ts';
import { DnsStream, framed } from '../wire/stream.ts';

export interface DnsServerOptions {
  host: string;
  /** 0: any free port, the same for UDP and TCP. */
  port: number;
  clock: Clock;
  log: Logger;
  answer(query: Query): Promise<Reply>;
}

/** The doors: UDP and TCP on one port. */
export class DnsServer {
  readonly #options: DnsServerOptions;
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  readonly #connections = new Set<Socket>();

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** @returns the port in use. @throws ConfigError when the address cannot be had */
  async listen(): Promise<number> {
    const { host } = this.#options;
    const port = await this.#listenTcp(this.#options.port);
    try {
      await this.#listenUdp(port);
    } catch (error) {
      await this.close();
      throw new ConfigError(`cannot listen on ${host}:${port} (UDP): ${errorMessage(error)}`);
    }
    return port;
  }

  /** Closes both doors; TCP clients are cut off. */
  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    const tcp = this.#tcp;
    const udp = this.#udp;
    this.#tcp = undefined;
    this.#udp = undefined;
    if (tcp) await new Promise<void>((resolve) => tcp.close(() => resolve()));
    if (udp) await new Promise<void>((resolve) => udp.close(() => resolve()));
  }

  #listenTcp(wanted: number): Promise<number> {
    const { host } = this.#options;
    const server = createServer((connection) => this.#serve(connection));
    server.maxConnections = MAX_TCP_CONNECTIONS;
    this.#tcp = server;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        const why = `cannot listen on ${host}:${wanted} (TCP): ${errorMessage(error)}`;
        reject(new ConfigError(why));
      });
      server.listen(wanted, host, () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : wanted);
      });
    });
  }

  #listenUdp(port: number): Promise<void> {
    const { host, log } = this.#options;
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    this.#udp = socket;
    socket.on('message', (bytes, from) => {
      void this.#handle(bytes, udpLimit).then((reply) => {
        if (!reply || this.#udp !== socket) return;
        socket.send(reply, from.port, from.address, (error) => {
          if (error) log.debug({ err: error }, 'answer not sent');
        });
      });
    });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, host, () => {
        socket.off('error', reject);
        socket.on('error', (error) => log.warn({ err: error }, 'UDP socket'));
        resolve();
      });
    });
  }

  /** Queries of one connection are answered as they are ready; too many at once pause reading. */
  #serve(connection: Socket): void {
    const stream = new DnsStream(MAX_TCP_BYTES);
    let active = 0;
    this.#connections.add(connection);
    connection.setTimeout(TCP_IDLE_MS, () => connection.destroy());
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('error', () => connection.destroy());
    connection.on('data', (chunk) => {
      for (const message of stream.push(chunk)) {
        active++;
        if (active >= MAX_TCP_PIPELINE) connection.pause();
        void this.#handle(message, () => MAX_TCP_BYTES).then((reply) => {
          active--;
          connection.resume();
          if (reply && !connection.destroyed) connection.write(framed(reply));
        });
      }
    });
  }

  async #handle(bytes: Buffer, limit: (query: Query) => number): Promise<Buffer | undefined> {
    const query = readQuery(bytes);
    if (!query) return undefined;
    if (isBad(query)) return writeBad(query);
    try {
      return writeReply(query, await this.#options.answer(query), limit(query));
    } catch (error) {
      this.#options.log.error({ err: error, question: query.question }, 'query failed');
      return writeReply(query, emptyReply(RCODE.serverFailure), limit(query));
    }
  }
}
