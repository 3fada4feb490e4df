/** One member of the store, as a process. */
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import {
  ConfigError,
  errorMessage,
  growYoungGeneration,
  type ProcessContext,
  runMain,
  systemClock,
} from '@kubets/platform';
import {
  authOf,
  checkConfig,
  clientTlsOf,
  dataDirOf,
  type EtcdConfig,
  etcdFlags,
  initialClusterOf,
  listenersOf,
  metricsListenersOf,
  peerTlsOf,
  peerUrlsOf,
  retentionOf,
} from './config.ts';
import { withoutEffect } from './config-compat.ts';
import { loadVault } from './encryption/key-file.ts';
import type { Vault } from './encryption/vault.ts';
import { openConsensus } from './host/open.ts';
import { LIMITS } from './limits.ts';
import { unhealthyReason } from './server/http.ts';
import { registerMetrics, registerSyncTimes } from './server/metrics.ts';
import { type MakeConsensus, startMember } from './server/start.ts';
import { stateDirOf } from './storage/data-dir.ts';
import { makeDir } from './storage/make-dir.ts';
import { nodeDisk } from './wal/runtime/node-disk.ts';

function makeDataDir(dir: string): void {
  try {
    makeDir(resolve(stateDirOf(dir)));
    accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new ConfigError(`cannot use --data-dir ${dir}: ${errorMessage(error)}`);
  }
}

function consensusFor(ctx: ProcessContext, config: EtcdConfig, vault?: Vault): MakeConsensus {
  const { clock, random, log, signal } = ctx;
  const peerUrls = peerUrlsOf(config);
  const observeSync = registerSyncTimes(ctx.metrics);
  return async (stateMachine) => {
    const node = await openConsensus({
      dataDir: dataDirOf(config),
      name: config.name,
      peerUrls,
      clientUrls: config.advertiseClientUrls,
      listenPeerUrls: config.listenPeerUrls,
      initialCluster: initialClusterOf(config),
      initialClusterState: config.initialClusterState,
      initialClusterToken: config.initialClusterToken,
      peerTls: peerTlsOf(config),
      peerClientCertAuth: config.peerClientCertAuth,
      ...{ stateMachine, disk: nodeDisk, clock, random, log, signal, vault },
      limits: {
        heartbeatMs: config.heartbeatInterval,
        electionMs: config.electionTimeout,
        snapshotCatchUpEntries: config.snapshotCount,
      },
      onFatal: (error) => ctx.fatal(error),
      onWalSync: ({ durationMs }) => observeSync(durationMs),
    });
    return { consensus: node, memberId: node.status().id, clusterId: node.clusterId };
  };
}

async function start(ctx: ProcessContext, config: EtcdConfig): Promise<void> {
  checkConfig(config);
  const tls = clientTlsOf(config);
  const listeners = listenersOf(config, tls !== undefined);
  const retention = retentionOf(config);
  const auth = authOf(config);
  const { encryptionKeyFile: keyFile } = config;
  const vault = keyFile === undefined ? undefined : loadVault(keyFile);
  const metricsListeners = metricsListenersOf(config);
  makeDataDir(dataDirOf(config));
  const { clock, random, log, health, metrics } = ctx;
  for (const ignored of withoutEffect(config)) log.warn(ignored, 'this flag has no effect here');
  // All of what is read stays: the fewer collections meanwhile, the better.
  growYoungGeneration(2);
  const running = await startMember({
    name: config.name,
    stateDir: stateDirOf(dataDirOf(config)),
    makeConsensus: consensusFor(ctx, config, vault),
    vault,
    listeners,
    metricsListeners,
    ...(config.advertiseClientUrls.length > 0 && { clientUrls: config.advertiseClientUrls }),
    ...(tls && { tls: { ...tls, requireClientCert: config.clientCertAuth } }),
    electionMs: config.electionTimeout,
    limits: {
      requestBytes: config.maxRequestBytes,
      txnOps: config.maxTxnOps,
      learners: config.maxLearners,
      quotaBytes: config.quotaBackendBytes || LIMITS.quotaBackendBytes,
    },
    watchProgressMs: config.experimentalWatchProgressNotifyInterval,
    auth,
    ...(retention && { retention }),
    ...{ clock, random, log, health, metrics },
    onFatal: (error) => ctx.fatal(error),
  });
  growYoungGeneration(1);
  registerMetrics(metrics, running.member);
  health.addCheck('serving', async () => {
    const reason = await unhealthyReason(running.member, clock);
    if (reason !== undefined) throw new Error(reason);
  });
  ctx.onShutdown('member', () => running.stop());
  log.info({ listeners: config.listenClientUrls, name: config.name }, 'serving clients');
}

/** Words that are commands about a store; without one, this process is a member. */
const COMMANDS: ReadonlySet<string> = new Set(['snapshot', 'member', 'check', 'recover', 'help']);

/** Commands are loaded only when there is one: a member needs none of them. */
async function command(argv: readonly string[]): Promise<number> {
  const { runCommand } = await import('./commands/program.ts');
  const { dataDirsOf } = await import('./commands/own-cluster.ts');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const io = {
    out: (text: string) => process.stdout.write(text),
    err: (text: string) => process.stderr.write(text),
    ...{ clock: systemClock, signal: stop.signal, dataDirs: dataDirsOf(process.env) },
  };
  return runCommand(argv, { io, disk: nodeDisk });
}

// Left alone, the engine lets garbage grow to several times what is alive before it collects: most of what is alive
// here stays so. Collecting at half as much again costs 6 % more processor time in a storm of writes, and saves 20 % of memory.
setFlagsFromString('--heap-growing-percent=50');
growYoungGeneration(1);

const argv = process.argv.slice(2);
if (COMMANDS.has(argv[0] ?? '')) process.exitCode = await command(argv);
else {
  await runMain({
    name: 'etcd',
    summary:
      'a consistent, highly available key-value store with the etcd v3 API\n\n' +
      `Commands (each has --help): ${[...COMMANDS].join(', ')}`,
    flags: etcdFlags,
    start,
  });
}
