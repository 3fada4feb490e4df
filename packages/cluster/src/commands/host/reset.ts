/** `kubets reset`: takes this host out of its cluster and removes every trace. Any number of times. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isNotFound, type Node } from '@kubets/api';
import { ConfigError, createLogger, delay, errorMessage, systemClock } from '@kubets/platform';
import { StoreMembers, storeTls } from '../../host/members.ts';
import { bootstrapFile, storeEndpoints } from '../../host/plan.ts';
import { changeMasters } from '../../host/publish.ts';
import { type HostSettings, hostPorts, masterAddresses } from '../../host/settings.ts';
import { hostApi, nowMs, savedHost } from '../../host/store.ts';
import { limits } from '../../limits.ts';
import { type ClusterPaths, clusterPaths } from '../../paths.ts';
import { lockHolder, releaseLock } from '../../runtime/lock.ts';
import { clusterProcesses, endProcesses, staysOn } from '../../runtime/processes.ts';
import type { Io } from '../io.ts';
import { NodeRuntimes } from '../node-runtimes.ts';
import { takeOutOfStore } from './join-store.ts';
import { clusterFile } from './service.ts';

const run = promisify(execFile);

export interface ResetOptions {
  readonly dataDir: string;
  /** Do not tell the rest of the cluster. */
  readonly local: boolean;
}

/** Leaves the store and the list of masters. @throws when a majority of the others does not answer */
async function leaveMasters(paths: ClusterPaths, host: HostSettings): Promise<void> {
  const members = new StoreMembers(storeEndpoints(host), storeTls(paths.pki), nowMs);
  try {
    const all = await members.list();
    const peerUrl = `https://${host.address}:${hostPorts.etcdPeer}`;
    const own = all.find((one) => one.name === host.name || one.peerURLs.includes(peerUrl));
    if (own === undefined || all.length === 1) return;
    const api = hostApi(paths, host);
    try {
      await changeMasters(api, (masters) => masters.filter((one) => one.name !== host.name));
    } finally {
      api.close();
    }
    await members.remove(own.ID);
  } finally {
    members.close();
  }
}

async function deleteNode(paths: ClusterPaths, host: HostSettings): Promise<void> {
  const api = hostApi(paths, host);
  try {
    await api.resource<Node>('v1', 'nodes').delete('', host.name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  } finally {
    api.close();
  }
}

/** Tells the cluster, as far as it listens; what it was not told is said with the command that does it by hand. */
async function leave(paths: ClusterPaths, host: HostSettings, io: Io): Promise<void> {
  if (host.roles.includes('master')) {
    try {
      // The only master takes the cluster with it: there is nobody to tell.
      if (masterAddresses(host).every((address) => address === host.address)) return;
      if (host.roles.includes('node')) await deleteNode(paths, host);
      await leaveMasters(paths, host);
    } catch (error) {
      io.err(
        `the other masters were not told (${errorMessage(error)}); on one of them: "kubets etcd member remove ${host.name}", if it is listed there\n`,
      );
    }
  } else io.err(`when this host stays away: "kubectl delete node ${host.name}"\n`);
}

/**
 * Stops what runs and removes the membership: what `init` and `join` take back when they fail. What nodes have left is found by
 * their folders: it goes even where the settings cannot be read, or went with a reset that did not come to its end.
 */
export async function forget(paths: ClusterPaths, io: Io): Promise<void> {
  rmSync(paths.host, { force: true });
  rmSync(paths.joining, { force: true });
  const holder = lockHolder(paths.lock);
  if (holder !== undefined) await untilLeft(paths, holder);
  const runtimes = new NodeRuntimes(paths, createLogger({ name: 'reset', level: 'warn' }));
  const nodes = runtimes.present();
  await runtimes.removeContainers(nodes);
  const left = clusterProcesses(paths.dataDir).filter((pid) => pid !== lockHolder(paths.lock));
  await endProcesses(left, limits.stopGraceMs);
  if (nodes.length > 0) await cleanKernel(io);
}

/** Leaves a host as it was before `init`, `join` or `restore` began. Logs stay: they say what was wrong. */
export async function undo(paths: ClusterPaths, io: Io): Promise<void> {
  await forget(paths, io);
  const { pki, kubeconfig, etcdctlEnv, clusterJson, runDir } = paths;
  const folders = [pki, paths.etcdDir(''), paths.nodeDir(''), runDir];
  for (const path of [...folders, kubeconfig, etcdctlEnv, clusterJson, bootstrapFile(paths)]) {
    rmSync(path, { recursive: true, force: true });
  }
}

/** A supervisor sees that the membership is gone, stops its processes, and ends or waits for the next one. */
export async function untilLeft(paths: ClusterPaths, holder: number): Promise<void> {
  const endMs = systemClock.monotonicMs() + limits.readyTimeoutMs;
  const isDone = (): boolean => {
    if (lockHolder(paths.lock) !== holder) return true;
    // One that ends by itself may not have said anything yet, or have something to do after its last word.
    if (!staysOn(holder)) return false;
    const file = clusterFile(paths);
    return file === undefined || file.supervisor !== holder || file.phase === 'stopped';
  };
  while (!isDone()) {
    if (systemClock.monotonicMs() > endMs) {
      await endProcesses([holder], limits.stopGraceMs);
      return;
    }
    await delay(limits.probeIntervalMs);
  }
}

/** The proxy leaves its rules when it is restarted; here they go. */
async function cleanKernel(io: Io): Promise<void> {
  const main = join(import.meta.dirname, '..', '..', '..', '..', 'proxy', 'src', 'main.ts');
  try {
    await run(process.execPath, [main, '--cleanup']);
  } catch (error) {
    io.err(`rules of the packet filter may be left: ${errorMessage(error)}\n`);
  }
}

/** Everything below the data directory but what a waiting supervisor holds. */
function filesOf(paths: ClusterPaths): string[] {
  const holder = lockHolder(paths.lock);
  const names = existsSync(paths.dataDir) ? readdirSync(paths.dataDir) : [];
  return names.filter((name) => holder === undefined || name !== 'supervisor.pid');
}

function removeFiles(paths: ClusterPaths): void {
  for (const name of filesOf(paths)) {
    rmSync(join(paths.dataDir, name), { recursive: true, force: true });
  }
  rmSync(paths.runDir, { recursive: true, force: true });
}

function lastWord(host: HostSettings | undefined, hadFiles: boolean): string {
  if (host !== undefined) return `${host.name} is part of no cluster now`;
  return hadFiles ? 'what was left here is removed' : 'nothing was left to reset';
}

/** @throws ConfigError when a cluster made by "kubets up" lives here */
export async function reset(options: ResetOptions, io: Io): Promise<void> {
  const paths = clusterPaths(options.dataDir);
  if (existsSync(paths.state)) {
    throw new ConfigError(
      `${paths.dataDir} holds a cluster made by "kubets up"; stop it with "kubets down", then remove the directory`,
    );
  }
  let host: HostSettings | undefined;
  try {
    host = savedHost(paths);
  } catch (error) {
    io.err(`${errorMessage(error)}; going on without\n`);
  }
  const hadFiles = filesOf(paths).length > 0;
  if (!options.local) {
    if (host === undefined) await takeOutOfStore(paths, io);
    else await leave(paths, host, io);
  }
  await forget(paths, io);
  if (lockHolder(paths.lock) === undefined) releaseLock(paths.lock);
  removeFiles(paths);
  io.err(`${lastWord(host, hadFiles)}\n`);
}
