/** The apiserver process: flags → store → server → serve → drain. */
import { countManyBuffersAsHeap, growYoungGeneration, runMain } from '@kubets/platform';
import { optionalFile } from './auth/from-config.ts';
import { type ApiServerConfig, flags } from './config.ts';
import { STOCK_FLAGS } from './config-stock.ts';
import { gatesWithoutEffect } from './feature-gates.ts';
import { DRAIN_GRACE_MS } from './limits.ts';
import { ApiServer } from './server.ts';
import { servingTls } from './serving.ts';
import { EtcdStore } from './storage/etcd-store.ts';
import { normalPrefix } from './storage/placed-store.ts';
import { StoreMetrics } from './storage/store-metrics.ts';
import { storeTls } from './storage/store-tls.ts';
import { asStored } from './storage/stored-form.ts';

/** What the flags add to the time a drain may take. */
function drainMs(config: ApiServerConfig): number {
  const { shutdownDelayDuration, shutdownWatchTerminationGracePeriod } = config;
  const answersMs = config.shutdownSendRetryAfter ? DRAIN_GRACE_MS : 0;
  return shutdownDelayDuration + shutdownWatchTerminationGracePeriod + answersMs;
}

growYoungGeneration(1);

await runMain({
  name: 'apiserver',
  summary: 'the API: REST for users, gRPC for components',
  flags,
  stock: STOCK_FLAGS,
  async start(ctx, config) {
    const { log, clock, random, metrics } = ctx;
    const tls = await servingTls(config, clock.now());
    const etcdTls = storeTls(config);
    const note = asStored(config);
    if (note !== undefined) log.warn({}, note);
    const gates = gatesWithoutEffect(config.featureGates);
    if (gates.length > 0) log.warn({ gates }, 'these feature gates have no effect here');
    const prefix = normalPrefix(config.etcdPrefix);
    ctx.allowDrain(drainMs(config));
    const endpoints = config.etcdServers;
    const store = new EtcdStore({
      endpoints,
      ...(etcdTls && { tls: etcdTls }),
      clock,
      random,
      log,
      metrics: new StoreMetrics(metrics, prefix),
      leaseSharedSeconds: config.leaseReuseDurationSeconds,
      prefix,
    });
    const runtime = {
      version: `node${process.version}`,
      platform: `${process.platform}/${process.arch}`,
    };
    const proxyCa = optionalFile(
      '--requestheader-client-ca-file',
      config.requestheaderClientCaFile,
    );
    const server = new ApiServer({
      config,
      store,
      tls,
      proxyCa,
      runtime,
      metrics,
      clock,
      random,
      log,
    });
    ctx.health.addCheck('etcd', () => server.checkStore());
    ctx.onShutdown('server', () => server.drain());
    const lookNoMore = countManyBuffersAsHeap(clock);
    ctx.onShutdown('memory', async () => lookNoMore());
    const ports = await server.start();
    log.info(ports, 'serving');
  },
});
