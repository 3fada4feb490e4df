/** The controller-manager process: flags, election, and the controllers while it leads. */
import { hostname } from 'node:os';
import { ApiClient, LeaderElector } from '@kubets/client';
import { ConfigError, loadTls, runMain } from '@kubets/platform';
import { controllerOptions, flags } from './config.ts';
import { allControllers } from './controllers.ts';
import { ControllerManager } from './host/manager.ts';

const LEASE = { namespace: 'kube-system', name: 'kube-controller-manager' } as const;

await runMain({
  name: 'controller-manager',
  summary: 'drives the cluster towards its declared state',
  flags,
  start(ctx, config) {
    const { log, clock, random } = ctx;
    if (config.apiservers.length === 0) throw new ConfigError('--apiservers is required');
    const options = controllerOptions(config);
    const tls = tlsOf(config);
    const api = new ApiClient({
      endpoints: config.apiservers,
      userAgent: 'kubets-controller-manager',
      log,
      clock,
      random,
      ...(tls ? { tls } : {}),
    });
    const manager = new ControllerManager({
      api,
      clock,
      random,
      log,
      controllers: (deps) => allControllers(deps, options),
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
    const elector = new LeaderElector({
      api,
      ...LEASE,
      identity: config.identity || `${hostname()}_${process.pid}`,
      leaseDurationMs: config.leaderElectLeaseDuration,
      renewDeadlineMs: config.leaderElectRenewDeadline,
      retryPeriodMs: config.leaderElectRetryPeriod,
      clock,
      random,
      log,
      onStarted: (signal) => manager.begin(signal),
      onStopped: () => void manager.end(),
    });
    ctx.onShutdown('election', async () => {
      await manager.flushEvents();
      await elector.stop();
      await manager.end();
    });
    elector.run();
  },
});

interface TlsFlags {
  tlsCertFile: string | undefined;
  tlsPrivateKeyFile: string | undefined;
  caFile: string | undefined;
}

/** All three files or none. */
function tlsOf(config: TlsFlags): ReturnType<typeof loadTls> | undefined {
  const { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile, caFile } = config;
  if (!certFile && !keyFile && !caFile) return undefined;
  if (!certFile || !keyFile || !caFile) {
    throw new ConfigError('--tls-cert-file, --tls-private-key-file and --ca-file go together');
  }
  return loadTls({ certFile, keyFile, caFile });
}
