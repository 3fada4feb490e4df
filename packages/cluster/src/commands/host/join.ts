/** `kubets join`: makes this host a master or a node of a cluster there is. */
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join as joinPath } from 'node:path';
import { ConfigError, delay, errorMessage, systemClock } from '@kubets/platform';
import { StartError } from '../../errors.ts';
import { makePrivateDir, writeAtomic } from '../../files.ts';
import { writeBootstrapFile } from '../../host/bootstrap-file.ts';
import { checkAddress, checkPorts, checkUnused } from '../../host/checks.ts';
import { hostLeaves } from '../../host/leaves.ts';
import { StoreMembers, storeTls } from '../../host/members.ts';
import { bootstrapFile } from '../../host/plan.ts';
import { changeMasters } from '../../host/publish.ts';
import { ownRelease } from '../../host/release.ts';
import {
  checkName,
  type HostRole,
  type HostSettings,
  hostPorts,
  parseEndpoint,
} from '../../host/settings.ts';
import { hostApi, nowMs, saveHost, writeHostClientFiles } from '../../host/store.ts';
import { hostAddress, openDataDir } from '../../install/machine.ts';
import { type Discovered, discover, sealedAuthorities } from '../../join/discover.ts';
import {
  parseCertificateKey,
  parseToken,
  type Token,
  tokenText,
  unseal,
} from '../../join/token.ts';
import { limits } from '../../limits.ts';
import { type ClusterPaths, clusterPaths } from '../../paths.ts';
import { ensurePki } from '../../pki/ensure.ts';
import type { Runtime } from '../../plan/settings.ts';
import type { Io } from '../io.ts';
import { settleRuntime } from '../open-cluster.ts';
import { forget } from './reset.ts';
import { ensureService, untilService } from './service.ts';

export interface JoinOptions {
  readonly dataDir: string;
  readonly endpoint: string;
  readonly token: string;
  readonly pins: readonly string[];
  /** Believe whoever answers and knows the token. */
  readonly skipPin: boolean;
  readonly controlPlane: boolean;
  readonly node: boolean;
  readonly certificateKey?: string | undefined;
  readonly name?: string | undefined;
  readonly advertiseAddress?: string | undefined;
  readonly runtime: Runtime | 'auto';
  readonly mayInstall: boolean;
}

interface Joining {
  readonly paths: ClusterPaths;
  readonly found: Discovered;
  readonly token: Token;
  readonly options: JoinOptions;
  readonly io: Io;
}

function checkOptions(options: JoinOptions): HostRole[] {
  if (options.pins.length === 0 && !options.skipPin) {
    throw new ConfigError(
      '--discovery-token-ca-cert-hash is needed; "kubets token create --print-join-command" on a master prints it',
    );
  }
  const odd = options.pins.find((pin) => !/^sha256:[0-9a-f]{64}$/.test(pin));
  if (odd !== undefined) throw new ConfigError(`"${odd}" is not sha256: and 64 hexadecimal digits`);
  if (options.controlPlane && options.certificateKey === undefined) {
    throw new ConfigError(
      '--control-plane needs --certificate-key; "kubets certs upload" on a master prints one',
    );
  }
  const isNode = options.node || !options.controlPlane;
  return [
    ...(options.controlPlane ? ['master' as const] : []),
    ...(isNode ? ['node' as const] : []),
  ];
}

async function settingsOf(joining: Joining, roles: readonly HostRole[]): Promise<HostSettings> {
  const { options, found, io } = joining;
  const name = checkName(options.name ?? hostname().toLowerCase());
  const address = options.advertiseAddress ?? (await hostAddress());
  checkAddress(address);
  if (found.masters.some((one) => one.name === name && roles.includes('master'))) {
    throw new ConfigError(`the cluster has a master called ${name}; name this host with --name`);
  }
  const { mayInstall } = options;
  const say = (line: string): void => io.err(`${line}\n`);
  const runtime = roles.includes('node')
    ? await settleRuntime(options.runtime, { mayInstall, say })
    : 'simulated';
  const self = { name, address };
  return {
    ...{ version: 1, roles, name, address, runtime, extraNames: [], cluster: found.cluster },
    masters: roles.includes('master') ? [...found.masters, self] : found.masters,
    store: { state: 'existing', members: [] },
  };
}

/** Fetches the authorities' keys and opens them with the key the user brought. */
async function openAuthorities({ paths, found, token, options }: Joining): Promise<void> {
  const key = parseCertificateKey(options.certificateKey ?? '');
  const door = { ...parseEndpoint(options.endpoint), ca: found.ca, token: tokenText(token) };
  const sealed = await sealedAuthorities(door);
  const opened = Object.entries(sealed).map(([file, text]) => [file, unseal(text, key)] as const);
  makePrivateDir(paths.pki);
  for (const [file, content] of opened) writeAtomic(joinPath(paths.pki, file), content);
}

/** Votes only once it has the whole store: a member that is behind must not count in a majority. */
async function promote(members: StoreMembers, id: string, io: Io): Promise<void> {
  const endMs = systemClock.monotonicMs() + limits.catchUpMs;
  for (;;) {
    try {
      await members.promote(id);
      return;
    } catch (error) {
      if (systemClock.monotonicMs() > endMs) {
        throw new StartError(`this host’s member did not catch up: ${errorMessage(error)}`);
      }
      await delay(limits.probeIntervalMs, { signal: io.signal });
    }
  }
}

async function joinStore(joining: Joining, host: HostSettings): Promise<void> {
  const { paths, found, io } = joining;
  const say = (line: string): void => io.err(`${line}\n`);
  const endpoints = found.masters.map((one) => `https://${one.address}:${hostPorts.etcdClient}`);
  const members = new StoreMembers(endpoints, storeTls(paths.pki), nowMs);
  let id = '';
  try {
    const peerUrl = `https://${host.address}:${hostPorts.etcdPeer}`;
    const added = await members.addLearner(peerUrl);
    id = added.id;
    const named = added.members.map(
      (one) => `${one.ID === id ? host.name : one.name}=${one.peerURLs[0] ?? ''}`,
    );
    const store = { state: 'existing' as const, members: named };
    saveHost(paths, { ...host, store });
    await ensureService(paths, say);
    say('copying the store');
    await promote(members, id, io);
  } catch (error) {
    if (id !== '') await members.remove(id).catch((reason) => say(errorMessage(reason)));
    throw error;
  } finally {
    members.close();
  }
}

async function joinMaster(joining: Joining, host: HostSettings): Promise<void> {
  const { paths, io } = joining;
  await openAuthorities(joining);
  await ensurePki(paths.pki, hostLeaves(host, limits.certificateDays), nowMs());
  writeHostClientFiles(paths, host);
  await joinStore(joining, host);
  await untilService(paths, { signal: io.signal, holds: (file) => file.phase === 'ready' });
  const api = hostApi(paths, host);
  try {
    const self = { name: host.name, address: host.address };
    await changeMasters(api, (masters) => [
      ...masters.filter((one) => one.name !== host.name),
      self,
    ]);
  } finally {
    api.close();
  }
}

async function joinNode(joining: Joining, host: HostSettings): Promise<void> {
  const { paths, io } = joining;
  saveHost(paths, host);
  await ensureService(paths, (line) => io.err(`${line}\n`));
  await untilService(paths, { signal: io.signal, holds: (file) => file.phase === 'ready' });
}

/** @throws ConfigError or StartError; the host is then as it was before, and so is the cluster */
export async function join(options: JoinOptions, io: Io): Promise<void> {
  const roles = checkOptions(options);
  const token = parseToken(options.token);
  const paths = clusterPaths(options.dataDir);
  openDataDir(paths.dataDir);
  checkUnused(paths);
  await checkPorts(roles);
  const { host: doorHost, port } = parseEndpoint(options.endpoint);
  const { pins } = options;
  const release = ownRelease();
  const found = await discover({ host: doorHost, port, token, pins, nowMs: nowMs(), release });
  const joining: Joining = { paths, found, token, options, io };
  const host = await settingsOf(joining, roles);
  io.err(`joining ${host.cluster.endpoint} as ${roles.join(' and ')} ${host.name}\n`);
  try {
    makePrivateDir(paths.pki);
    writeAtomic(joinPath(paths.pki, 'ca.crt'), found.ca);
    if (roles.includes('node')) {
      writeBootstrapFile(bootstrapFile(paths), { ca: found.ca, token });
    }
    if (roles.includes('master')) await joinMaster(joining, host);
    else await joinNode(joining, host);
  } catch (error) {
    io.err('join failed, taking back what was done\n');
    await forget(paths, io);
    for (const path of [paths.pki, paths.etcdDir(''), bootstrapFile(paths)]) {
      rmSync(path, { recursive: true, force: true });
    }
    throw error;
  }
  io.out(`${host.name} is part of the cluster.\n`);
}
