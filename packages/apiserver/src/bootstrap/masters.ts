import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { BackgroundTask, RawStore, ResourceStore } from '../ports.ts';
import { Repeated } from '../repeated.ts';
import { ensureMasterService, type MasterAddress, writeMasterEndpoints } from './master-service.ts';

const PREFIX = '/registry/masterleases';

interface Seen {
  readonly revision: bigint;
  readonly atMs: number;
}

/**
 * Keeps the addresses of the `kubernetes` service to the apiservers that live. Each writes a key of its own every
 * few seconds; whoever's key has not changed for a while, by the watching apiserver's own clock, is left out.
 * Clocks of different machines are never compared.
 */
export class MasterLeases implements BackgroundTask {
  readonly name = 'kubernetes-service-endpoints';
  readonly #store: ResourceStore;
  readonly #raw: RawStore;
  readonly #key: string;
  readonly #self: MasterAddress;
  readonly #clusterIp: string;
  readonly #nodePort: number | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #seen = new Map<string, Seen>();
  #written = '';
  #problem = '';
  readonly #rounds: Repeated;

  constructor(o: {
    store: ResourceStore;
    /** Unique among the apiservers of the cluster. */
    identity: string;
    self: MasterAddress;
    /** The first address of the service range. */
    clusterIp: string;
    /** The service's node port; 0: none. */
    nodePort?: number | undefined;
    clock: Clock;
    log: Logger;
  }) {
    this.#store = o.store;
    this.#raw = o.store.raw;
    this.#key = `${PREFIX}/${o.identity}`;
    this.#self = o.self;
    this.#clusterIp = o.clusterIp;
    this.#nodePort = o.nodePort;
    this.#clock = o.clock;
    this.#log = o.log;
    this.#rounds = new Repeated(o.clock, LIMITS.masterLeaseRenewMs, () => this.#round());
  }

  start(): void {
    this.#rounds.start();
  }

  /** Leaves the list. */
  async stop(): Promise<void> {
    await this.#rounds.stop();
    try {
      await this.#raw.delete(this.#key);
      const others = (await this.alive()).filter((one) => one.key !== this.#key);
      if (others.length > 0) await writeMasterEndpoints(this.#store, others);
    } catch (err) {
      this.#log.warn({ err }, 'could not leave the endpoints of the kubernetes service');
    }
  }

  /** Says "here I am", then writes the addresses of all that do. */
  async renew(): Promise<void> {
    const { revision } = await this.#raw.get(this.#key);
    const value = Buffer.from(JSON.stringify(this.#self));
    const ttlSeconds = Math.ceil(LIMITS.masterLeaseExpiryMs / 1000);
    await this.#raw.compareAndSwap(this.#key, value, revision, { ttlSeconds });
    // Written again from time to time even if nothing changed here: somebody may have edited or deleted it.
    await ensureMasterService(this.#store, {
      clusterIp: this.#clusterIp,
      targetPort: this.#self.port,
      nodePort: this.#nodePort,
    });
    const alive = (await this.alive()).filter(({ address }) => !isLoopback(address));
    if (alive.length === 0) {
      // The API refuses loopback endpoints, and no pod could use them.
      throw new Error(
        `no apiserver has an address others can reach (this one: ${this.#self.address}); set --advertise-address`,
      );
    }
    const text = JSON.stringify(alive.map(({ address, port }) => [address, port]).sort());
    await writeMasterEndpoints(this.#store, alive);
    if (text !== this.#written)
      this.#log.info({ alive: text }, 'apiservers behind the kubernetes service');
    this.#written = text;
  }

  /** The apiservers whose key changed lately. */
  async alive(): Promise<(MasterAddress & { key: string })[]> {
    const now = this.#clock.monotonicMs();
    const found: (MasterAddress & { key: string })[] = [];
    const present = new Set<string>();
    for (const { key, value, revision } of await this.#raw.list(`${PREFIX}/`)) {
      present.add(key);
      const before = this.#seen.get(key);
      const seen = before?.revision === revision ? before : { revision, atMs: now };
      this.#seen.set(key, seen);
      if (now - seen.atMs >= LIMITS.masterLeaseExpiryMs) continue;
      found.push({ ...(JSON.parse(value.toString()) as MasterAddress), key });
    }
    for (const key of this.#seen.keys()) if (!present.has(key)) this.#seen.delete(key);
    return found;
  }

  async #round(): Promise<void> {
    try {
      await this.renew();
      this.#problem = '';
    } catch (error) {
      const err = errorMessage(error);
      // The same trouble every few seconds is one line, not thousands.
      const text = 'could not renew the endpoints of the kubernetes service; will try again';
      if (err !== this.#problem) this.#log.warn({ err }, text);
      this.#problem = err;
    }
  }
}

/** Whether only this machine can reach an address. */
export const isLoopback = (address: string): boolean =>
  address.startsWith('127.') || address === '::1';
