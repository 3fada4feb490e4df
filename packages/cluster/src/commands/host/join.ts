/** `kubets join`: makes this host a master or a node of a cluster there is. */
import { existsSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join as joinPath } from 'node:path';
import { ConfigError } from '@kubets/platform';
import { LateError } from '../../errors.ts';
import { makePrivateDir, writeAtomic } from '../../files.ts';
import { writeBootstrapFile } from '../../host/bootstrap-file.ts';
import { checkAddress, checkPorts, checkUnused } from '../../host/checks.ts';
import { hostLeaves } from '../../host/leaves.ts';
import { bootstrapFile } from '../../host/plan.ts';
import { changeMasters } from '../../host/publish.ts';
import { checkReach } from '../../host/reach.ts';
import { ownRelease } from '../../host/release.ts';
import {
  checkName,
  type HostRole,
  type HostSettings,
  type MasterAddress,
  parseEndpoint,
} from '../../host/settings.ts';
import { hostApi, nowMs, savedHost, saveHost, writeHostClientFiles } from '../../host/store.ts';
import { hostAddress, openDataDir } from '../../install/machine.ts';
import {
  checkNodeName,
  type Discovered,
  discover,
  sealedAuthorities,
} from '../../join/discover.ts';
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
import type { ClusterFile } from '../../supervisor/cluster-file.ts';
import type { Io } from '../io.ts';
import { settleRuntime } from '../open-cluster.ts';
import { addToStore, promoteInStore, takeOutOfStore } from './join-store.ts';
import { undo } from './reset.ts';
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
  /** For this host's part to be ready; for a master's copy of the store as much again. */
  readonly timeoutMs: number;
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

const others = (masters: readonly MasterAddress[], name: string): MasterAddress[] =>
  masters.filter((one) => one.name !== name);

async function settingsOf(joining: Joining, roles: readonly HostRole[]): Promise<HostSettings> {
  const { options, found, io } = joining;
  const name = checkName(options.name ?? hostname().toLowerCase());
  const address = options.advertiseAddress ?? (await hostAddress());
  checkAddress(address);
  const { mayInstall } = options;
  const say = (line: string): void => io.err(`${line}\n`);
  const runtime = roles.includes('node')
    ? await settleRuntime(options.runtime, { mayInstall, say })
    : 'simulated';
  const self = { name, address };
  const { cluster } = found;
  const { extraNames = [] } = cluster;
  return {
    ...{ version: 1, roles, name, address, runtime, extraNames, cluster },
    masters: roles.includes('master') ? [...others(found.masters, name), self] : found.masters,
    store: { state: 'existing', members: [] },
  };
}

/** The API, to somebody who has no more than the token. */
const doorOf = ({ found, token, options }: Joining) => ({
  ...parseEndpoint(options.endpoint),
  ca: found.ca,
  token: tokenText(token),
});

/** Fetches the authorities' keys and opens them with the key the user brought. */
async function openAuthorities(joining: Joining): Promise<void> {
  const { paths, options } = joining;
  const key = parseCertificateKey(options.certificateKey ?? '');
  const sealed = await sealedAuthorities(doorOf(joining));
  const opened = Object.entries(sealed).map(([file, text]) => [file, unseal(text, key)] as const);
  makePrivateDir(paths.pki);
  for (const [file, content] of opened) writeAtomic(joinPath(paths.pki, file), content);
}

/** What only a master needs before it runs: the authorities, certificates, a member of the store. */
async function prepareMaster(joining: Joining, host: HostSettings): Promise<HostSettings> {
  const { paths } = joining;
  await openAuthorities(joining);
  await ensurePki(paths.pki, hostLeaves(host, limits.certificateDays), nowMs());
  writeHostClientFiles(paths, host);
  return addToStore(paths, host, joining.found.masters);
}

/** Asks, checks, and writes down what this host is from now on. @returns that */
async function begin(options: JoinOptions, roles: readonly HostRole[], io: Io) {
  const token = parseToken(options.token);
  const paths = clusterPaths(options.dataDir);
  checkUnused(paths);
  const { host: doorHost, port } = parseEndpoint(options.endpoint);
  const { pins } = options;
  const release = ownRelease();
  const found = await discover({ host: doorHost, port, token, pins, nowMs: nowMs(), release });
  await checkPorts(roles, found.cluster);
  await checkReach(found.masters, roles);
  const joining: Joining = { paths, found, token, options, io };
  const host = await settingsOf(joining, roles);
  if (roles.includes('node')) await checkNodeName(doorOf(joining), host);
  io.err(`joining ${host.cluster.endpoint} as ${roles.join(' and ')} ${host.name}\n`);
  try {
    makePrivateDir(paths.pki);
    writeAtomic(joinPath(paths.pki, 'ca.crt'), found.ca);
    if (roles.includes('node')) {
      writeBootstrapFile(bootstrapFile(paths), { ca: found.ca, token });
    }
    writeAtomic(paths.joining, '');
    const whole = roles.includes('master') ? await prepareMaster(joining, host) : host;
    saveHost(paths, whole);
    return whole;
  } catch (error) {
    await takeBack(paths, io);
    throw error;
  }
}

/** Leaves host and cluster as they were before. */
async function takeBack(paths: ClusterPaths, io: Io): Promise<void> {
  io.err('join failed, taking back what was done\n');
  await takeOutOfStore(paths, io);
  await undo(paths, io);
}

/** Runs what `host.json` says until it stands. Every step may have been done before. */
async function finish(paths: ClusterPaths, host: HostSettings, o: { io: Io; timeoutMs: number }) {
  const { io, timeoutMs } = o;
  const isMaster = host.roles.includes('master');
  const say = (line: string): void => io.err(`${line}\n`);
  await ensureService(paths, say);
  if (isMaster) say('copying the store');
  const holds = (file: ClusterFile): boolean => file.phase === 'ready';
  await untilService(paths, { signal: io.signal, timeoutMs, holds });
  if (!isMaster) return;
  // Last, when nothing else can go wrong: of two members that vote neither can be missed.
  const members = await promoteInStore(paths, host, o);
  const api = hostApi(paths, host);
  try {
    const self = { name: host.name, address: host.address };
    // Whoever was taken out of the store is no master any more, whatever the list says.
    await changeMasters(api, (masters) => [
      ...others(masters, host.name).filter((one) => members.includes(one.name)),
      self,
    ]);
  } finally {
    api.close();
  }
}

/**
 * What an earlier join of this host has left to be done.
 * @throws ConfigError when that was to make something else of it
 */
function unfinished(paths: ClusterPaths, roles: readonly HostRole[]): HostSettings | undefined {
  const host = existsSync(paths.joining) ? savedHost(paths) : undefined;
  if (host === undefined || host.roles.join() === roles.join()) return host;
  throw new ConfigError(
    `this host has begun to join ${host.cluster.endpoint} as ${host.roles.join(' and ')} ${host.name}; go on with the same command, or take it back with "kubets reset"`,
  );
}

/**
 * Goes on where an earlier one was late.
 * @throws LateError: go on with the same words; another ConfigError or StartError: host and cluster are as they were before
 */
export async function join(options: JoinOptions, io: Io): Promise<void> {
  const roles = checkOptions(options);
  const paths = clusterPaths(options.dataDir);
  openDataDir(paths.dataDir);
  const begun = unfinished(paths, roles);
  if (begun !== undefined) io.err(`${begun.name} goes on joining ${begun.cluster.endpoint}\n`);
  const host = begun ?? (await begin(options, roles, io));
  try {
    await finish(paths, host, { io, timeoutMs: options.timeoutMs });
  } catch (error) {
    if (error instanceof LateError) {
      throw new LateError(
        `${error.message}. What was done stays: the same command again goes on, "kubets reset" takes it back`,
      );
    }
    await takeBack(paths, io);
    throw error;
  }
  rmSync(paths.joining, { force: true });
  io.out(`${host.name} is part of the cluster.\n`);
}
