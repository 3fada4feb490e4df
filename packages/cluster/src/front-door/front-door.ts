/**
 * One address for several apiservers: bytes are passed on as they are, TLS ends at the apiserver, so the door needs no
 * key and cannot read anything.
 */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { type Clock, ConfigError, errorCode, errorMessage, type Logger } from '@kubets/platform';
import { limits } from '../limits.ts';
import { Balancer } from './balancer.ts';

export interface FrontDoorOptions {
  readonly host: string;
  readonly port: number;
  /** `host:port` of the apiservers. */
  readonly backends: readonly string[];
  /** `host:port` that is tried when none of them answers: a name or a balancer that may know others. */
  readonly lastResort?: string;
  readonly clock: Clock;
  readonly log: Logger;
}

function parse(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/** Connects, or says why not, within a limit: a stopped process accepts in the kernel but that is not ours to see. */
function tryConnect(address: string, clock: Clock): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = dial({ ...parse(address), noDelay: true, allowHalfOpen: true });
    const timer = clock.setTimeout(() => {
      socket.destroy(new Error(`no answer within ${limits.frontDoorConnectMs} ms`));
    }, limits.frontDoorConnectMs);
    socket.once('connect', () => {
      timer.cancel();
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error) => {
      timer.cancel();
      reject(error);
    });
  });
}

/** A side that has finished sending may still be answered: half-open connections are passed on as such. */
const doorSocketOptions = { noDelay: true, pauseOnConnect: true, allowHalfOpen: true };

/** A TCP balancer on the cluster's public port. */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #balancer: Balancer;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  constructor(options: FrontDoorOptions) {
    this.#options = options;
    this.#balancer = new Balancer(options.backends);
    this.#server = createServer(doorSocketOptions, (client) => {
      void this.#serve(client);
    });
    this.#server.maxConnections = limits.frontDoorConnections;
  }

  /**
   * @returns the port
   * @throws ConfigError when the port is taken
   */
  listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        const why =
          errorCode(error) === 'EADDRINUSE' ? 'is in use' : `fails: ${errorMessage(error)}`;
        reject(new ConfigError(`port ${port} ${why}; choose another with --port`));
      });
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Other apiservers from now on; connections there are stay where they are. */
  useBackends(backends: readonly string[]): void {
    this.#balancer.replace(backends);
  }

  close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(client: Socket): Promise<void> {
    this.#track(client);
    const { lastResort } = this.#options;
    const rest = lastResort === undefined ? [] : [lastResort];
    for (const address of [...this.#balancer.order(), ...rest]) {
      try {
        const backend = await tryConnect(address, this.#options.clock);
        this.#join(client, backend, address);
        return;
      } catch (error) {
        this.#balancer.failed(address);
        this.#options.log.debug({ address, error: errorMessage(error) }, 'backend refused');
      }
    }
    this.#options.log.warn('no apiserver answers');
    client.destroy();
  }

  #track(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#open.delete(socket));
  }

  #join(client: Socket, backend: Socket, address: string): void {
    this.#track(backend);
    this.#balancer.opened(address);
    backend.once('close', () => {
      this.#balancer.closed(address);
      client.destroy();
    });
    client.once('close', () => backend.destroy());
    if (client.destroyed) backend.destroy();
    client.pipe(backend);
    backend.pipe(client);
  }
}
