import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Clock, Logger, Timer } from '@kubets/platform';
import { MAX_UDP_CLIENTS, UDP_IDLE_MS } from '../limits.ts';
import { Balancer } from './balancer.ts';
import type { PortListener } from './tcp.ts';

interface Session {
  readonly socket: Socket;
  idle: Timer;
}

/** Takes datagrams and passes them on; each client has a socket of its own, so that answers find their way. */
export class UdpListener implements PortListener {
  readonly balancer = new Balancer(MAX_UDP_CLIENTS);
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #socket = createSocket('udp4');
  readonly #sessions = new Map<string, Session>();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
    this.#socket.on('message', (message, from) => this.#pass(message, from));
  }

  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind(port, '0.0.0.0', () => {
        this.#socket.removeListener('error', reject);
        this.#socket.on('error', (err) => this.#log.warn({ err, port }, 'node port failed'));
        resolve(this.#socket.address().port);
      });
    });
  }

  async close(): Promise<void> {
    for (const key of [...this.#sessions.keys()]) this.#end(key);
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #pass(message: Buffer, from: RemoteInfo): void {
    const key = `${from.address}:${from.port}`;
    const session = this.#sessions.get(key) ?? this.#open(key, from);
    if (session === undefined) return;
    session.idle.cancel();
    session.idle = this.#idleTimer(key);
    session.socket.send(message);
  }

  /** @returns undefined when there is no endpoint, or too many clients: the datagram is lost, as datagrams may be */
  #open(key: string, from: RemoteInfo): Session | undefined {
    const [endpoint] = this.balancer.order(from.address, this.#clock.monotonicMs());
    if (endpoint === undefined || this.#sessions.size >= MAX_UDP_CLIENTS) return undefined;
    this.balancer.keep(from.address, endpoint, this.#clock.monotonicMs());
    const socket = createSocket('udp4');
    socket.on('message', (answer) => this.#socket.send(answer, from.port, from.address));
    socket.on('error', () => this.#end(key));
    socket.connect(endpoint.port, endpoint.ip);
    const session: Session = { socket: queued(socket), idle: this.#idleTimer(key) };
    this.#sessions.set(key, session);
    return session;
  }

  #idleTimer(key: string): Timer {
    return this.#clock.setTimeout(() => this.#end(key), UDP_IDLE_MS);
  }

  #end(key: string): void {
    const session = this.#sessions.get(key);
    if (session === undefined) return;
    this.#sessions.delete(key);
    session.idle.cancel();
    session.socket.close();
  }
}

/** A connected socket may not send before it is connected: what comes earlier waits for that. */
function queued(socket: Socket): Socket {
  const send = socket.send.bind(socket) as (message: Buffer) => void;
  let waiting: Buffer[] | undefined = [];
  socket.once('connect', () => {
    for (const message of waiting ?? []) send(message);
    waiting = undefined;
  });
  socket.send = ((message: Buffer) => {
    if (waiting === undefined) send(message);
    else waiting.push(message);
  }) as Socket['send'];
  return socket;
}
