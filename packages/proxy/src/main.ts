import { ApiClient, ClientFigures } from '@kubets/client';
import {
  ConfigError,
  componentFlags,
  flag,
  type Logger,
  loadTls,
  type ProcessContext,
  parseRanges,
  runMain,
} from '@kubets/platform';
import { Announcer } from './announce/announcer.ts';
import { HealthServers } from './health/servers.ts';
import { Proxier } from './host/proxier.ts';
import { IptablesBackend } from './iptables/backend.ts';
import { NftablesBackend } from './nftables/backend.ts';
import type { Backend, CommandRunner } from './ports.ts';
import { ChildCommands, prepareKernel } from './runtime/commands.ts';
import { instrument } from './runtime/instrument.ts';
import { machineLinks } from './runtime/links.ts';
import { UserspaceBackend } from './userspace/backend.ts';

const flags = {
  apiservers: flag.list({ help: "HOST:PORT,… of the apiservers' gRPC doors" }),
  'tls-cert-file': flag.string({ default: '', help: 'client certificate, PEM' }),
  'tls-private-key-file': flag.string({ default: '', help: 'its private key, PEM' }),
  'ca-file': flag.string({ default: '', help: 'the authority of the apiservers, PEM' }),
  'node-name': flag.string({ default: '', help: 'the node this runs on' }),
  'node-ip': flag.string({ default: '', help: "the node's address" }),
  'load-balancer-ranges': flag.list({
    help: 'addresses the local load balancers give out, as the cloud-controller-manager was told; this node answers for those that are its own',
  }),
  mode: flag.enum({
    values: ['auto', 'iptables', 'nftables', 'userspace'],
    default: 'auto',
    help: 'auto: iptables, or else nftables, where rights and programs allow it',
  }),
  'cluster-cidr': flag.string({
    default: '',
    help: 'the addresses of pods, such as 10.244.0.0/16',
  }),
  cleanup: flag.bool({ help: 'take away all rules this program ever made, then end' }),
  'cleanup-on-exit': flag.bool({ help: 'take away the rules when ending' }),
  ...componentFlags,
} as const;

const NO_VIRTUAL_IPS =
  'userspace mode: node ports work, cluster IPs do not; they need root and iptables or nftables on this machine';

/** The kernel modes, in the order auto tries them. */
const KERNEL_MODES = [
  { mode: 'iptables', programs: 'the iptables programs', Backend: IptablesBackend },
  { mode: 'nftables', programs: 'nft (nftables 1.0.1 or newer)', Backend: NftablesBackend },
] as const;

interface BackendFlags {
  readonly mode: string;
  readonly clusterCidr: string;
  readonly loadBalancerRanges: readonly string[];
}

async function chooseBackend(ctx: ProcessContext, config: BackendFlags): Promise<Backend> {
  const { mode, clusterCidr } = config;
  const heldRanges = parseRanges(config.loadBalancerRanges, '--load-balancer-ranges');
  const { log } = ctx;
  const commands = new ChildCommands();
  const wanted = KERNEL_MODES.filter((one) => mode === 'auto' || one.mode === mode);
  for (const { Backend } of wanted) {
    if (!(await Backend.usable(commands))) continue;
    for (const problem of await prepareKernel(commands)) {
      log.warn({ problem }, 'a kernel setting could not be made');
    }
    const backend = new Backend({ commands, clusterCidr, heldRanges, log });
    await cleanUpOthers(backend.mode, commands, log);
    return backend;
  }
  const [only] = wanted;
  if (mode !== 'auto' && only !== undefined) {
    const { programs } = only;
    throw new ConfigError(`--mode ${mode} needs root and ${programs}; try --mode userspace`);
  }
  log.warn(NO_VIRTUAL_IPS);
  return new UserspaceBackend(ctx.clock, log);
}

/** Rules of another mode would go on translating beside ours. */
async function cleanUpOthers(mode: string, commands: CommandRunner, log: Logger): Promise<void> {
  for (const { mode: other, Backend } of KERNEL_MODES) {
    if (other === mode || !(await Backend.usable(commands))) continue;
    await new Backend({ commands, clusterCidr: '', log }).cleanup();
  }
}

interface AnnounceFlags {
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly loadBalancerRanges: readonly string[];
}

/** Without the kernel's rules there is nothing behind an address. */
function announcerOf(config: AnnounceFlags, backend: Backend, log: Logger): Announcer | undefined {
  const ranges = parseRanges(config.loadBalancerRanges, '--load-balancer-ranges');
  if (ranges.length === 0 || backend.mode === 'userspace') return undefined;
  const { nodeName, nodeIp } = config;
  const commands = new ChildCommands();
  return new Announcer({ commands, nodeName, nodeIp, ranges, links: machineLinks, log });
}

await runMain({
  name: 'proxy',
  summary: 'Routes service addresses and node ports to pods.',
  flags,
  async start(ctx, config) {
    const { clock, random, log } = ctx;
    if (config.cleanup) {
      await cleanUpOthers('', new ChildCommands(), log);
      await Announcer.cleanupAll(new ChildCommands());
      return;
    }
    if (config.apiservers.length === 0) throw new ConfigError('--apiservers is required');
    if (config.nodeName === '') throw new ConfigError('--node-name is required');
    const tls = loadTls({
      certFile: config.tlsCertFile,
      keyFile: config.tlsPrivateKeyFile,
      caFile: config.caFile,
    });
    const backend = await chooseBackend(ctx, config);
    const announcer = announcerOf(config, backend, log);
    const endpoints = config.apiservers;
    const figures = new ClientFigures(ctx.metrics);
    const access = { endpoints, tls, userAgent: 'kubets-proxy', log, clock, random, figures };
    const api = new ApiClient(access);
    ctx.onShutdown('api client', () => api.close());
    const health = new HealthServers({ isProxyHealthy: () => proxier.isHealthy(), log });
    const proxier: Proxier = new Proxier({
      api,
      backend,
      announcer,
      health,
      nodeName: config.nodeName,
      clock,
      random,
      log,
      figures: instrument(ctx.metrics, { mode: backend.mode, now: () => clock.now() }),
    });
    ctx.onShutdown('rules', async () => {
      await proxier.stop();
      await health.close();
      if (config.cleanupOnExit) await announcer?.cleanup();
      if (config.cleanupOnExit || backend.mode === 'userspace') await backend.cleanup();
    });
    ctx.health.addCheck('rules', () => {
      const problem = proxier.problem();
      if (problem !== undefined) throw new Error(problem);
    });
    proxier.start();
    log.info({ mode: backend.mode }, 'following services');
  },
});
