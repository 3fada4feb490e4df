/** The apiserver process: flags → store → server → serve → drain. */
import {
  ConfigError,
  countManyBuffersAsHeap,
  growYoungGeneration,
  loadTls,
  runMain,
  type TlsMaterial,
} from '@kubets/platform';
import { optionalFile } from './auth/from-config.ts';
import { type ApiServerConfig, flags } from './config.ts';
import { ApiServer } from './server.ts';
import { servingTls } from './serving.ts';
import { EtcdStore } from './storage/etcd-store.ts';
import { StoreMetrics } from './storage/store-metrics.ts';
import { asStored } from './storage/stored-form.ts';

function storeTls(config: ApiServerConfig): TlsMaterial | undefined {
  const { etcdCertfile, etcdKeyfile, etcdCafile } = config;
  const given = [etcdCertfile, etcdKeyfile, etcdCafile].filter((file) => file !== '').length;
  if (given === 0) return undefined;
  if (given < 3) {
    throw new ConfigError('--etcd-cafile, --etcd-certfile and --etcd-keyfile belong together');
  }
  return loadTls({ certFile: etcdCertfile, keyFile: etcdKeyfile, caFile: etcdCafile });
}

growYoungGeneration(1);

await runMain({
  name: 'apiserver',
  summary: 'the API: REST for users, gRPC for components',
  flags,
  async start(ctx, config) {
    const { log, clock, random, metrics } = ctx;
    const tls = await servingTls(config, clock.now());
    const etcdTls = storeTls(config);
    const note = asStored(config);
    if (note !== undefined) log.warn({}, note);
    const endpoints = config.etcdServers;
    const store = new EtcdStore({
      endpoints,
      ...(etcdTls && { tls: etcdTls }),
      clock,
      random,
      log,
      metrics: new StoreMetrics(metrics),
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
