/** `kubets down`. */

import { createLogger } from '@kubets/platform';
import { limits } from '../limits.ts';
import { clusterPaths } from '../paths.ts';
import { lockHolder, releaseLock } from '../runtime/lock.ts';
import { clusterProcesses, endProcesses } from '../runtime/processes.ts';
import type { Io } from './io.ts';
import { NodeRuntimes } from './node-runtimes.ts';

/** Longer than every step of an orderly stop together. */
const ORDERLY_MS = 90_000;

/**
 * Stops everything and leaves no process and no container behind, whatever state the cluster is in. Stopping what does not run
 * is no error.
 */
export async function down(dataDir: string, io: Io): Promise<void> {
  const paths = clusterPaths(dataDir);
  const holder = lockHolder(paths.lock);
  if (holder !== undefined) await endProcesses([holder], ORDERLY_MS);
  // What a killed supervisor has left: containers first, while their runtime can still be asked.
  const left = clusterProcesses(paths.dataDir);
  const runtimes = new NodeRuntimes(paths, createLogger({ name: 'down', level: 'warn' }));
  const nodes = runtimes.present();
  const isLeft = left.length > 0 || runtimes.hasContainers(nodes);
  if (isLeft) await runtimes.removeContainers(nodes);
  await endProcesses(clusterProcesses(paths.dataDir), limits.stopGraceMs);
  if (isLeft) runtimes.cleanUp();
  releaseLock(paths.lock);
  const ran = holder !== undefined || isLeft;
  io.err(ran ? 'stopped\n' : `no cluster runs from ${paths.dataDir}\n`);
}
