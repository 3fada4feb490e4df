/** `kubets up`. */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { ConfigError, errorMessage, systemClock } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { makePrivateDir } from '../files.ts';
import { openDataDir } from '../install/machine.ts';
import { limits } from '../limits.ts';
import { clusterPaths } from '../paths.ts';
import { nodeFlags, programs } from '../plan/processes.ts';
import type { Wishes } from '../plan/settings.ts';
import { lockHolder, releaseLock, takeLock } from '../runtime/lock.ts';
import { tailOf } from '../runtime/logs.ts';
import { clusterProcesses, endProcesses } from '../runtime/processes.ts';
import { warmPrograms } from '../runtime/warm.ts';
import { LiveStatus } from '../status/live.ts';
import { renderUsage } from '../status/render.ts';
import { lastWords } from '../supervisor/last-words.ts';
import type { Io } from './io.ts';
import { openCluster } from './open-cluster.ts';
import { RunningCluster, untilAborted } from './run-cluster.ts';

/** How the supervisor says that it was asked for something that cannot work. */
const EXIT_USAGE = 2;

export interface UpOptions {
  readonly dataDir: string;
  readonly isDefaultDir: boolean;
  readonly wishes: Wishes;
  readonly mayInstall: boolean;
  readonly detach: boolean;
}

function refuseSecond(lockFile: string, dataDir: string): void {
  const holder = lockHolder(lockFile);
  if (holder === undefined) return;
  throw new ConfigError(
    `a cluster already runs from ${dataDir} (pid ${holder}); "npx kubets status --data-dir ${dataDir}" shows it, ` +
      `"npx kubets down --data-dir ${dataDir}" stops it`,
  );
}

/** Nothing is left running, however impatient the user is; the next start repairs what an orderly stop would have tidied. */
async function killWhenInsisted(io: Io, dataDir: string): Promise<void> {
  await untilAborted(io.insisted);
  await endProcesses(clusterProcesses(dataDir), 0);
}

const warm = (say: (line: string) => void): Promise<void> =>
  warmPrograms({
    cacheDir: process.env.NODE_COMPILE_CACHE,
    nodeBinary: process.execPath,
    nodeFlags,
    packagesDir: join(import.meta.dirname, '..', '..', '..'),
    roles: programs,
    say,
  });

/** Starts the cluster and stays until the signal; then stops it. */
async function runHere(options: UpOptions, io: Io): Promise<void> {
  const screen = { isTerminal: io.isTerminal, write: io.err };
  const live = new LiveStatus(screen, () => systemClock.now());
  const { lock } = clusterPaths(options.dataDir);
  takeLock(lock);
  try {
    // What a killed supervisor has left still holds ports and locks.
    const left = clusterProcesses(clusterPaths(options.dataDir).dataDir);
    if (left.length > 0) {
      live.say(`ending ${left.length} processes a former run has left`);
      await endProcesses(left, limits.stopGraceMs);
    }
    const warmed = warm((line) => live.say(line));
    const opened = await openCluster({
      dataDir: options.dataDir,
      wishes: options.wishes,
      mayInstall: options.mayInstall,
      nowMs: systemClock.now(),
      say: (line) => live.say(line),
    });
    await warmed;
    const cluster = new RunningCluster(opened, (file) => live.update(file));
    try {
      await cluster.start(io.signal);
      const usage = renderUsage(
        opened.paths.kubeconfig,
        opened.paths.dataDir,
        options.isDefaultDir,
      );
      for (const line of usage) live.say(line);
      io.ready();
      await untilAborted(io.signal);
    } finally {
      if (io.signal.aborted) live.say('stopping … (Ctrl-C again: at once)');
      await Promise.race([cluster.stop(), killWhenInsisted(io, opened.paths.dataDir)]);
    }
  } finally {
    releaseLock(lock);
  }
}

interface DetachedMessage {
  readonly kind: 'ready' | 'line';
  readonly line?: string;
}

function supervisorArgs(options: UpOptions): string[] {
  const { wishes } = options;
  const words = ['up', '--data-dir', options.dataDir];
  const add = (flag: string, value: string | number | undefined): void => {
    if (value !== undefined) words.push(flag, String(value));
  };
  add('--masters', wishes.masters);
  add('--nodes', wishes.nodes);
  add('--hollow-nodes', wishes.hollowNodes);
  add('--expected-nodes', wishes.expectedNodes);
  add('--runtime', wishes.runtime);
  add('--port', wishes.port);
  add('--load-balancer-ranges', wishes.loadBalancerRanges);
  if (!options.mayInstall) words.push('--no-install');
  return words;
}

/** Starts a supervisor of its own session and waits until it says that the cluster is ready. */
function runDetached(options: UpOptions, io: Io): Promise<void> {
  const paths = clusterPaths(options.dataDir);
  makePrivateDir(paths.logs);
  const logFile = paths.log('supervisor');
  const log = openSync(logFile, 'a', 0o600);
  const main = join(import.meta.dirname, '..', 'main.ts');
  // The supervisor runs the same code.
  flushCompileCache();
  const child = spawn(process.execPath, [...process.execArgv, main, ...supervisorArgs(options)], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      child.kill('SIGTERM');
    };
    io.signal.addEventListener('abort', onAbort, { once: true });
    child.on('message', (message: DetachedMessage) => {
      if (message.kind === 'line') io.err(message.line ?? '');
      if (message.kind !== 'ready') return;
      io.signal.removeEventListener('abort', onAbort);
      child.disconnect();
      child.unref();
      resolve();
    });
    child.once('error', (error) => reject(new StartError(errorMessage(error))));
    child.once('exit', (code) => {
      const words = lastWords(tailOf(logFile)).replace(/^kubets: /, '');
      reject(code === EXIT_USAGE ? new ConfigError(words) : new StartError(words));
    });
  });
}

/** @throws ConfigError or StartError, each with one line that says what to do */
export async function up(options: UpOptions, io: Io): Promise<void> {
  const { lock, dataDir } = clusterPaths(options.dataDir);
  openDataDir(dataDir);
  refuseSecond(lock, dataDir);
  if (options.detach) await runDetached(options, io);
  else await runHere(options, io);
}
