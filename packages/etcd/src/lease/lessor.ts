/**
 * Leases. What is replicated (which leases exist, their TTL, how often they were renewed) changes only by applied log
 * entries and is the same on every member; when a lease ends is each member's own reckoning from when it applied them.
 * Only the leader acts on it, and what it does is again a log entry: "expire unless renewed since".
 *
 * Renewals go through the log too. That costs an entry for each, but every member then knows every lease's remaining time, a
 * new leader included, and no second path between members is needed.
 */

import { etcdError } from '../errors.ts';
import type { KeyName } from '../mvcc/index.ts';

export type LeaseId = bigint;

export interface Lease {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  /** Counts renewals from a number of the grant's own; an expiry names the count it was decided on. */
  readonly renewals: number;
}

interface Held {
  lease: Lease;
  expiresAtMs: number;
  readonly keys: Set<KeyName>;
}

/** Hears of what must reach the disk. */
export interface LeaseJournal {
  leaseSaved(lease: Lease): void;
  leaseDropped(id: LeaseId): void;
}

/** A lease as clients see it. */
export interface LeaseView {
  readonly ttlSeconds: number;
  /** Whole seconds left, at least 0. */
  readonly remainingSeconds: number;
  readonly keys: readonly KeyName[];
}

/** Of a lease whose time is over. */
export interface Expiry {
  readonly id: LeaseId;
  readonly renewals: number;
}

/** A lease's longest life, about 285 years, as in etcd. */
export const MAX_TTL_SECONDS = 9_000_000_000n;

export class Lessor {
  private readonly held = new Map<LeaseId, Held>();
  private readonly minTtlSeconds: number;
  private readonly journal: LeaseJournal | undefined;

  /** @param minTtlSeconds shorter TTLs are raised to it: no lease may end between two elections */
  constructor(minTtlSeconds: number, journal?: LeaseJournal) {
    this.minTtlSeconds = minTtlSeconds;
    this.journal = journal;
  }

  get size(): number {
    return this.held.size;
  }

  has(id: LeaseId): boolean {
    return this.held.has(id);
  }

  ids(): LeaseId[] {
    return [...this.held.keys()];
  }

  /**
   * @param born where its renewals are counted from: another number for each grant, or an expiry decided on an earlier
   *   lease of this id could end this one
   * @throws EtcdError `leaseExists`
   */
  grant(id: LeaseId, ttlSeconds: bigint, nowMs: number, born = 0): Lease {
    if (this.held.has(id)) throw etcdError('leaseExists');
    const ttl = Math.max(this.minTtlSeconds, Number(ttlSeconds));
    return this.save({ id, ttlSeconds: ttl, renewals: born }, nowMs);
  }

  /** Starts the lease's time anew. @throws EtcdError `leaseNotFound` */
  renew(id: LeaseId, nowMs: number): Lease {
    const { lease } = this.find(id);
    return this.save({ ...lease, renewals: lease.renewals + 1 }, nowMs);
  }

  /** Forgets the lease. @returns the keys that go with it @throws EtcdError `leaseNotFound` */
  revoke(id: LeaseId): readonly KeyName[] {
    const { keys } = this.find(id);
    this.held.delete(id);
    this.journal?.leaseDropped(id);
    return [...keys].sort();
  }

  /** True when the expiry still stands: the lease exists and was not renewed after it was decided. */
  stillExpired({ id, renewals }: Expiry): boolean {
    return this.held.get(id)?.lease.renewals === renewals;
  }

  attach(id: LeaseId, name: KeyName): void {
    this.held.get(id)?.keys.add(name);
  }

  detach(id: LeaseId, name: KeyName): void {
    this.held.get(id)?.keys.delete(name);
  }

  /** @returns undefined when there is no such lease */
  view(id: LeaseId, nowMs: number): LeaseView | undefined {
    const held = this.held.get(id);
    if (held === undefined) return undefined;
    const leftMs = Math.max(0, held.expiresAtMs - nowMs);
    const remainingSeconds = Math.floor(leftMs / 1000);
    return { ttlSeconds: held.lease.ttlSeconds, remainingSeconds, keys: [...held.keys].sort() };
  }

  /** Leases whose time is over, at most `limit`. */
  expired(nowMs: number, limit: number): Expiry[] {
    const out: Expiry[] = [];
    for (const { lease, expiresAtMs } of this.held.values()) {
      if (out.length >= limit) break;
      if (expiresAtMs <= nowMs) out.push({ id: lease.id, renewals: lease.renewals });
    }
    return out;
  }

  /** Gives every lease its whole time again: a new leader does not know how long there was nobody to renew with. */
  extendAll(nowMs: number): void {
    for (const held of this.held.values()) {
      held.expiresAtMs = nowMs + held.lease.ttlSeconds * 1000;
    }
  }

  all(): Lease[] {
    return [...this.held.values()].map(({ lease }) => lease);
  }

  clear(): void {
    this.held.clear();
  }

  /** Puts back a lease that was stored. Keys are attached afterwards. */
  restore(lease: Lease, nowMs: number): void {
    const expiresAtMs = nowMs + lease.ttlSeconds * 1000;
    this.held.set(lease.id, { lease, expiresAtMs, keys: new Set() });
  }

  private find(id: LeaseId): Held {
    const held = this.held.get(id);
    if (held === undefined) throw etcdError('leaseNotFound');
    return held;
  }

  private save(lease: Lease, nowMs: number): Lease {
    const held = this.held.get(lease.id);
    if (held === undefined) this.restore(lease, nowMs);
    else {
      held.lease = lease;
      held.expiresAtMs = nowMs + lease.ttlSeconds * 1000;
    }
    this.journal?.leaseSaved(lease);
    return lease;
  }
}
