import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import { usable, usableLocal } from '../model/service-ports.ts';
import type { Backend, ProxyServicePort } from '../ports.ts';
import { type PortListener, TcpListener } from './tcp.ts';
import { UdpListener } from './udp.ts';

const MS_PER_S = 1_000;

/** Node ports without any rights: this process listens on them itself. Virtual addresses cannot be had this way. */
export class UserspaceBackend implements Backend {
  readonly mode = 'userspace';
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #listeners = new Map<string, PortListener>();
  readonly #failed = new Set<string>();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  async apply(ports: readonly ProxyServicePort[]): Promise<void> {
    const wanted = new Map<string, ProxyServicePort>();
    for (const port of ports) {
      if (port.nodePort > 0) wanted.set(`${port.protocol}/${port.nodePort}`, port);
    }
    for (const [key, listener] of [...this.#listeners]) {
      if (wanted.has(key)) continue;
      this.#listeners.delete(key);
      await listener.close();
    }
    for (const [key, port] of wanted) await this.#offer(key, port);
  }

  async cleanup(): Promise<void> {
    await this.apply([]);
  }

  async #offer(key: string, port: ProxyServicePort): Promise<void> {
    const listener = this.#listeners.get(key) ?? (await this.#open(key, port));
    const { endpoints, externalLocal, affinitySeconds } = port;
    const targets = externalLocal ? usableLocal(endpoints) : usable(endpoints);
    listener?.balancer.update(targets, affinitySeconds * MS_PER_S);
  }

  async #open(key: string, port: ProxyServicePort): Promise<PortListener | undefined> {
    if (port.protocol === 'sctp') return undefined;
    const listener =
      port.protocol === 'tcp'
        ? new TcpListener(this.#clock, this.#log)
        : new UdpListener(this.#clock, this.#log);
    try {
      await listener.listen(port.nodePort);
    } catch (error) {
      // Tried again with every sync; said once.
      if (!this.#failed.has(key)) {
        this.#log.warn({ port: key, error: errorMessage(error) }, 'node port is taken');
      }
      this.#failed.add(key);
      await listener.close().catch(() => undefined);
      return undefined;
    }
    this.#failed.delete(key);
    this.#listeners.set(key, listener);
    return listener;
  }
}
