/** `kubets run`: this host's part of the cluster, in the foreground; what systemd and compose start. */
import { existsSync, rmSync } from 'node:fs';
import { ConfigError, delay, errorMessage } from '@kubets/platform';
import { withPresentAddress } from '../../host/checks.ts';
import { RunningHost } from '../../host/running-host.ts';
import { requireHost, savedHost, saveHost } from '../../host/store.ts';
import { hostAddress, openDataDir } from '../../install/machine.ts';
import { limits } from '../../limits.ts';
import { type ClusterPaths, clusterPaths } from '../../paths.ts';
import { lockHolder, releaseLock, takeLock } from '../../runtime/lock.ts';
import { clusterProcesses, endProcesses, keepsContainer } from '../../runtime/processes.ts';
import type { Io } from '../io.ts';

export interface RunOptions {
  readonly dataDir: string;
  /** Stay, and wait until this host is made part of a cluster. */
  readonly wait: boolean;
  /** Told to start every process again. */
  readonly onRoll: (listener: () => void) => void;
  /** Makes this process the program that is installed now, with the same words; comes back only where that cannot be. */
  readonly exchange: () => void;
}

/** Whether this host's processes are to run. */
const isMember = (paths: ClusterPaths): boolean =>
  existsSync(paths.host) && !existsSync(paths.paused);

async function untilChanged(paths: ClusterPaths, wanted: boolean, signal: AbortSignal) {
  while (isMember(paths) !== wanted && !signal.aborted) {
    await delay(limits.hostLookMs, { signal }).catch(() => undefined);
  }
}

/** Starts what the settings say, again and again until it stands or is told to stop. */
async function startStubbornly(paths: ClusterPaths, signal: AbortSignal, io: Io) {
  for (;;) {
    // Pods go on while their host's supervisor is away.
    const left = clusterProcesses(paths.dataDir).filter((pid) => !keepsContainer(pid));
    if (left.length > 0) await endProcesses(left, limits.stopGraceMs);
    const saved = requireHost(paths);
    const host = withPresentAddress(saved, await hostAddress());
    if (host !== saved) saveHost(paths, host);
    const running = new RunningHost(paths, host);
    try {
      await running.start(signal);
      return running;
    } catch (error) {
      await running.stop({ removeContainers: false });
      if (signal.aborted || error instanceof ConfigError) throw error;
      io.err(`kubets: ${errorMessage(error)}; trying again\n`);
      await delay(limits.hostRetryMs, { signal });
    }
  }
}

/** One membership, from its start to its end. @returns whether the host has left its cluster */
async function live(paths: ClusterPaths, options: RunOptions, io: Io): Promise<boolean> {
  const leaving = new AbortController();
  const signal = AbortSignal.any([io.signal, leaving.signal]);
  void untilChanged(paths, false, signal).then(() => leaving.abort());
  let running: RunningHost;
  try {
    running = await startStubbornly(paths, signal, io);
  } catch (error) {
    if (signal.aborted) return !isMember(paths);
    throw error;
  }
  io.err('this host’s part of the cluster is up\n');
  io.ready();
  const exchanging = new AbortController();
  const onRoll = (): void => {
    if (existsSync(paths.exchange)) exchanging.abort();
    else void running.roll(signal);
  };
  options.onRoll(onRoll);
  // Told while it was still starting.
  if (existsSync(paths.exchange)) exchanging.abort();
  await untilChanged(paths, false, AbortSignal.any([signal, exchanging.signal]));
  const hasLeft = !existsSync(paths.host);
  await running.stop({ removeContainers: hasLeft });
  rmSync(paths.exchange, { force: true });
  if (exchanging.signal.aborted && !hasLeft && !io.signal.aborted) options.exchange();
  return hasLeft;
}

/** @throws ConfigError when another supervisor runs, or there is nothing to run */
export async function run(options: RunOptions, io: Io): Promise<void> {
  const paths = clusterPaths(options.dataDir);
  openDataDir(paths.dataDir);
  const holder = lockHolder(paths.lock);
  if (holder !== undefined && holder !== process.pid) {
    throw new ConfigError(
      `this host is run by process ${holder} already; "kubets status" shows it`,
    );
  }
  if (!options.wait) requireHost(paths);
  takeLock(paths.lock);
  try {
    do {
      if (!existsSync(paths.host)) io.err('waiting for "kubets init" or "kubets join"\n');
      await untilChanged(paths, true, io.signal);
      if (io.signal.aborted) return;
      savedHost(paths);
      await live(paths, options, io);
    } while (options.wait && !io.signal.aborted);
  } finally {
    releaseLock(paths.lock);
  }
}
