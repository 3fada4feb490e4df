/** Answers load balancers on the health ports of services. */
import { createServer, type Server } from 'node:http';
import { errorMessage, type Logger } from '@kubets/platform';
import { HEALTH_REQUEST_MS, MAX_HEALTH_CONNECTIONS } from '../limits.ts';
import { type HealthPort, healthAnswer } from './decide.ts';

export interface HealthServersOptions {
  /** Whether the rules of this node follow the cluster; asked at every answer. */
  readonly isProxyHealthy: () => boolean;
  readonly log: Logger;
}

/** A port that is listened on, and what is said there. */
interface Open {
  readonly server: Server;
  current: HealthPort;
}

/** A server a port, each with a bound on connections and on how long a request may take. */
export class HealthServers {
  readonly #options: HealthServersOptions;
  readonly #open = new Map<number, Open>();
  /** Ports that could not be had, so that it is said once. */
  readonly #failed = new Set<number>();

  constructor(options: HealthServersOptions) {
    this.#options = options;
  }

  /**
   * Opens, updates and closes ports. A port that cannot be had is logged and tried again with the next call; others go on. Never
   * rejects.
   */
  async apply(wanted: readonly HealthPort[]): Promise<void> {
    const ports = new Set(wanted.map(({ port }) => port));
    for (const port of this.#failed) if (!ports.has(port)) this.#failed.delete(port);
    const gone = [...this.#open.keys()].filter((port) => !ports.has(port));
    await Promise.all(gone.map((port) => this.#close(port)));
    await Promise.all(wanted.map((one) => this.#offer(one)));
  }

  /** Closes all ports. */
  close(): Promise<void> {
    return this.apply([]);
  }

  async #offer(one: HealthPort): Promise<void> {
    const open = this.#open.get(one.port);
    if (open !== undefined) {
      open.current = one;
      return;
    }
    try {
      this.#open.set(one.port, await this.#listen(one));
      this.#failed.delete(one.port);
    } catch (error) {
      if (this.#failed.has(one.port)) return;
      this.#failed.add(one.port);
      const { port, namespace, name } = one;
      this.#options.log.warn(
        { port, service: `${namespace}/${name}`, error: errorMessage(error) },
        'the health check node port cannot be had: load balancers will think this node has no endpoint; it is tried again (see who listens: ss -ltnp)',
      );
    }
  }

  #listen(first: HealthPort): Promise<Open> {
    const server = createServer({ requestTimeout: HEALTH_REQUEST_MS }, (request, response) => {
      request.resume();
      const answer = healthAnswer(open.current, this.#options.isProxyHealthy());
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
    const open: Open = { server, current: first };
    server.headersTimeout = HEALTH_REQUEST_MS;
    server.keepAliveTimeout = HEALTH_REQUEST_MS;
    server.maxConnections = MAX_HEALTH_CONNECTIONS;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // Without a host: every address, of both families where there are two.
      server.listen(first.port, () => {
        server.removeListener('error', reject);
        server.on('error', (err) =>
          this.#options.log.warn({ err, port: first.port }, 'health check node port failed'),
        );
        resolve(open);
      });
    });
  }

  #close(port: number): Promise<void> {
    const open = this.#open.get(port);
    this.#open.delete(port);
    return new Promise((resolve) => {
      if (open === undefined) return resolve();
      open.server.close(() => resolve());
      open.server.closeAllConnections();
    });
  }
}
