/** The Lease by which an apiserver tells that it is there (`kubectl -n kube-system get leases`). */
import { createHash } from 'node:crypto';
import { isAlreadyExists, isConflict, isNotFound, type Lease } from '@kubets/api';
import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { BackgroundTask, ObjectRef, ResourceStore } from '../ports.ts';
import { rfc3339Micro } from '../registry/time.ts';
import { Repeated } from '../repeated.ts';
import { GVR } from '../resources.ts';

const NAMESPACE = 'kube-system';
const COMPONENT = 'kube-apiserver';
const LABEL = 'apiserver.kubernetes.io/identity';
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const HASH_BYTES = 16;

/** Without padding. */
function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => BASE32[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}

/** The same for every life of an apiserver: what stays of it is one object. */
export function identityLeaseName(identity: string): string {
  const parts = [identity, COMPONENT].map((text) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(Buffer.byteLength(text));
    return Buffer.concat([length, Buffer.from(text)]);
  });
  const hash = createHash('sha256').update(Buffer.concat(parts)).digest();
  return `apiserver-${base32(hash.subarray(0, HASH_BYTES))}`;
}

/** Renews the lease of this apiserver, and clears away those of others that have been silent for their whole term. */
export class IdentityLease implements BackgroundTask {
  readonly name = 'apiserver-identity';
  readonly #o: IdentityLeaseOptions;
  readonly #ref: ObjectRef;
  #nextSweepMs = 0;
  readonly #rounds: Repeated;

  constructor(options: IdentityLeaseOptions) {
    this.#o = options;
    const name = identityLeaseName(options.identity);
    this.#ref = { ...GVR.leases, namespace: NAMESPACE, name };
    const everyMs = LIMITS.identityLeaseRenewMs;
    this.#rounds = new Repeated(options.clock, everyMs, () => this.#round());
  }

  start(): void {
    this.#rounds.start();
  }

  /** The lease stays, and ends by itself: a restart takes it up again. */
  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async renew(): Promise<void> {
    const { store, clock } = this.#o;
    const found = await this.#read();
    const lease = this.#leaseAt(clock.now(), found);
    if (found === undefined) await store.create(GVR.leases, lease);
    else await store.update(GVR.leases, lease);
    if (clock.monotonicMs() < this.#nextSweepMs) return;
    this.#nextSweepMs = clock.monotonicMs() + LIMITS.identityLeaseSeconds * 1_000;
    await this.#sweep();
  }

  #leaseAt(now: number, found: Lease | undefined): Lease {
    const { hostname, instance } = this.#o;
    const { namespace, name } = this.#ref;
    const labels = { [LABEL]: COMPONENT, 'kubernetes.io/hostname': hostname };
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...(found?.metadata ?? { name, namespace }), labels },
      spec: {
        holderIdentity: `${name}_${instance}`,
        leaseDurationSeconds: LIMITS.identityLeaseSeconds,
        renewTime: rfc3339Micro(now),
      },
    };
  }

  async #read(): Promise<Lease | undefined> {
    try {
      return await this.#o.store.get<Lease>(this.#ref);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #sweep(): Promise<void> {
    const { store, clock } = this.#o;
    const { items } = await store.list<Lease>(GVR.leases, NAMESPACE);
    for (const { metadata, spec } of items) {
      const { name = '', labels } = metadata;
      if (labels?.[LABEL] !== COMPONENT || name === this.#ref.name) continue;
      const renewed = Date.parse(spec?.renewTime ?? '');
      const endMs = renewed + (spec?.leaseDurationSeconds ?? 0) * 1_000;
      if (endMs > clock.now()) continue;
      await store.delete({ ...this.#ref, name }).catch(unlessGone);
    }
  }

  async #round(): Promise<void> {
    try {
      await this.renew();
    } catch (error) {
      const isRace = isConflict(error) || isAlreadyExists(error);
      const err = errorMessage(error);
      if (!isRace)
        this.#o.log.warn({ err }, "could not renew the apiserver's lease; will try again");
    }
  }
}

export interface IdentityLeaseOptions {
  readonly store: ResourceStore;
  /** Unique among the apiservers, and the same after a restart. */
  readonly identity: string;
  readonly hostname: string;
  /** Of this process alone. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Logger;
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
