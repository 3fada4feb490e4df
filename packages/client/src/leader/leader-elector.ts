import { isAlreadyExists, isNotFound, type Lease } from '@kubets/api';
import {
  type Clock,
  delay,
  type FamilyRegistry,
  type Logger,
  type Random,
  readFamily,
} from '@kubets/platform';
import { TransportError } from '../errors.ts';
import { RELEASE_LIMIT_MS } from '../limits.ts';
import type { Api, ResourceApi } from '../ports.ts';

export interface LeaderElectorOptions {
  readonly api: Api;
  /** Where the Lease lies, `kube-system` for the stock components. */
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process. */
  readonly identity: string;
  /** How long others wait after the last renewal they saw. */
  readonly leaseDurationMs: number;
  /** How long the leader goes on without a renewal; shorter than the lease. */
  readonly renewDeadlineMs: number;
  /** The time between tries. */
  readonly retryPeriodMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Where it is shown whether this process leads, under the stock name; absent: nowhere. */
  readonly metrics?: FamilyRegistry;
  /** Begin to lead. The signal is aborted the moment leading ends. */
  onStarted(signal: AbortSignal): void;
  /** Leading has ended. The process must not write any more: end it, or stop all work before returning. */
  onStopped(): void;
}

const JITTER = 1.2;
const RELEASED_SECONDS = 1;

const microTime = (epochMs: number): string =>
  new Date(epochMs).toISOString().replace(/(\.\d{3})Z$/, '$1000Z');

/** What others' renewals look like from here; only the change is timed, so clocks need not agree. */
interface Observation {
  lease: Lease | undefined;
  version: string;
  atMs: number;
}

/**
 * One of several processes leads, by a coordination.k8s.io/v1 Lease, with the rules of client-go's leader election: a
 * lease is taken over once its holder has not changed it for the lease's duration, measured here from the time the last
 * change was seen; the leader gives up when it could not renew within the renew deadline; stopping hands the lease over.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #leases: ResourceApi<Lease>;
  readonly #stopping = new AbortController();
  #observed: Observation = { lease: undefined, version: '', atMs: 0 };
  #leading: AbortController | undefined;
  #running: Promise<void> | undefined;

  /** @throws RangeError when the times contradict each other */
  constructor(options: LeaderElectorOptions) {
    const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = options;
    if (leaseDurationMs <= renewDeadlineMs) {
      throw new RangeError('the lease duration must be longer than the renew deadline');
    }
    if (renewDeadlineMs <= retryPeriodMs * JITTER) {
      throw new RangeError(`the renew deadline must be longer than ${JITTER} retry periods`);
    }
    this.#options = options;
    this.#leases = options.api.resource<Lease>('coordination.k8s.io/v1', 'leases');
    if (options.metrics === undefined) return;
    readFamily({
      registry: options.metrics,
      name: 'leader_election_master_status',
      help: '1 on the process that leads, 0 on those that wait',
      labels: ['name'],
      read: () => [{ labels: [options.name], value: this.isLeader() ? 1 : 0 }],
    });
  }

  isLeader(): boolean {
    return this.#leading !== undefined;
  }

  /** Who holds the lease, as last seen; undefined when nobody does. */
  leader(): string | undefined {
    return this.#observed.lease?.spec?.holderIdentity || undefined;
  }

  /** Takes part in the election until stopped. */
  run(): void {
    this.#running ??= this.#run();
  }

  /** Stops leading, hands the lease over if that can be done soon, and takes part no more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const done = new AbortController();
    const { clock } = this.#options;
    const limit = delay(RELEASE_LIMIT_MS, { clock, signal: done.signal }).catch(() => undefined);
    await Promise.race([this.#running, limit]);
    done.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#acquire();
      if (this.#stopping.signal.aborted) return;
      const leading = new AbortController();
      this.#leading = leading;
      this.#options.log.info({ lease: this.#options.name }, 'became the leader');
      this.#options.onStarted(leading.signal);
      await this.#renewUntilLost();
      this.#leading = undefined;
      leading.abort();
      this.#options.log.info({ lease: this.#options.name }, 'no longer the leader');
      this.#options.onStopped();
      if (this.#stopping.signal.aborted) await this.#release();
    }
  }

  async #acquire(): Promise<void> {
    const { retryPeriodMs, random } = this.#options;
    while (!this.#stopping.signal.aborted) {
      if (await this.#tryOnce(this.#options.renewDeadlineMs)) return;
      await this.#pause(retryPeriodMs * (1 + JITTER * random.next()));
    }
  }

  async #renewUntilLost(): Promise<void> {
    const { clock, renewDeadlineMs, retryPeriodMs } = this.#options;
    let renewedMs = clock.monotonicMs();
    while (!this.#stopping.signal.aborted) {
      await this.#pause(retryPeriodMs);
      if (this.#stopping.signal.aborted) return;
      const leftMs = renewDeadlineMs - (clock.monotonicMs() - renewedMs);
      if (leftMs <= 0) return;
      if (await this.#tryOnce(leftMs)) renewedMs = clock.monotonicMs();
      else if (this.#heldByOther()) return;
    }
  }

  /** One try to take or renew the lease; false when it failed, did not end in time, or another one holds it. */
  async #tryOnce(timeoutMs: number): Promise<boolean> {
    const timer = new AbortController();
    const timeout = delay(timeoutMs, { clock: this.#options.clock, signal: timer.signal }).then(
      () => false,
      () => false,
    );
    const attempt = this.#takeOrRenew().catch((error: unknown) => {
      const level = error instanceof TransportError ? 'info' : 'warn';
      this.#options.log[level]({ lease: this.#options.name, err: error }, 'lease not written');
      return false;
    });
    const won = await Promise.race([attempt, timeout]);
    timer.abort();
    return won;
  }

  async #takeOrRenew(): Promise<boolean> {
    const { namespace, name, identity, clock, leaseDurationMs } = this.#options;
    const current = await this.#leases.get(namespace, name).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (current === undefined) return this.#createLease();
    this.#observe(current);
    const ours = current.spec?.holderIdentity === identity;
    const validMs = (current.spec?.leaseDurationSeconds ?? leaseDurationMs / 1_000) * 1_000;
    const expired = clock.monotonicMs() - this.#observed.atMs >= validMs;
    if (!ours && current.spec?.holderIdentity && !expired) return false;
    const transitions = current.spec?.leaseTransitions ?? 0;
    const spec = {
      ...this.#freshSpec(),
      acquireTime: ours && current.spec?.acquireTime ? current.spec.acquireTime : this.#now(),
      leaseTransitions: ours ? transitions : transitions + 1,
    };
    this.#observe(await this.#leases.update({ ...current, spec }));
    return true;
  }

  async #createLease(): Promise<boolean> {
    const { namespace, name } = this.#options;
    const spec = { ...this.#freshSpec(), acquireTime: this.#now(), leaseTransitions: 0 };
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace },
      spec,
    };
    try {
      this.#observe(await this.#leases.create(lease));
      return true;
    } catch (error) {
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }

  async #release(): Promise<void> {
    const { lease } = this.#observed;
    if (lease === undefined || this.#heldByOther()) return;
    const now = this.#now();
    const spec = {
      ...lease.spec,
      holderIdentity: '',
      leaseDurationSeconds: RELEASED_SECONDS,
      renewTime: now,
      acquireTime: now,
    };
    try {
      await this.#leases.update({ ...lease, spec });
    } catch (error) {
      this.#options.log.info({ err: error }, 'lease not handed over; it runs out by itself');
    }
  }

  #freshSpec(): { holderIdentity: string; leaseDurationSeconds: number; renewTime: string } {
    const { identity, leaseDurationMs } = this.#options;
    const leaseDurationSeconds = Math.ceil(leaseDurationMs / 1_000);
    return { holderIdentity: identity, leaseDurationSeconds, renewTime: this.#now() };
  }

  #observe(lease: Lease): void {
    const version = lease.metadata.resourceVersion ?? '';
    const same = version === this.#observed.version && this.#observed.lease !== undefined;
    const atMs = same ? this.#observed.atMs : this.#options.clock.monotonicMs();
    this.#observed = { lease, version, atMs };
  }

  #heldByOther(): boolean {
    return this.#observed.lease?.spec?.holderIdentity !== this.#options.identity;
  }

  #now(): string {
    return microTime(this.#options.clock.now());
  }

  async #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    await delay(ms, { clock, signal: this.#stopping.signal }).catch(() => undefined);
  }
}
