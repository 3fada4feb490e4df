import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock, Logger } from '@kubets/platform';
import { DIAL_TIMEOUT_MS, MAX_UDP_CLIENTS, MAX_USERSPACE_CONNECTIONS } from '../limits.ts';
import type { ProxyEndpoint } from '../ports.ts';
import { Balancer } from './balancer.ts';

/** One node port of the userspace mode. */
export interface PortListener {
  readonly balancer: Balancer;
  /** @returns the port listened on. Rejects when it cannot be had */
  listen(port: number): Promise<number>;
  close(): Promise<void>;
}

function dial({ ip, port }: ProxyEndpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: ip, port, timeout: DIAL_TIMEOUT_MS, allowHalfOpen: true });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.once('error', fail);
    socket.once('timeout', () => fail(new Error(`${ip}:${port} does not answer`)));
    socket.once('connect', () => {
      socket.removeListener('error', fail);
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}

/** Takes TCP connections and passes their bytes on. */
export class TcpListener implements PortListener {
  readonly balancer = new Balancer(MAX_UDP_CLIENTS);
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
    const options = { pauseOnConnect: true, allowHalfOpen: true };
    this.#server = createServer(options, (client) => void this.#serve(client));
    this.#server.maxConnections = MAX_USERSPACE_CONNECTIONS;
  }

  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '0.0.0.0', () => {
        this.#server.removeListener('error', reject);
        this.#server.on('error', (err) => this.#log.warn({ err, port }, 'node port failed'));
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(client: Socket): Promise<void> {
    this.#hold(client);
    const from = client.remoteAddress ?? '';
    for (const endpoint of this.balancer.order(from, this.#clock.monotonicMs())) {
      const server = await dial(endpoint).catch(() => undefined);
      if (server === undefined) continue;
      this.#hold(server);
      this.balancer.keep(from, endpoint, this.#clock.monotonicMs());
      join(client, server);
      return;
    }
    client.resetAndDestroy();
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    // A side that breaks off takes the other with it: see join.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

/** Each side's end ends the other's direction; a side that breaks ends both. */
function join(client: Socket, server: Socket): void {
  client.pipe(server);
  server.pipe(client);
  client.on('close', (hadError) => (hadError ? server.resetAndDestroy() : server.destroySoon()));
  server.on('close', (hadError) => (hadError ? client.resetAndDestroy() : client.destroySoon()));
  client.resume();
}
