import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { ApiClient, ClientFigures, EventRecorder, LeaderElector } from '@kubets/client';
import {
  ConfigError,
  componentFlags,
  errorMessage,
  flag,
  loadTls,
  type ProcessContext,
  runMain,
} from '@kubets/platform';
import {
  isConfiguration,
  readConfiguration,
  type SchedulerConfiguration,
} from './config/configuration.ts';
import type { ExtenderConfig } from './config/extenders.ts';
import { Connection } from './extenders/connection.ts';
import { Extender } from './extenders/extender.ts';
import { Extenders } from './extenders/extenders.ts';
import { Scheduler } from './host/scheduler.ts';
import { instrument, stateOf } from './runtime/instrument.ts';

/** What a file of the stock scheduler's kind said. */
const said: { configuration?: SchedulerConfiguration } = {};

/** Connects to extenders. @throws ConfigError when a file of certificates cannot be read */
function extendersFor(configs: readonly ExtenderConfig[], ctx: ProcessContext): Extenders {
  const { clock, log } = ctx;
  const readFile = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new ConfigError(`extenders: ${errorMessage(error)}`);
    }
  };
  const connected = configs.map((config) => {
    const connection = new Connection(config, { clock, readFile });
    ctx.onShutdown('extender', () => connection.close());
    return new Extender(config, connection);
  });
  return new Extenders(connected, log);
}

await runMain({
  name: 'scheduler',
  summary: 'Places pods on nodes.',
  foreignConfig(content) {
    if (!isConfiguration(content)) return undefined;
    said.configuration = readConfiguration(content);
    return said.configuration.flags;
  },
  flags: {
    apiservers: flag.list({ required: true, help: "HOST:PORT,… of the apiservers' gRPC doors" }),
    'tls-cert-file': flag.string({ required: true, help: 'client certificate, PEM' }),
    'tls-private-key-file': flag.string({ required: true, help: 'its private key, PEM' }),
    'ca-file': flag.string({ required: true, help: 'the authority of the apiservers, PEM' }),
    'leader-elect': flag.bool({ default: true, help: 'work only while holding the lease' }),
    'leader-elect-lease-duration': flag.durationMs({
      default: '15s',
      help: 'how long others wait for a leader that went silent',
    }),
    'leader-elect-renew-deadline': flag.durationMs({
      default: '10s',
      help: 'how long the leader goes on without a renewal',
    }),
    'leader-elect-retry-period': flag.durationMs({ default: '2s', help: 'time between tries' }),
    'leader-elect-resource-name': flag.string({
      default: 'kube-scheduler',
      help: 'name of the Lease of the election',
    }),
    'leader-elect-resource-namespace': flag.string({
      default: 'kube-system',
      help: 'namespace of that Lease',
    }),
    identity: flag.string({
      default: '',
      help: 'name in the lease; default: host name and a UUID',
    }),
    ...componentFlags,
  },
  start(ctx, config) {
    const { clock, random, log } = ctx;
    const tls = loadTls({
      certFile: config.tlsCertFile,
      keyFile: config.tlsPrivateKeyFile,
      caFile: config.caFile,
    });
    const access = {
      ...{ endpoints: config.apiservers, tls, userAgent: 'kubets-scheduler' },
      ...{ log, clock, random, figures: new ClientFigures(ctx.metrics) },
    };
    const api = new ApiClient(access);
    ctx.onShutdown('api client', () => api.close());
    const recorder = (component: string): EventRecorder => {
      const events = new EventRecorder({ api, component, clock, log });
      ctx.onShutdown('events', () => events.flush());
      return events;
    };
    const { profiles, extenders = [], backoff, volumeWaitMs } = said.configuration ?? {};
    const scheduler: Scheduler = new Scheduler({
      ...(profiles && { profiles }),
      ...(extenders.length > 0 && { extenders: extendersFor(extenders, ctx) }),
      ...(backoff && { backoff }),
      ...(volumeWaitMs !== undefined && { volumeWaitMs }),
      api,
      recorder,
      clock,
      random,
      log,
      figures: instrument(ctx.metrics, () => stateOf(scheduler)),
    });
    scheduler.start();
    ctx.onShutdown('scheduler', () => scheduler.stop());
    if (!config.leaderElect) {
      void scheduler.lead(ctx.signal);
      return;
    }
    // A connection of its own: on the other one an answer waits behind long lists.
    const election = new ApiClient(access);
    ctx.onShutdown('election client', () => election.close());
    const elector = new LeaderElector({
      api: election,
      namespace: config.leaderElectResourceNamespace,
      name: config.leaderElectResourceName,
      identity: config.identity || `${hostname()}_${randomUUID()}`,
      leaseDurationMs: config.leaderElectLeaseDuration,
      renewDeadlineMs: config.leaderElectRenewDeadline,
      retryPeriodMs: config.leaderElectRetryPeriod,
      clock,
      random,
      log,
      metrics: ctx.metrics,
      onStarted: (signal) => void scheduler.lead(signal),
      onStopped: () => log.info('waiting to lead again'),
    });
    elector.run();
    ctx.onShutdown('leader election', () => elector.stop());
  },
});
