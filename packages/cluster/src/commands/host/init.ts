/** `kubets init`: makes this host the first master of a new cluster. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isNotFound } from '@kubets/api';
import type { ApiClient } from '@kubets/client';
import { delay, errorMessage, parseRanges, publicKeyPin, systemClock } from '@kubets/platform';
import { LateError, StartError } from '../../errors.ts';
import { makePrivateDir, readIfThere } from '../../files.ts';
import { checkAddress, checkPorts, checkUnused } from '../../host/checks.ts';
import { hostLeaves } from '../../host/leaves.ts';
import {
  createToken,
  publishClusterInfo,
  publishFacts,
  uploadAuthorities,
} from '../../host/publish.ts';
import { ownRelease } from '../../host/release.ts';
import {
  addressIn,
  checkName,
  type HostRole,
  type HostSettings,
  hostPorts,
  type PodNetwork,
  parseEndpoint,
} from '../../host/settings.ts';
import { hostApi, nowMs, saveHost, writeHostClientFiles } from '../../host/store.ts';
import { hostAddress, openDataDir } from '../../install/machine.ts';
import { tokenText } from '../../join/token.ts';
import { limits } from '../../limits.ts';
import { type ClusterPaths, clusterPaths } from '../../paths.ts';
import { ensurePki } from '../../pki/ensure.ts';
import { defaults, type Runtime } from '../../plan/settings.ts';
import type { Io } from '../io.ts';
import { settleRuntime } from '../open-cluster.ts';
import { undo } from './reset.ts';
import { ensureService, isProcessReady, untilService } from './service.ts';

export interface InitOptions {
  readonly dataDir: string;
  readonly name?: string | undefined;
  readonly advertiseAddress?: string | undefined;
  readonly controlPlaneEndpoint?: string | undefined;
  readonly podNetwork: PodNetwork;
  readonly podNetworkCidr: string;
  /** Addresses for Services of type LoadBalancer, RANGE,…; undefined: there are none. */
  readonly loadBalancerRanges?: string | undefined;
  readonly serviceCidr: string;
  readonly serviceDnsDomain: string;
  readonly apiserverCertExtraSans: readonly string[];
  /** The host runs pods, too. */
  readonly node: boolean;
  readonly runtime: Runtime | 'auto';
  readonly mayInstall: boolean;
  /** Life of the token that is printed, ms. */
  readonly tokenTtlMs: number;
  /** For each step of the first start. */
  readonly timeoutMs: number;
}

async function settingsOf(options: InitOptions, io: Io): Promise<HostSettings> {
  const name = checkName(options.name ?? hostname().toLowerCase());
  const address = options.advertiseAddress ?? (await hostAddress());
  checkAddress(address);
  for (const cidr of [options.podNetworkCidr, options.serviceCidr]) addressIn(cidr, 1);
  parseRanges(options.loadBalancerRanges?.split(',') ?? [], '--load-balancer-ranges');
  const endpoint = parseEndpoint(options.controlPlaneEndpoint ?? address);
  const roles: HostRole[] = options.node ? ['master', 'node'] : ['master'];
  const extraNames = options.apiserverCertExtraSans;
  const say = (line: string): void => io.err(`${line}\n`);
  const { mayInstall } = options;
  const runtime = options.node
    ? await settleRuntime(options.runtime, { mayInstall, say })
    : 'simulated';
  return {
    version: 1,
    roles,
    name,
    address,
    cluster: {
      release: ownRelease(),
      endpoint: `${endpoint.host}:${endpoint.port}`,
      token: `kubets-${randomBytes(8).toString('hex')}`,
      podCidr: options.podNetworkCidr,
      serviceCidr: options.serviceCidr,
      clusterDomain: options.serviceDnsDomain,
      podNetwork: options.podNetwork,
      ...(options.loadBalancerRanges === undefined
        ? {}
        : { loadBalancerRanges: options.loadBalancerRanges }),
      ...(extraNames.length === 0 ? {} : { extraNames }),
    },
    runtime,
    extraNames,
    masters: [{ name, address }],
    store: { state: 'new', members: [`${name}=https://${address}:${hostPorts.etcdPeer}`] },
  };
}

/** The namespaces are made by the apiserver a moment after it is up. */
async function untilWritable(api: ApiClient, timeoutMs: number, io: Io): Promise<void> {
  const endMs = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    try {
      for (const name of ['kube-system', 'kube-public']) {
        await api.resource('v1', 'namespaces').get('', name);
      }
      return;
    } catch (error) {
      if (systemClock.monotonicMs() > endMs) throw new StartError(errorMessage(error));
      if (!isNotFound(error) && io.signal.aborted) throw error;
    }
    await delay(limits.probeIntervalMs, { signal: io.signal });
  }
}

/** The words others type. */
export function joinCommand(host: HostSettings, token: string, pin: string): string {
  return `kubets join ${host.cluster.endpoint} --token ${token} --discovery-token-ca-cert-hash ${pin}`;
}

function farewell(paths: ClusterPaths, words: { join: string; key: string }): string {
  return `
The cluster has its first master. Use it:

  export KUBECONFIG=${paths.kubeconfig}
  kubectl get nodes

Another master (within two hours; "kubets certs upload" makes a new key):

  ${words.join} --control-plane --certificate-key ${words.key}

A node (within a day; "kubets token create --print-join-command" makes a new token):

  ${words.join} --node
`;
}

async function publish(paths: ClusterPaths, host: HostSettings, options: InitOptions, io: Io) {
  const ca = readIfThere(join(paths.pki, 'ca.crt')) ?? '';
  const api = hostApi(paths, host, `127.0.0.1:${hostPorts.grpc}`);
  try {
    await untilWritable(api, options.timeoutMs, io);
    await publishClusterInfo(api, host.cluster.endpoint, ca);
    await publishFacts(api, host);
    const key = await uploadAuthorities(api, paths.pki, nowMs());
    const description = 'made by "kubets init"';
    const { tokenTtlMs: ttlMs } = options;
    const { token } = await createToken(api, { nowMs: nowMs(), ttlMs, description });
    return { join: joinCommand(host, tokenText(token), publicKeyPin(ca)), key };
  } finally {
    api.close();
  }
}

/** @throws ConfigError or StartError; the host is as it was before */
export async function init(options: InitOptions, io: Io): Promise<void> {
  const { timeoutMs } = options;
  const paths = clusterPaths(options.dataDir);
  openDataDir(paths.dataDir);
  checkUnused(paths);
  const host = await settingsOf(options, io);
  await checkPorts(host.roles, host.cluster);
  const say = (line: string): void => io.err(`${line}\n`);
  try {
    makePrivateDir(paths.pki);
    await ensurePki(paths.pki, hostLeaves(host, limits.certificateDays), nowMs());
    writeHostClientFiles(paths, host);
    saveHost(paths, host);
    say(`starting the first master of a new cluster, ${host.name} (${host.address})`);
    await ensureService(paths, say);
    const wait = { signal: io.signal, timeoutMs };
    await untilService(paths, { ...wait, holds: isProcessReady('apiserver') });
    const words = await publish(paths, host, options, io);
    await untilService(paths, { ...wait, holds: (file) => file.phase === 'ready' });
    io.out(farewell(paths, words));
  } catch (error) {
    say('init failed, taking back what was done');
    await undo(paths, io);
    if (!(error instanceof LateError)) throw error;
    throw new LateError(`${error.message}. On a slow machine say how long to wait: --timeout 10m`);
  }
}

export const initDefaults = {
  podNetworkCidr: defaults.clusterCidr,
  serviceCidr: defaults.serviceCidr,
  serviceDnsDomain: defaults.clusterDomain,
} as const;
