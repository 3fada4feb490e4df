/** `kubets backup`, `restore` and `recover`: what is left when masters are lost. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ConfigError, errorMessage, systemClock } from '@kubets/platform';
import { StartError } from '../../errors.ts';
import { makePrivateDir, readIfThere, writeAtomic } from '../../files.ts';
import { checkAddress, checkPorts, checkUnused, isOwnAddress } from '../../host/checks.ts';
import { changeFacts, publishClusterInfo } from '../../host/publish.ts';
import { skippedByRestore } from '../../host/restored-revision.ts';
import { aloneOf, type HostSettings, hostPorts, parseHost } from '../../host/settings.ts';
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
  if (!existsSync(dirname(target))) {
    throw new ConfigError(
      `there is no directory ${dirname(target)}; make it, or name another file`,
    );
  }
  const dir = mkdtempSync(join(paths.dataDir, 'backup-'));
  try {
    await storeCommand(['snapshot', 'save', join(dir, SNAPSHOT), ...ownMember(paths)]);
    for (const name of KEPT)
      cpSync(join(paths.dataDir, name), join(dir, name), { recursive: true });
    const draft = `${target}.part`;
    await pack(dir, draft);
    renameSync(draft, target);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  io.err(`${target}: keep it where only you can read it; it holds every key of the cluster\n`);
}

/** @throws StartError with what stood in the way; nothing is left of the file */
async function pack(dir: string, draft: string): Promise<void> {
  try {
    await run('sh', ['-c', 'umask 077; exec tar -czf "$0" -C "$1" .', draft, dir]);
  } catch (error) {
    rmSync(draft, { force: true });
    throw new StartError(`${draft} cannot be written: ${firstLine(error)}`);
  }
}

const firstLine = (error: unknown): string => {
  const said =
    typeof error === 'object' && error !== null ? String(Reflect.get(error, 'stderr') ?? '') : '';
  return said.trim().split('\n')[0] || errorMessage(error);
};

async function unpack(file: string, dir: string): Promise<HostSettings> {
  if (!existsSync(file)) throw new ConfigError(`there is no file ${file}`);
  try {
    await run('tar', ['-xzf', file, '-C', dir, '--no-same-owner']);
  } catch (error) {
    throw new ConfigError(`${file} is no backup made by "kubets backup": ${firstLine(error)}`);
  }
  const missing = [...KEPT, SNAPSHOT].find((name) => !existsSync(join(dir, name)));
  if (missing !== undefined) throw new ConfigError(`${file} is no backup: it has no ${missing}`);
  return parseHost(readFileSync(join(dir, 'host.json'), 'utf8'), `host.json in ${file}`);
}

async function startAlone(paths: ClusterPaths, host: HostSettings, io: Io): Promise<void> {
  await ensureService(paths, (line) => io.err(`${line}\n`));
  await untilService(paths, { signal: io.signal, holds: (state) => state.phase === 'ready' });
  const api = hostApi(paths, host);
  try {
    const { endpoint } = host.cluster;
    const { masters } = host;
    await changeFacts(api, ({ cluster }) => ({ cluster: { ...cluster, endpoint }, masters }));
    await publishClusterInfo(api, endpoint, readIfThere(join(paths.pki, 'ca.crt')) ?? '');
  } finally {
    api.close();
  }
}

const OTHERS =
  'The other masters are not part of it any more: on each "kubets reset --local", then let it join again ' +
  '("kubets token create --print-join-command", "kubets certs upload" here).\n';

const MOVED =
  'Nodes that find it neither by the addresses of former masters nor by the endpoint’s name: on each "kubets reset", then let it join again.\n';

export interface RestoreOptions {
  readonly dataDir: string;
  readonly file: string;
  readonly advertiseAddress?: string | undefined;
  readonly controlPlaneEndpoint?: string | undefined;
}

/** What this host will be: the master in the backup, where it was, or where this host is. */
async function restoredHost(saved: HostSettings, options: RestoreOptions): Promise<HostSettings> {
  const { advertiseAddress, controlPlaneEndpoint } = options;
  if (advertiseAddress !== undefined) checkAddress(advertiseAddress);
  const stays = advertiseAddress === undefined && isOwnAddress(saved.address);
  const address = advertiseAddress ?? (stays ? saved.address : await hostAddress());
  return aloneOf(saved, { address, endpoint: controlPlaneEndpoint });
}

/** Makes this host the one master of the cluster in a backup. @throws ConfigError or StartError; the host is as before */
export async function restore(options: RestoreOptions, io: Io): Promise<void> {
  const { dataDir, file } = options;
  const paths = clusterPaths(dataDir);
  openDataDir(paths.dataDir);
  checkUnused(paths);
  const dir = mkdtempSync(join(paths.dataDir, 'restore-'));
  try {
    const saved = await unpack(resolve(file), dir);
    const host = await restoredHost(saved, options);
    await checkPorts(host.roles, host.cluster);
    await startFrom(dir, { paths, host, io });
    const moved = host.address === saved.address ? '' : MOVED;
    io.err(`the cluster is back with one master. ${OTHERS}${moved}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Restoring {
  readonly paths: ClusterPaths;
  readonly host: HostSettings;
  readonly io: Io;
}

/** @param dir what the backup held */
async function startFrom(dir: string, { paths, host, io }: Restoring): Promise<void> {
  try {
    makePrivateDir(dirname(paths.etcdDir('member')));
    rmSync(paths.pki, { recursive: true, force: true });
    renameSync(join(dir, 'pki'), paths.pki);
    await restoreStore(paths, host, join(dir, SNAPSHOT));
    saveHost(paths, host);
    await startAlone(paths, host, io);
  } catch (error) {
    io.err('restore failed, taking back what was done\n');
    await undo(paths, io);
    throw error;
  }
}

const restoreStore = (paths: ClusterPaths, host: HostSettings, snapshot: string): Promise<string> =>
  storeCommand([
    ...['snapshot', 'restore', snapshot, `--data-dir=${paths.etcdDir('member')}`],
    ...[`--name=${host.name}`, `--initial-cluster=${host.store.members[0]}`],
    `--initial-cluster-token=${host.cluster.token}`,
    `--initial-advertise-peer-urls=https://${host.address}:${hostPorts.etcdPeer}`,
    // Kubelets and others that watched go on from a revision the backup may not have reached, and would wait for it unnoticed.
    ...[`--bump-revision=${skippedByRestore(systemClock.now())}`, '--mark-compacted'],
  ]);

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
  const next = aloneOf(host);
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
