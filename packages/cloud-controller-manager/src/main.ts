/** The cloud-controller-manager process: flags, election, and the controllers while it leads. */
import { hostname } from 'node:os';
import { ApiClient, LeaderElector } from '@kubets/client';
import { ControllerManager } from '@kubets/controller-manager/host';
import { ConfigError, loadTls, runMain } from '@kubets/platform';
import { cloudOptions, flags } from './config.ts';
import { cloudControllers } from './controllers.ts';
import { PROVIDERS } from './providers.ts';
import { inventoryFile } from './runtime/config-file.ts';

await runMain({
  name: 'cloud-controller-manager',
  summary: 'keeps load balancers and nodes in step with the machines and the network around them',
  flags,
  async start(ctx, config) {
    const { log, clock, random } = ctx;
    if (config.apiservers.length === 0) throw new ConfigError('--apiservers is required');
    const options = cloudOptions(config);
    const inventory = inventoryFile(config.cloudConfig);
    // A file that is wrong from the start is a mistake in the flags.
    await inventory().catch((error: Error) => Promise.reject(new ConfigError(error.message)));
    const tls = tlsOf(config);
    const api = new ApiClient({
      endpoints: config.apiservers,
      userAgent: 'kubets-cloud-controller-manager',
      log,
      clock,
      random,
      ...(tls ? { tls } : {}),
    });
    const makeProvider = PROVIDERS[config.cloudProvider];
    const manager = new ControllerManager({
      api,
      clock,
      random,
      log,
      controllers: (deps) => {
        const provider = makeProvider(deps, { ranges: options.ranges, inventory });
        return cloudControllers(deps, provider, options);
      },
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
      namespace: 'kube-system',
      name: config.leaderElectResourceName,
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
