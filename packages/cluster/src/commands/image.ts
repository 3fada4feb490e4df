/** `kubets image load`. */
import { existsSync } from 'node:fs';
import { ConfigError, createLogger } from '@kubets/platform';
import { savedHost } from '../host/store.ts';
import { type ClusterPaths, clusterPaths } from '../paths.ts';
import { nodeNames } from '../plan/settings.ts';
import { lockHolder } from '../runtime/lock.ts';
import type { Io } from './io.ts';
import { NodeRuntimes } from './node-runtimes.ts';
import { savedSettings } from './open-cluster.ts';

/** Loads a docker-archive or OCI tar into every node of this machine. */
export async function loadImage(dataDir: string, file: string, io: Io): Promise<void> {
  if (!existsSync(file)) throw new ConfigError(`no file ${file}`);
  const paths = clusterPaths(dataDir);
  const host = savedHost(paths);
  if (host?.roles.includes('node') === true && host.runtime === 'containerd') {
    await loadInto(paths, [host.name], file, io);
    return;
  }
  const settings = savedSettings(paths);
  if (settings === undefined || lockHolder(paths.lock) === undefined) {
    throw new ConfigError(`no cluster runs from ${paths.dataDir}; start it with "npm start" first`);
  }
  if (settings.runtime === 'simulated') {
    io.err(
      'this cluster simulates its containers: every image counts as present, nothing to load\n',
    );
    return;
  }
  await loadInto(paths, nodeNames(settings), file, io);
}

async function loadInto(paths: ClusterPaths, nodes: readonly string[], file: string, io: Io) {
  const runtimes = new NodeRuntimes(paths, createLogger({ name: 'image', level: 'warn' }));
  const names = await runtimes.load(nodes, file);
  if (names.length === 0) throw new ConfigError(`${file} holds no image with a name`);
  for (const name of names) io.out(`${name}\n`);
  io.err(`loaded on ${nodes.join(', ')}\n`);
}
