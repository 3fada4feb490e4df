import { ApiClient } from '@kubets/client';
import { ConfigError, flag, loadTls, type ProcessContext, runMain } from '@kubets/platform';
import { Proxier } from './host/proxier.ts';
import { IptablesBackend } from './iptables/backend.ts';
import type { Backend } from './ports.ts';
import { ChildCommands, prepareKernel } from './runtime/commands.ts';
import { instrument } from './runtime/instrument.ts';
import { UserspaceBackend } from './userspace/backend.ts';

const flags = {
  apiservers: flag.list({ help: "HOST:PORT,… of the apiservers' gRPC doors" }),
  'tls-cert-file': flag.string({ default: '', help: 'client certificate, PEM' }),
  'tls-private-key-file': flag.string({ default: '', help: 'its private key, PEM' }),
  'ca-file': flag.string({ default: '', help: 'the authority of the apiservers, PEM' }),
  'node-name': flag.string({ default: '', help: 'the node this runs on' }),
  'node-ip': flag.string({ default: '', help: "the node's address; not needed at present" }),
  mode: flag.enum({
    values: ['auto', 'iptables', 'userspace'],
    default: 'auto',
    help: 'auto: iptables where rights and programs allow it',
  }),
  'cluster-cidr': flag.string({
    default: '',
    help: 'the addresses of pods, such as 10.244.0.0/16',
  }),
  cleanup: flag.bool({ help: 'take away all rules this program ever made, then end' }),
  'cleanup-on-exit': flag.bool({ help: 'take away the rules when ending' }),
} as const;

const NO_VIRTUAL_IPS =
  'userspace mode: node ports work, cluster IPs do not; they need root and iptables on this machine';

async function chooseBackend(ctx: ProcessContext, mode: string, cidr: string): Promise<Backend> {
  const commands = new ChildCommands();
  const userspace = (): Backend => {
    ctx.log.warn(NO_VIRTUAL_IPS);
    return new UserspaceBackend(ctx.clock, ctx.log);
  };
  if (mode === 'userspace') return userspace();
  if (!(await IptablesBackend.usable(commands))) {
    if (mode === 'auto') return userspace();
    throw new ConfigError(
      '--mode iptables needs root and the iptables programs; try --mode userspace',
    );
  }
  for (const problem of await prepareKernel(commands)) {
    ctx.log.warn({ problem }, 'a kernel setting could not be made');
  }
  return new IptablesBackend({ commands, clusterCidr: cidr, log: ctx.log });
}

await runMain({
  name: 'proxy',
  summary: 'Routes service addresses and node ports to pods.',
  flags,
  async start(ctx, config) {
    const { clock, random, log } = ctx;
    if (config.cleanup) {
      const backend = new IptablesBackend({ commands: new ChildCommands(), clusterCidr: '', log });
      await backend.cleanup();
      return;
    }
    if (config.apiservers.length === 0) throw new ConfigError('--apiservers is required');
    if (config.nodeName === '') throw new ConfigError('--node-name is required');
    const tls = loadTls({
      certFile: config.tlsCertFile,
      keyFile: config.tlsPrivateKeyFile,
      caFile: config.caFile,
    });
    const backend = await chooseBackend(ctx, config.mode, config.clusterCidr);
    const endpoints = config.apiservers;
    const api = new ApiClient({ endpoints, tls, userAgent: 'kubets-proxy', log, clock, random });
    ctx.onShutdown('api client', () => api.close());
    const proxier = new Proxier({
      api,
      backend,
      nodeName: config.nodeName,
      clock,
      random,
      log,
      onSync: instrument(ctx.metrics),
    });
    ctx.onShutdown('rules', async () => {
      await proxier.stop();
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
