/** What every process of control loops is around them: its flags, its identity, the election, and the way it ends. */
import { hostname } from 'node:os';
import { ApiClient, ClientFigures, LeaderElector, QueueMetrics } from '@kubets/client';
import {
  ConfigError,
  componentFlags,
  flag,
  loadTlsFlags,
  type ProcessContext,
} from '@kubets/platform';
import { ControllerFigures } from '../host/figures.ts';
import { ControllerManager, type ManagerOptions } from '../host/manager.ts';

/** The flags {@link runControllers} understands, named as the stock processes' where they have them. */
export const processFlags = {
  apiservers: flag.list({ help: 'HOST:PORT,… of the gRPC doors of all apiservers' }),
  'tls-cert-file': flag.string({ help: 'certificate this process shows to the apiservers' }),
  'tls-private-key-file': flag.string({ help: 'its private key' }),
  'ca-file': flag.string({ help: 'authority that signed the apiservers’ certificates' }),
  'leader-elect': flag.bool({ default: true, help: 'only one of several processes is at work' }),
  'leader-elect-lease-duration': flag.durationMs({
    default: '15s',
    help: 'others take over when the leader has been silent for this long',
  }),
  'leader-elect-renew-deadline': flag.durationMs({
    default: '10s',
    help: 'the leader steps down when it could not renew for this long',
  }),
  'leader-elect-retry-period': flag.durationMs({
    default: '2s',
    help: 'time between tries to become or stay leader',
  }),
  identity: flag.string({ default: '', help: 'name in the election; empty: host and process id' }),
  ...componentFlags,
} as const;

interface ProcessConfig {
  readonly apiservers: readonly string[];
  readonly tlsCertFile: string | undefined;
  readonly tlsPrivateKeyFile: string | undefined;
  readonly caFile: string | undefined;
  readonly leaderElect: boolean;
  readonly leaderElectLeaseDuration: number;
  readonly leaderElectRenewDeadline: number;
  readonly leaderElectRetryPeriod: number;
  readonly identity: string;
}

export interface ControllersOptions {
  readonly userAgent: string;
  /** Name of the Lease of the election, in kube-system. */
  readonly leaseName: string;
  readonly controllers: ManagerOptions['controllers'];
}

/**
 * Runs the loops while this process leads, or all the time without an election, until the context shuts down.
 * @throws ConfigError for flags that cannot be used
 */
export function runControllers(
  ctx: ProcessContext,
  config: ProcessConfig,
  { userAgent, leaseName, controllers }: ControllersOptions,
): void {
  const { log, clock, random } = ctx;
  if (config.apiservers.length === 0) throw new ConfigError('--apiservers is required');
  const tls = loadTlsFlags(config);
  const endpoints = config.apiservers;
  const figures = new ClientFigures(ctx.metrics);
  const access = { endpoints, userAgent, log, clock, random, figures, ...(tls ? { tls } : {}) };
  const api = new ApiClient(access);
  const queueMetrics = new QueueMetrics(ctx.metrics);
  const manager = new ControllerManager({
    ...{ api, clock, random, log, queueMetrics, controllers },
    figures: new ControllerFigures(ctx.metrics),
  });
  ctx.onShutdown('api', () => api.close());
  if (!config.leaderElect) {
    const alone = new AbortController();
    ctx.onShutdown('controllers', async () => {
      await manager.flushEvents();
      alone.abort();
      await manager.end();
    });
    manager.begin(alone.signal);
    return;
  }
  // A connection of its own: on the other one an answer waits behind the lists that a new leader asks for, which in a large
  // cluster takes longer than the lease lasts.
  const election = new ApiClient(access);
  ctx.onShutdown('election client', () => election.close());
  const elector = new LeaderElector({
    api: election,
    namespace: 'kube-system',
    name: leaseName,
    identity: config.identity || `${hostname()}_${process.pid}`,
    leaseDurationMs: config.leaderElectLeaseDuration,
    renewDeadlineMs: config.leaderElectRenewDeadline,
    retryPeriodMs: config.leaderElectRetryPeriod,
    clock,
    random,
    log,
    metrics: ctx.metrics,
    onStarted: (signal) => manager.begin(signal),
    onStopped: () => void manager.end(),
  });
  ctx.onShutdown('election', async () => {
    await manager.flushEvents();
    await elector.stop();
    await manager.end();
  });
  elector.run();
}
