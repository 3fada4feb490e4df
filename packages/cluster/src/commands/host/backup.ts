/** `kubets backup`, `restore` and `recover`: what is left when masters are lost. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ConfigError, errorMessage } from '@kubets/platform';
import { makePrivateDir, writeAtomic } from '../../files.ts';
import { checkPorts, checkUnused, withPresentAddress } from '../../host/checks.ts';
import { changeMasters } from '../../host/publish.ts';
import { type HostSettings, hostPorts, parseHost } from '../../host/settings.ts';
import { hostApi, requireMaster, saveHost } from '../../host/store.ts';
import { ownMember, storeCommand } from '../../host/store-command.ts';
import { hostAddress, openDataDir } from '../../install/machine.ts';
import { limits } from '../../limits.ts';
import { type ClusterPaths, clusterPaths } from '../../paths.ts';
import { lockHolder } from '../../runtime/lock.ts';
import { clusterProcesses, endProcesses, keepsContainer } from '../../runtime/processes.ts';
import type { Io } from '../io.ts';
import { undo, untilLeft } from './reset.ts';
import { ensureService, untilService } from './service.ts';

const run = promisify(execFile);
const SNAPSHOT = 'store.snapshot';
const KEPT = ['pki', 'host.json'];

/** Writes the store, the authorities and the settings into one file. Whoever has it owns the cluster: mode 0600. */
export async function backup(dataDir: string, file: string, io: Io): Promise<void> {
  const paths = clusterPaths(dataDir);
  requireMaster(paths);
  const target = resolve(file);
  if (existsSync(target)) throw new ConfigError(`${target} is there already; name another file`);
  const dir = mkdtempSync(join(paths.dataDir, 'backup-'));
  try {
    await storeCommand(['snapshot', 'save', join(dir, SNAPSHOT), ...ownMember(paths)]);
    for (const name of KEPT)
      cpSync(join(paths.dataDir, name), join(dir, name), { recursive: true });
    const draft = `${target}.part`;
    await run('sh', ['-c', 'umask 077; exec tar -czf "$0" -C "$1" .', draft, dir]);
    renameSync(draft, target);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  io.err(`${target}: keep it where only you can read it; it holds every key of the cluster\n`);
}

const firstLine = (error: unknown): string => {
  const said =
    typeof error === 'object' && error !== null ? String(Reflect.get(error, 'stderr') ?? '') : '';
  return said.trim().split('\n')[0] || errorMessage(error);
};

async function unpack(file: string, dir: string): Promise<HostSettings> {
  try {
    await run('tar', ['-xzf', file, '-C', dir, '--no-same-owner']);
  } catch (error) {
    throw new ConfigError(`${file} is no backup made by "kubets backup": ${firstLine(error)}`);
  }
  const missing = [...KEPT, SNAPSHOT].find((name) => !existsSync(join(dir, name)));
  if (missing !== undefined) throw new ConfigError(`${file} is no backup: it has no ${missing}`);
  return parseHost(readFileSync(join(dir, 'host.json'), 'utf8'), `host.json in ${file}`);
}

/** The cluster shrunk to this one master, which others join anew. */
const alone = (host: HostSettings): HostSettings => ({
  ...host,
  masters: [{ name: host.name, address: host.address }],
  learned: [],
  store: {
    state: 'new',
    members: [`${host.name}=https://${host.address}:${hostPorts.etcdPeer}`],
  },
});

async function startAlone(paths: ClusterPaths, host: HostSettings, io: Io): Promise<void> {
  await ensureService(paths, (line) => io.err(`${line}\n`));
  await untilService(paths, { signal: io.signal, holds: (state) => state.phase === 'ready' });
  const api = hostApi(paths, host);
  try {
    await changeMasters(api, () => host.masters);
  } finally {
    api.close();
  }
}

const OTHERS =
  'The other masters are not part of it any more: on each "kubets reset --local", then let it join again ' +
  '("kubets token create --print-join-command", "kubets certs upload" here).\n';

/** Makes this host the one master of the cluster in a backup. @throws ConfigError or StartError; the host is as before */
export async function restore(dataDir: string, file: string, io: Io): Promise<void> {
  const paths = clusterPaths(dataDir);
  openDataDir(paths.dataDir);
  checkUnused(paths);
  const dir = mkdtempSync(join(paths.dataDir, 'restore-'));
  try {
    const saved = await unpack(resolve(file), dir);
    const host = alone(withPresentAddress(saved, await hostAddress()));
    await checkPorts(host.roles, host.cluster);
    makePrivateDir(dirname(paths.etcdDir('member')));
    rmSync(paths.pki, { recursive: true, force: true });
    renameSync(join(dir, 'pki'), paths.pki);
    await storeCommand([
      ...['snapshot', 'restore', join(dir, SNAPSHOT), `--data-dir=${paths.etcdDir('member')}`],
      ...[`--name=${host.name}`, `--initial-cluster=${host.store.members[0]}`],
      `--initial-cluster-token=${host.cluster.token}`,
      `--initial-advertise-peer-urls=https://${host.address}:${hostPorts.etcdPeer}`,
      // Kubelets and others that watched go on from a revision the backup may not have reached, and would wait for it unnoticed.
      ...[`--bump-revision=${limits.restoreSkipsRevisions}`, '--mark-compacted'],
    ]);
    saveHost(paths, host);
    await startAlone(paths, host, io);
  } catch (error) {
    io.err('restore failed, taking back what was done\n');
    await undo(paths, io);
    throw error;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  io.err(`the cluster is back with one master. ${OTHERS}`);
}

/** Stops this host's own processes; its supervisor ends or waits, containers go on. */
async function pause(paths: ClusterPaths): Promise<void> {
  writeAtomic(paths.paused, 'by "kubets recover"\n');
  const holder = lockHolder(paths.lock);
  if (holder !== undefined) await untilLeft(paths, holder);
  const left = clusterProcesses(paths.dataDir).filter(
    (pid) => pid !== lockHolder(paths.lock) && !keepsContainer(pid),
  );
  await endProcesses(left, limits.stopGraceMs);
}

/**
 * Brings the cluster back from this one master when a majority is lost for good.
 * @throws ConfigError unless it was said that the others are gone: if they come back, there are two clusters
 */
export async function recover(dataDir: string, othersAreLost: boolean, io: Io): Promise<void> {
  const paths = clusterPaths(dataDir);
  const host = requireMaster(paths);
  if (!othersAreLost) {
    throw new ConfigError(
      'this makes a cluster of this master alone; only when the others never come back. Then say so: --others-are-lost',
    );
  }
  const next = alone(host);
  try {
    await pause(paths);
    io.out(await storeCommand(['recover', `--data-dir=${paths.etcdDir('member')}`]));
    saveHost(paths, next);
  } finally {
    rmSync(paths.paused, { force: true });
  }
  await startAlone(paths, next, io);
  io.err(`the cluster is back with one master. ${OTHERS}`);
}
