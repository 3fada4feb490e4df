/** The kubelet process: flags → identity → API client → door → nodes → drain. */
import { connect } from 'node:net';
import { ApiClient, ClientFigures } from '@kubets/client';
import {
  type ClientTls,
  type Clock,
  loadCa,
  loadTls,
  type ProcessContext,
  runMain,
} from '@kubets/platform';
import { checkConfig, flags, type KubeletFlags } from './config.ts';
import { type DoorAccess, ReviewedAccess } from './door/access.ts';
import { configuration } from './door/configuration.ts';
import { Door } from './door/server.ts';
import { UsagePages } from './door/usage-pages.ts';
import { Fleet } from './host/fleet.ts';
import { KubeletFigures, showPods } from './host/kubelet-figures.ts';
import { machineUsage } from './host/node-usage.ts';
import { ApiObjects } from './host/objects.ts';
import { Meter } from './host/usage/meter.ts';
import { showVolumes } from './host/volumes/volume-figures.ts';
import { nodeLayout } from './layout.ts';
import { realNode, type Shared, simulatedNode } from './runtime/assemble.ts';
import { defaultAddress, readMachine } from './runtime/machine.ts';
import { OwnCertificates } from './tls/own-certificates.ts';

/** The certificates of this process: found in files, or asked for and kept by itself. */
async function ownCertificates(
  ctx: ProcessContext,
  config: KubeletFlags,
  nodeName: string,
): Promise<OwnCertificates | undefined> {
  if (config.certDir === '') return undefined;
  const own = new OwnCertificates({
    ...{ clock: ctx.clock, random: ctx.random, log: ctx.log, signal: ctx.signal },
    certDir: config.certDir,
    bootstrapFile: config.bootstrapKubeconfig,
    caFile: config.caFile,
    durationMs: config.certificateDuration,
    nodeName,
    addresses: [config.nodeIp || defaultAddress()],
  });
  await own.ensureClient();
  own.show(ctx.metrics);
  return own;
}

function clientTls(config: KubeletFlags, own: OwnCertificates | undefined): ClientTls | undefined {
  if (own !== undefined) return own.clientTls();
  const files = { certFile: config.tlsCertFile, keyFile: config.tlsPrivateKeyFile };
  return config.caFile === '' ? undefined : loadTls({ ...files, caFile: config.caFile });
}

function apiClient(
  ctx: ProcessContext,
  config: KubeletFlags,
  tls: ClientTls | undefined,
): ApiClient {
  const { clock, random, log } = ctx;
  const api = new ApiClient({
    endpoints: config.apiservers,
    userAgent: 'kubelet',
    figures: new ClientFigures(ctx.metrics),
    clock,
    random,
    log,
    ...(tls === undefined ? {} : { tls }),
  });
  ctx.onShutdown('api', () => api.close());
  return api;
}

function doorTls(config: KubeletFlags, own: OwnCertificates | undefined): ClientTls | undefined {
  if (own !== undefined) return own.doorTls(loadCa(config.clientCaFile));
  if (config.serverCertFile === '') return undefined;
  return loadTls({
    certFile: config.serverCertFile,
    keyFile: config.serverKeyFile,
    caFile: config.clientCaFile,
  });
}

/** Where a machine keeps its logs. */
const NODE_LOGS = '/var/log';

/** What measures this machine and its pods. */
function measuring(config: KubeletFlags, clock: Clock) {
  const { rootDir } = config;
  return {
    meter: new Meter({ cgroupParent: nodeLayout(rootDir).cgroupParent, clock }),
    machine: readMachine(rootDir),
    usage: () => machineUsage(clock.now()),
  };
}

/** Listens where it was told to, and on the node's own address: that is the one apiservers find in the API. */
async function openDoor(
  ctx: ProcessContext,
  config: KubeletFlags,
  parts: {
    readonly fleet: Fleet;
    readonly own: OwnCertificates | undefined;
    readonly access: DoorAccess;
  },
): Promise<{ port: number; door: Door | undefined }> {
  const { fleet, own, access } = parts;
  const tls = doorTls(config, own);
  if (tls === undefined) return { port: config.port, door: undefined };
  const { clock, log, metrics } = ctx;
  const isReal = config.runtime !== 'simulated';
  const door = new Door({
    tls,
    access,
    clock,
    log,
    metrics,
    find: (namespace, name) => fleet.find(namespace, name),
    all: () => fleet.all(),
    healthy: () => fleet.fault(),
    configuration: () => configuration(config),
    usage: new UsagePages({
      ...{ clock, log, all: () => fleet.all(), probes: () => fleet.probeCounts() },
      real: isReal ? measuring(config, clock) : undefined,
    }),
    logFolder: isReal ? NODE_LOGS : undefined,
    dial: isReal ? (host, port) => connect({ host, port, noDelay: true }) : undefined,
  });
  const port = await door.listen(config.address, config.port);
  const everywhere = config.address === '0.0.0.0' || config.address === '::';
  if (!everywhere && config.nodeIp !== '' && config.nodeIp !== config.address) {
    await door.listen(config.nodeIp, port);
  }
  ctx.onShutdown('door', () => door.close());
  return { port, door };
}

await runMain({
  name: 'kubelet',
  summary: 'Runs the pods that are bound to its node.',
  flags,
  async start(ctx, config) {
    const nodeNames = checkConfig(config);
    const { clock, random, log } = ctx;
    const own = await ownCertificates(ctx, config, nodeNames[0] ?? '');
    const api = apiClient(ctx, config, clientTls(config, own));
    const fleet = new Fleet({ api, clock, random, log, nodeNames });
    const access = new ReviewedAccess({
      accessReviews: api.resource('authorization.k8s.io/v1', 'subjectaccessreviews'),
      tokenReviews: api.resource('authentication.k8s.io/v1', 'tokenreviews'),
      nodeName: nodeNames[0] ?? '',
      clock,
    });
    const { port: doorPort, door } = await openDoor(ctx, config, { fleet, own, access });
    showPods(ctx.metrics, { nodeNames, all: () => fleet.all() });
    showVolumes({ registry: ctx.metrics, claims: () => fleet.claims() });
    const shared: Shared = {
      figures: new KubeletFigures(ctx.metrics),
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
    own?.keepFresh(api, {
      client: (tls) => api.useTls(tls),
      server: (pair) => door?.useTls({ ...pair, ca: loadCa(config.clientCaFile) }),
    });
    ctx.onShutdown('certificates', () => own?.stop());
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
