import { isAlreadyExists, isConflict, isNotFound, type Lease } from '@kubets/api';
import type { Api, ResourceApi } from '@kubets/client';
import type { Clock } from '@kubets/platform';
import { isoMicros } from '../core/time.ts';
import { LEASE_DURATION_SECONDS } from '../limits.ts';

const NAMESPACE = 'kube-node-lease';

/** The node's sign of life: a Lease that is renewed every few seconds. */
export class NodeLease {
  readonly #leases: ResourceApi<Lease>;
  readonly #name: string;
  readonly #clock: Clock;
  #known: Lease | undefined;

  constructor(api: Api, name: string, clock: Clock) {
    this.#leases = api.resource<Lease>('coordination.k8s.io/v1', 'leases');
    this.#name = name;
    this.#clock = clock;
  }

  /** @param nodeUid makes the lease go with its node */
  async renew(nodeUid: string): Promise<void> {
    try {
      this.#known =
        this.#known === undefined
          ? await this.#create(nodeUid)
          : await this.#leases.update(this.#renewed(this.#known));
    } catch (error) {
      // Somebody changed, made or deleted it: take what is there and renew that.
      const retry = isConflict(error) || isNotFound(error) || isAlreadyExists(error);
      this.#known = undefined;
      if (!retry) throw error;
      this.#known = await this.#adopt(nodeUid);
    }
  }

  async #adopt(nodeUid: string): Promise<Lease> {
    try {
      const present = await this.#leases.get(NAMESPACE, this.#name);
      return await this.#leases.update(this.#renewed(present));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return this.#create(nodeUid);
    }
  }

  #renewed(lease: Lease): Lease {
    const renewTime = isoMicros(this.#clock.now());
    const leaseDurationSeconds = LEASE_DURATION_SECONDS;
    const own = { holderIdentity: this.#name, leaseDurationSeconds, renewTime };
    return { ...lease, spec: { ...lease.spec, ...own } };
  }

  #create(nodeUid: string): Promise<Lease> {
    const owner = { apiVersion: 'v1', kind: 'Node', name: this.#name, uid: nodeUid };
    return this.#leases.create(
      this.#renewed({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: this.#name, namespace: NAMESPACE, ownerReferences: [owner] },
      }),
    );
  }
}
