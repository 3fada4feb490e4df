/** Leases for objects that vanish by themselves: one a minute shared by all of a lifetime, not one an object. */
import type { EtcdClient } from '@kubets/etcd/client';
import type { Clock } from '@kubets/platform';

/** A lease takes new keys this long; keys live at most this much longer than asked. */
const SHARED_SECONDS = 60;

interface Shared {
  readonly id: Promise<bigint>;
  readonly untilMs: number;
}

export class LeasePool {
  readonly #client: Pick<EtcdClient, 'leaseGrant'>;
  readonly #clock: Clock;
  readonly #current = new Map<number, Shared>();

  constructor(client: Pick<EtcdClient, 'leaseGrant'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** A lease under which a key lives at least `ttlSeconds`. */
  take(ttlSeconds: number): Promise<bigint> {
    const now = this.#clock.monotonicMs();
    const known = this.#current.get(ttlSeconds);
    if (known !== undefined && known.untilMs > now) return known.id;
    const id = this.#client.leaseGrant(ttlSeconds + SHARED_SECONDS).then((granted) => granted.id);
    const shared = { id, untilMs: now + SHARED_SECONDS * 1_000 };
    this.#current.set(ttlSeconds, shared);
    id.catch(() => {
      if (this.#current.get(ttlSeconds) === shared) this.#current.delete(ttlSeconds);
    });
    return id;
  }
}
