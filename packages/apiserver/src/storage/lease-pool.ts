/** Leases for objects that vanish by themselves: one a minute shared by all of a lifetime, not one an object. */
import type { EtcdClient } from '@kubets/etcd/client';
import type { Clock } from '@kubets/platform';

interface Shared {
  readonly id: Promise<bigint>;
  readonly untilMs: number;
}

export class LeasePool {
  readonly #client: Pick<EtcdClient, 'leaseGrant'>;
  readonly #clock: Clock;
  readonly #sharedSeconds: number;
  readonly #current = new Map<number, Shared>();

  /** @param sharedSeconds a lease takes new keys so long; keys live at most so much longer than asked */
  constructor(client: Pick<EtcdClient, 'leaseGrant'>, clock: Clock, sharedSeconds: number) {
    this.#client = client;
    this.#clock = clock;
    this.#sharedSeconds = sharedSeconds;
  }

  /** A lease under which a key lives at least `ttlSeconds`. */
  take(ttlSeconds: number): Promise<bigint> {
    const now = this.#clock.monotonicMs();
    const known = this.#current.get(ttlSeconds);
    if (known !== undefined && known.untilMs > now) return known.id;
    const id = this.#client.leaseGrant(ttlSeconds + this.#sharedSeconds).then(({ id }) => id);
    const shared = { id, untilMs: now + this.#sharedSeconds * 1_000 };
    this.#current.set(ttlSeconds, shared);
    id.catch(() => {
      if (this.#current.get(ttlSeconds) === shared) this.#current.delete(ttlSeconds);
    });
    return id;
  }
}
