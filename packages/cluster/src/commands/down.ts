/** `kubets down`. */

import { createLogger } from '@kubets/platform';
import { limits } from '../limits.ts';
import { clusterPaths } from '../paths.ts';
import { nodeNames } from '../plan/settings.ts';
import { lockHolder, releaseLock } from '../runtime/lock.ts';
import { clusterProcesses, endProcesses } from '../runtime/processes.ts';
import type { Io } from './io.ts';
import { NodeRuntimes } from './node-runtimes.ts';
import { savedSettings } from './open-cluster.ts';

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
  const settings = left.length > 0 ? savedSettings(paths) : undefined;
  if (settings?.runtime === 'containerd') {
    const runtimes = new NodeRuntimes(paths, createLogger({ name: 'down', level: 'warn' }));
    await runtimes.removeContainers(nodeNames(settings));
    await endProcesses(clusterProcesses(paths.dataDir), limits.stopGraceMs);
    runtimes.cleanUp();
  } else await endProcesses(left, limits.stopGraceMs);
  releaseLock(paths.lock);
  const ran = holder !== undefined || left.length > 0;
  io.err(ran ? 'stopped\n' : `no cluster runs from ${paths.dataDir}\n`);
}
