/** The kubelet process: flags → API client → door → nodes → drain. */
import { ApiClient } from '@kubets/client';
import { loadTls, type ProcessContext, runMain } from '@kubets/platform';
import { checkConfig, flags, type KubeletFlags } from './config.ts';
import { Door } from './door/server.ts';
import { Fleet } from './host/fleet.ts';
import { ApiObjects } from './host/objects.ts';
import { realNode, type Shared, simulatedNode } from './runtime/assemble.ts';

function apiClient(ctx: ProcessContext, config: KubeletFlags): ApiClient {
  const { clock, random, log } = ctx;
  const files = { certFile: config.tlsCertFile, keyFile: config.tlsPrivateKeyFile };
  const tls = config.caFile === '' ? undefined : loadTls({ ...files, caFile: config.caFile });
  const api = new ApiClient({
    endpoints: config.apiservers,
    userAgent: 'kubelet',
    clock,
    random,
    log,
    ...(tls === undefined ? {} : { tls }),
  });
  ctx.onShutdown('api', () => api.close());
  return api;
}

/** Listens where it was told to, and on the node's own address: that is the one apiservers find in the API. */
async function openDoor(ctx: ProcessContext, config: KubeletFlags, fleet: Fleet): Promise<number> {
  if (config.serverCertFile === '') return config.port;
  const { clock, log, metrics } = ctx;
  const door = new Door({
    tls: loadTls({
      certFile: config.serverCertFile,
      keyFile: config.serverKeyFile,
      caFile: config.clientCaFile,
    }),
    clock,
    log,
    metrics,
    find: (namespace, name) => fleet.find(namespace, name),
    all: () => fleet.all(),
    healthy: () => fleet.fault(),
  });
  const port = await door.listen(config.address, config.port);
  const everywhere = config.address === '0.0.0.0' || config.address === '::';
  if (!everywhere && config.nodeIp !== '' && config.nodeIp !== config.address) {
    await door.listen(config.nodeIp, port);
  }
  ctx.onShutdown('door', () => door.close());
  return port;
}

await runMain({
  name: 'kubelet',
  summary: 'Runs the pods that are bound to its node.',
  flags,
  async start(ctx, config) {
    const nodeNames = checkConfig(config);
    const { clock, random, log } = ctx;
    const api = apiClient(ctx, config);
    const fleet = new Fleet({ api, clock, random, log, nodeNames });
    const doorPort = await openDoor(ctx, config, fleet);
    const shared: Shared = {
      ctx,
      config,
      api,
      objects: new ApiObjects(api, clock),
      services: fleet.services,
      doorPort,
    };
    const make = config.runtime === 'simulated' ? simulatedNode : realNode;
    for (const name of nodeNames) fleet.add(name, make(shared, name));
    fleet.start();
    ctx.onShutdown('nodes', () => fleet.stop());
    ctx.health.addCheck('pods-known', () => {
      if (!fleet.synced()) throw new Error('the pods of this node are not known yet');
    });
    ctx.health.addCheck('node', async () => {
      const fault = await fleet.fault();
      if (fault !== undefined) throw new Error(fault);
    });
    log.info({ nodes: nodeNames.length, first: nodeNames[0], port: doorPort }, 'serving');
  },
});
