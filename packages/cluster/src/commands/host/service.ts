/** Makes sure that a supervisor runs this host, and waits for what it does. */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { delay, systemClock } from '@kubets/platform';
import { LateError, StartError } from '../../errors.ts';
import { makePrivateDir, readIfThere } from '../../files.ts';
import { limits } from '../../limits.ts';
import type { ClusterPaths } from '../../paths.ts';
import { nodeFlags, programs } from '../../plan/processes.ts';
import { lockHolder } from '../../runtime/lock.ts';
import { tailOf } from '../../runtime/logs.ts';
import { warmPrograms } from '../../runtime/warm.ts';
import type { ClusterFile } from '../../supervisor/cluster-file.ts';
import { lastWords } from '../../supervisor/last-words.ts';

/** One that waits (systemd's, a container's) is used; else one of its own session is started. */
export async function ensureService(
  paths: ClusterPaths,
  say: (line: string) => void,
): Promise<void> {
  if (lockHolder(paths.lock) !== undefined) return;
  const packagesDir = join(import.meta.dirname, '..', '..', '..', '..');
  const cacheDir = process.env.NODE_COMPILE_CACHE;
  const nodeBinary = process.execPath;
  await warmPrograms({ cacheDir, nodeBinary, nodeFlags, packagesDir, roles: programs, say });
  makePrivateDir(paths.logs);
  const log = openSync(paths.log('supervisor'), 'a', 0o600);
  const main = join(import.meta.dirname, '..', '..', 'main.ts');
  flushCompileCache();
  const words = [...process.execArgv, main, 'run', '--data-dir', paths.dataDir];
  const child = spawn(nodeBinary, words, { detached: true, stdio: ['ignore', log, log] });
  child.unref();
  const died = new Promise<never>((_resolve, reject) => {
    child.once('exit', () => {
      reject(new StartError(lastWords(tailOf(paths.log('supervisor'))).replace(/^kubets: /, '')));
    });
  });
  await Promise.race([died, untilHeld(paths)]);
}

async function untilHeld(paths: ClusterPaths): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + limits.readyTimeoutMs;
  while (lockHolder(paths.lock) === undefined) {
    if (systemClock.monotonicMs() > deadlineMs)
      throw new StartError('the supervisor did not start');
    await delay(limits.probeIntervalMs);
  }
}

export const clusterFile = (paths: ClusterPaths): ClusterFile | undefined => {
  const text = readIfThere(paths.clusterJson);
  return text === undefined ? undefined : (JSON.parse(text) as ClusterFile);
};

export interface WaitOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
  /** Whether what is wanted holds. */
  readonly holds: (file: ClusterFile) => boolean;
}

/** @throws LateError that names what is late and what it said last, StartError when the supervisor has ended */
export async function untilService(paths: ClusterPaths, options: WaitOptions): Promise<void> {
  const { signal, holds, timeoutMs = limits.readyTimeoutMs } = options;
  const deadlineMs = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const holder = lockHolder(paths.lock);
    const file = clusterFile(paths);
    if (holder !== undefined && file?.supervisor === holder && holds(file)) return;
    if (holder === undefined) {
      throw new StartError(
        `the supervisor has ended: ${lastWords(tailOf(paths.log('supervisor')))}`,
      );
    }
    if (systemClock.monotonicMs() > deadlineMs) throw late(paths, file);
    await delay(limits.probeIntervalMs, { signal });
  }
}

function late(paths: ClusterPaths, file: ClusterFile | undefined): LateError {
  const one = file?.processes.find((process) => process.state !== 'ready');
  if (one === undefined) return new LateError(`not ready in time; see ${paths.log('supervisor')}`);
  const words = lastWords(tailOf(one.log));
  return new LateError(`${one.name} is not ready in time: ${words} (log: ${one.log})`);
}

export const isProcessReady =
  (name: string) =>
  (file: ClusterFile): boolean =>
    file.processes.some((one) => one.name === name && one.state === 'ready');
