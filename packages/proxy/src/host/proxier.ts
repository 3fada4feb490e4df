import type { EndpointSlice, Node, Service } from '@kubets/api';
import { type Api, Informer } from '@kubets/client';
import {
  type Backoff,
  type Clock,
  errorMessage,
  exponentialBackoff,
  type Logger,
  type Random,
  type Timer,
} from '@kubets/platform';
import type { Announcer } from '../announce/announcer.ts';
import { healthPorts } from '../health/decide.ts';
import type { HealthServers } from '../health/servers.ts';
import { FULL_SYNC_MS, HEALTH_PATIENCE_MS, MIN_SYNC_MS, RETRY_MS } from '../limits.ts';
import { servicePorts } from '../model/service-ports.ts';
import type { Backend } from '../ports.ts';

/** Services handled by somebody else, and those without a virtual address. */
const SELECTOR = '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name';

/** Told of what a proxier does. */
export interface ProxierFigures {
  /**
   * Something changed that rules are made of.
   * @param triggeredAtMs when that was, in milliseconds since the epoch, where it is known
   */
  changed(what: 'services' | 'endpoints', triggeredAtMs?: number): void;
  /** A load of what has changed until now begins. */
  begun(): void;
  /** A load has ended. @param load.full whether it was one of all rules */
  synced(load: { readonly ok: boolean; readonly tookMs: number; readonly full: boolean }): void;
}

export interface ProxierOptions {
  readonly api: Api;
  readonly backend: Backend;
  /** Holds load balancer addresses; absent: this node answers for none. */
  readonly announcer?: Pick<Announcer, 'apply'> | undefined;
  /** Tells load balancers which services have endpoints here; absent: they are not told. */
  readonly health?: Pick<HealthServers, 'apply'> | undefined;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Absent: nobody is told. */
  readonly figures?: ProxierFigures;
}

const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';

const triggerOf = (slice: EndpointSlice): string | undefined =>
  slice.metadata.annotations?.[TRIGGER_TIME_ANNOTATION];

/** When the change happened that a slice was written for. */
function triggeredAt(slice: EndpointSlice): number | undefined {
  const ms = Date.parse(triggerOf(slice) ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

const zoneOf = ({ metadata }: Node): string | undefined =>
  metadata.labels?.['topology.kubernetes.io/zone'];

/** Follows services and endpoints, and brings every change into force: soon, together, and again when it failed. */
export class Proxier {
  readonly #options: ProxierOptions;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  /** This node, for its zone. */
  readonly #node: Informer<Node>;
  readonly #backoff: Backoff;
  readonly #first = Promise.withResolvers<void>();
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;
  #lastFullMs = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #problem: string | undefined = 'no rules were loaded yet';
  /** Since when loads fail. */
  #failingSinceMs: number | undefined;

  constructor(options: ProxierOptions) {
    const { api, clock, random, log, nodeName } = options;
    this.#options = options;
    const common = { api, clock, random, log };
    const fieldSelector = `metadata.name=${nodeName}`;
    this.#node = new Informer<Node>({ ...common, gv: 'v1', resource: 'nodes', fieldSelector });
    const base = { ...common, labelSelector: SELECTOR };
    this.#services = new Informer<Service>({ ...base, gv: 'v1', resource: 'services' });
    this.#slices = new Informer<EndpointSlice>({
      ...base,
      gv: 'discovery.k8s.io/v1',
      resource: 'endpointslices',
    });
    const { initial: initialMs, max: maxMs } = RETRY_MS;
    this.#backoff = exponentialBackoff({ initialMs, maxMs }, random);
  }

  start(): void {
    const changed = (): void => this.#schedule(this.#lastMs + MIN_SYNC_MS);
    const noted = (what: 'services' | 'endpoints', triggeredAtMs?: number): void => {
      this.#options.figures?.changed(what, triggeredAtMs);
      changed();
    };
    const service = (): void => noted('services');
    this.#services.on({ add: service, update: service, delete: service });
    this.#slices.on({
      add: (slice) => noted('endpoints', triggeredAt(slice)),
      update: (old, slice) => {
        const isNew = triggerOf(old) !== triggerOf(slice);
        noted('endpoints', isNew ? triggeredAt(slice) : undefined);
      },
      delete: () => noted('endpoints'),
    });
    // Rules do not wait for it: until it is known, and where there is none, endpoints of all zones are as good.
    this.#node.on({
      add: changed,
      update: (old, node) => {
        if (zoneOf(old) !== zoneOf(node)) changed();
      },
      delete: changed,
    });
    this.#services.start();
    this.#slices.start();
    this.#node.start();
    void Promise.all([this.#services.whenSynced(), this.#slices.whenSynced()]).then(changed);
  }

  /** Resolves when the rules were in force for the first time. */
  whenInForce(): Promise<void> {
    return this.#first.promise;
  }

  /** Why the last load failed, or that there was none yet; undefined when all is well. */
  problem(): string | undefined {
    return this.#problem;
  }

  /** Whether rules follow the cluster, or failed to only lately: the ones in force still serve. */
  isHealthy(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    return nowMs - (this.#failingSinceMs ?? nowMs) < HEALTH_PATIENCE_MS;
  }

  /** Stops following; the rules stay. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#services.stop();
    this.#slices.stop();
    this.#node.stop();
    this.#timer?.cancel();
    await this.#running;
  }

  /** Sees to it that a sync runs at a time, or earlier. */
  #schedule(atMs: number): void {
    if (this.#stopped || this.#running !== undefined) {
      this.#timerAtMs = Math.min(this.#timerAtMs, atMs);
      return;
    }
    if (this.#timer !== undefined && this.#timerAtMs <= atMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    const { clock } = this.#options;
    const waitMs = Math.max(0, atMs - clock.monotonicMs());
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#running = this.#sync().then((nextMs) => this.#afterSync(nextMs));
    }, waitMs);
  }

  /** @returns when to sync again at the latest */
  async #sync(): Promise<number> {
    const { clock, log, backend, announcer, health, figures, nodeName } = this.#options;
    const startMs = clock.monotonicMs();
    let nextMs = startMs + FULL_SYNC_MS;
    // Before both lists are in, services would seem to have no endpoints.
    if (this.#services.synced() && this.#slices.synced()) {
      figures?.begun();
      const full = startMs - this.#lastFullMs >= FULL_SYNC_MS;
      const place = { name: nodeName, zone: this.#node.list().map(zoneOf)[0] };
      const ports = servicePorts(this.#services.list(), this.#slices.list(), place);
      const told = healthPorts(this.#services.list(), this.#slices.list(), nodeName);
      try {
        await backend.apply(ports, full);
        // After the rules: nobody is drawn here before there is an answer.
        await health?.apply(told);
        await announcer?.apply(this.#services.list(), full);
        if (full) this.#lastFullMs = startMs;
        this.#backoff.reset();
        this.#problem = undefined;
        this.#failingSinceMs = undefined;
        this.#first.resolve();
        figures?.synced({ ok: true, tookMs: clock.monotonicMs() - startMs, full });
        log.debug({ ports: ports.length, full }, 'rules in force');
      } catch (error) {
        this.#problem = errorMessage(error);
        this.#failingSinceMs ??= startMs;
        log.error({ err: error }, 'rules could not be loaded; trying again');
        this.#lastFullMs = Number.NEGATIVE_INFINITY;
        nextMs = clock.monotonicMs() + this.#backoff.nextMs();
        figures?.synced({ ok: false, tookMs: clock.monotonicMs() - startMs, full });
      }
    }
    return nextMs;
  }

  #afterSync(nextMs: number): void {
    this.#lastMs = this.#options.clock.monotonicMs();
    this.#running = undefined;
    // What changed while the load was under way waits for the least time between two loads.
    const wantedMs = Math.max(this.#timerAtMs, this.#lastMs + MIN_SYNC_MS);
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#schedule(Math.min(nextMs, wantedMs));
  }
}
