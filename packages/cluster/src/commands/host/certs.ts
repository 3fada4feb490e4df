/** `kubets certs status|rotate|upload` and `kubets upgrade`: what changes running processes one by one. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { apiRequests, readPairFile, requestCertificate, writePairFile } from '@kubets/kubelet';
import {
  type CertificateFacts,
  ConfigError,
  certificateFacts,
  systemClock,
} from '@kubets/platform';
import { StartError } from '../../errors.ts';
import { readIfThere, writeAtomic } from '../../files.ts';
import { hostLeaves } from '../../host/leaves.ts';
import { StoreMembers, storeTls } from '../../host/members.ts';
import { kubeletCertDir, storeEndpoints } from '../../host/plan.ts';
import { changeFacts, readFacts, uploadAuthorities } from '../../host/publish.ts';
import { ownRelease } from '../../host/release.ts';
import type { HostSettings } from '../../host/settings.ts';
import { hostApi, nowMs, requireHost, requireMaster, saveHost } from '../../host/store.ts';
import { checkMajority, checkMastersFirst, checkStep } from '../../host/upgrade-checks.ts';
import { limits } from '../../limits.ts';
import { type ClusterPaths, clusterPaths } from '../../paths.ts';
import { lockHolder } from '../../runtime/lock.ts';
import type { ClusterFile } from '../../supervisor/cluster-file.ts';
import type { Io } from '../io.ts';
import { clusterFile, untilService } from './service.ts';

const DAY_MS = 86_400_000;
const AUTHORITIES = ['ca', 'etcd-ca'];

interface Row {
  readonly name: string;
  readonly facts: CertificateFacts;
}

function rows(paths: ClusterPaths): Row[] {
  const found: Row[] = [];
  const add = (name: string, pem: string | undefined): void => {
    if (pem !== undefined) found.push({ name, facts: certificateFacts(pem) });
  };
  const files = existsSync(paths.pki) ? readdirSync(paths.pki) : [];
  for (const file of files.filter((one) => one.endsWith('.crt')).sort()) {
    add(file.slice(0, -'.crt'.length), readIfThere(join(paths.pki, file)));
  }
  for (const kind of ['client', 'server']) {
    const file = join(kubeletCertDir(paths), `kubelet-${kind}-current.pem`);
    add(`kubelet-${kind}`, readPairFile(file)?.cert);
  }
  return found;
}

/** @returns whether all are valid and none is about to expire unrenewed */
export function certsStatus(dataDir: string, io: Io): boolean {
  const paths = clusterPaths(dataDir);
  requireHost(paths);
  const all = rows(paths);
  const width = Math.max(...all.map((row) => row.name.length)) + 2;
  io.out(`${'CERTIFICATE'.padEnd(width)}${'EXPIRES'.padEnd(26)}${'LEFT'.padEnd(8)}RENEWED\n`);
  const leftMs = (row: Row): number => row.facts.notAfterMs - nowMs();
  for (const row of all) {
    const until = new Date(row.facts.notAfterMs).toISOString();
    const left = leftMs(row) > 0 ? `${Math.floor(leftMs(row) / DAY_MS)} d` : 'over';
    const how = AUTHORITIES.includes(row.name) ? 'never: the authority' : 'by itself';
    io.out(`${row.name.padEnd(width)}${until.padEnd(26)}${left.padEnd(8)}${how}\n`);
  }
  return all.every((row) => leftMs(row) > 0);
}

/** Asks the supervisor to start every process again and waits until the last one serves. */
async function roll(paths: ClusterPaths, io: Io, whole = false): Promise<void> {
  const holder = lockHolder(paths.lock);
  if (holder === undefined) {
    throw new ConfigError('this host’s supervisor does not run; start it with "kubets run"');
  }
  const before = clusterFile(paths);
  const since = nowMs();
  if (whole) writeAtomic(paths.exchange, 'asked for by "kubets upgrade"\n');
  process.kill(holder, 'SIGUSR2');
  let shown = '';
  const isRolled = (file: ClusterFile): boolean => {
    const done = file.processes.filter((one) => isFresh(one, since) && one.state === 'ready');
    const now = file.processes.find((one) => one.state !== 'ready')?.name ?? '';
    if (now !== shown && now !== '') io.err(`${now}: starting again\n`);
    shown = now;
    if (file.phase === 'failed') {
      throw new StartError(`${now} did not come back; see its log ${paths.log(now)}`);
    }
    return done.length === file.processes.length && file.phase === 'ready';
  };
  const count = before?.processes.length ?? 1;
  const timeoutMs = limits.readyTimeoutMs * Math.max(1, count);
  await untilService(paths, { signal: io.signal, timeoutMs, holds: isRolled });
}

/** containerd keeps its process: its containers hang on it. */
const isFresh = (one: ClusterFile['processes'][number], sinceMs: number): boolean =>
  one.role === 'containerd' || one.startedAtMs >= sinceMs;

/** The kubelet's own certificate is its right to a new one: it goes only when the next is there. */
async function renewKubelet(paths: ClusterPaths, host: HostSettings): Promise<void> {
  const file = join(kubeletCertDir(paths), 'kubelet-client-current.pem');
  if (host.roles.includes('master')) {
    rmSync(file, { force: true });
    return;
  }
  const api = hostApi(paths, host);
  try {
    const pair = await requestCertificate({
      requests: apiRequests(api),
      clock: systemClock,
      signer: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
      wanted: {
        commonName: `system:node:${host.name}`,
        organizations: ['system:nodes'],
        hosts: [],
      },
    });
    writePairFile(file, pair);
  } finally {
    api.close();
  }
}

/** @throws StartError when the store cannot do without this host's member for a while */
async function checkSpare(paths: ClusterPaths, host: HostSettings): Promise<void> {
  if (!host.roles.includes('master')) return;
  const members = new StoreMembers(storeEndpoints(host), storeTls(paths.pki), nowMs);
  try {
    await checkMajority(members, host);
  } finally {
    members.close();
  }
}

/** Makes every certificate of this host anew and starts its processes again, one at a time. */
export async function certsRotate(dataDir: string, io: Io): Promise<void> {
  const paths = clusterPaths(dataDir);
  const host = requireHost(paths);
  await checkSpare(paths, host);
  const leaves = hostLeaves(host, limits.certificateDays).map((leaf) => leaf.file);
  // Whoever is without a certificate asks for one, or makes one: the supervisor, or the kubelet itself.
  const nodeOwn = host.roles.includes('master') ? [] : ['proxy', 'dns'];
  for (const file of [...leaves, ...nodeOwn])
    rmSync(join(paths.pki, `${file}.crt`), { force: true });
  rmSync(join(kubeletCertDir(paths), 'kubelet-server-current.pem'), { force: true });
  if (host.roles.includes('node')) await renewKubelet(paths, host);
  await roll(paths, io);
  io.err('every certificate of this host is new\n');
}

/** Puts the authorities, sealed, where a new master finds them. */
export async function certsUpload(dataDir: string, io: Io): Promise<void> {
  const paths = clusterPaths(dataDir);
  const api = hostApi(paths, requireMaster(paths));
  try {
    const key = await uploadAuthorities(api, paths.pki, nowMs());
    io.err('a master may join within two hours with --control-plane --certificate-key\n');
    io.out(`${key}\n`);
  } finally {
    api.close();
  }
}

/** @throws ConfigError or StartError, before anything has changed */
async function checkUpgrade(paths: ClusterPaths, host: HostSettings, own: string): Promise<void> {
  checkStep(host.cluster.release, own);
  if (!host.roles.includes('master')) {
    const ca = readIfThere(join(paths.pki, 'ca.crt')) ?? '';
    await checkMastersFirst(host, { own, ca });
    return;
  }
  await checkSpare(paths, host);
  const api = hostApi(paths, host);
  try {
    checkStep((await readFacts(api)).cluster.release, own);
  } finally {
    api.close();
  }
}

/**
 * Starts this host's supervisor from the programs that are installed now, and by its plan the processes, stage by stage, each
 * watched until it serves. A plan of the release before would not know the flags of the next.
 */
export async function upgrade(dataDir: string, io: Io): Promise<void> {
  const paths = clusterPaths(dataDir);
  const host = requireHost(paths);
  const release = ownRelease();
  await checkUpgrade(paths, host, release);
  io.err(`${host.name}: ${host.cluster.release} → ${release}\n`);
  await roll(paths, io, true);
  saveHost(paths, { ...requireHost(paths), cluster: { ...host.cluster, release } });
  if (host.roles.includes('master')) {
    const api = hostApi(paths, host);
    try {
      await changeFacts(api, (facts) => ({ ...facts, cluster: { ...facts.cluster, release } }));
    } finally {
      api.close();
    }
  }
  io.err(`${host.name} runs ${release}; go on with the next host\n`);
}
