import { type Clock, delay, exponentialBackoff, type Logger, type Random } from '@kubets/platform';
import type { FrontProxyOptions } from '../auth/front-proxy.ts';
import { LIMITS } from '../edge-limits.ts';
import type { BackgroundTask, ResourceStore } from '../ports.ts';
import { ensureFlowControl } from './flow-control.ts';
import { IdentityLease } from './identity-lease.ts';
import { ensureMasterService } from './master-service.ts';
import { MasterLeases } from './masters.ts';
import {
  ensureAuthenticationConfig,
  ensureNamespaces,
  ensurePriorityClasses,
  ensureTokenTracking,
} from './objects.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { JOIN_POLICY } from './policy-join.ts';
import { reconcilePolicy } from './reconcile-policy.ts';

/** What a new cluster starts from, and what keeps it. */
export interface BootstrapOptions {
  readonly store: ResourceStore;
  /** The first address of the service range. */
  readonly clusterIp: string;
  readonly advertiseAddress: string;
  readonly advertisePort: number;
  /** Whether the addresses of the `kubernetes` service are kept; else somebody else does that. */
  readonly keepsEndpoints?: boolean;
  /** The node port of that service; 0: none. */
  readonly nodePort?: number;
  /** Unique among the apiservers; for example the host and port of the component door. */
  readonly identity: string;
  /** The name of the machine, and of this process. */
  readonly hostname: string;
  readonly instance: string;
  /** PEM of the client CA. */
  readonly clientCa?: string | undefined;
  /** PEM of the CA of front proxies, and how those name users. */
  readonly proxyCa?: string | undefined;
  readonly frontProxy?: FrontProxyOptions | undefined;
  /** Whether machines join with bootstrap tokens: those need some rights. */
  readonly bootstrapTokens?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The bootstrap as a background task; `done` says whether policy and namespaces are in place. */
export interface Bootstrap extends BackgroundTask {
  done(): boolean;
  whenDone(): Promise<void>;
}

/**
 * Creates the system's objects once the store can be written to, and tries again until it has. Safe to run on
 * several apiservers at once and on every start: it adds what is missing and changes nothing else.
 */
export function createBootstrap(o: BootstrapOptions): Bootstrap {
  const stopping = new AbortController();
  const finished = Promise.withResolvers<void>();
  const masters = new MasterLeases({
    store: o.store,
    identity: o.identity,
    self: { address: o.advertiseAddress, port: o.advertisePort },
    clusterIp: o.clusterIp,
    nodePort: o.nodePort,
    clock: o.clock,
    log: o.log,
  });
  const keepsEndpoints = o.keepsEndpoints !== false;
  const { store, identity, hostname, instance, clock, log } = o;
  const lease = new IdentityLease({ store, identity, hostname, instance, clock, log });
  let done = false;
  let started = false;
  let running: Promise<void> = Promise.resolve();
  let stopped: Promise<void> | undefined;

  async function end(): Promise<void> {
    stopping.abort();
    await running;
    if (!started || !done) return;
    await Promise.all([...(keepsEndpoints ? [masters.stop()] : []), lease.stop()]);
  }

  async function untilDone(): Promise<void> {
    const { bootstrapRetryMs: initialMs, bootstrapRetryMaxMs: maxMs } = LIMITS;
    const backoff = exponentialBackoff({ initialMs, maxMs, jitter: 0.2 }, o.random);
    while (!stopping.signal.aborted) {
      try {
        await setUp(o);
        done = true;
        finished.resolve();
        if (keepsEndpoints) masters.start();
        lease.start();
        return;
      } catch (err) {
        o.log.warn({ err }, 'the cluster is not set up yet; will try again');
        await pause(backoff.nextMs(), { clock: o.clock, signal: stopping.signal });
      }
    }
  }

  return {
    name: 'bootstrap',
    start() {
      started = true;
      running = untilDone();
    },
    stop() {
      stopped ??= end();
      return stopped;
    },
    done: () => done,
    whenDone: () => finished.promise,
  };
}

/** Makes what is missing. */
async function setUp(o: BootstrapOptions): Promise<void> {
  await ensureNamespaces(o.store);
  await Promise.all([
    reconcilePolicy(o.store, DEFAULT_POLICY),
    ...(o.bootstrapTokens ? [reconcilePolicy(o.store, JOIN_POLICY)] : []),
    ensurePriorityClasses(o.store),
    ensureFlowControl(o.store),
    ensureAuthenticationConfig(o.store, o),
    ensureTokenTracking(o.store, o.clock.now()),
    ensureMasterService(o.store, {
      ...{ clusterIp: o.clusterIp, targetPort: o.advertisePort, nodePort: o.nodePort },
    }),
  ]);
}

async function pause(ms: number, o: { clock: Clock; signal: AbortSignal }): Promise<void> {
  try {
    await delay(ms, o);
  } catch (error) {
    // Being told to stop is the one way a pause ends early.
    if (!o.signal.aborted) throw error;
  }
}
