/**
 * `kubets compose prepare|publish`: a cluster whose every process is a container of its own. The first makes certificates and a
 * token in a shared folder, the second tells the API about them; both do nothing where it is done.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isAlreadyExists, type Secret } from '@kubets/api';
import { ApiClient } from '@kubets/client';
import {
  ConfigError,
  delay,
  errorMessage,
  loadTls,
  parseRanges,
  publicKeyPin,
  silentLogger,
} from '@kubets/platform';
import { makePrivateDir, readIfThere, replaceFile, writeAtomic } from '../../files.ts';
import { balancerRange } from '../../host/balancer-range.ts';
import { hostLeaves } from '../../host/leaves.ts';
import { publishClusterInfo, publishFacts, signClusterInfo } from '../../host/publish.ts';
import { ownRelease } from '../../host/release.ts';
import { type HostSettings, hostPorts, parseEndpoint } from '../../host/settings.ts';
import { nowMs } from '../../host/store.ts';
import { hostNetwork } from '../../install/machine.ts';
import { newToken, parseToken, tokenSecret, tokenText } from '../../join/token.ts';
import { limits } from '../../limits.ts';
import { ensurePki } from '../../pki/ensure.ts';
import { kubeconfigText } from '../../pki/kubeconfig.ts';
import { defaults } from '../../plan/settings.ts';
import type { Io } from '../io.ts';

export interface PublishOptions {
  /** The folder the containers share. */
  readonly dir: string;
  /** `HOST:PORT` of the one door, as containers see it. */
  readonly endpoint: string;
  /** Names of the containers that serve: members of the store, apiservers, the door. */
  readonly names: readonly string[];
}

export interface ComposeOptions extends PublishOptions {
  /** Where the machine itself finds the door, for the kubeconfig. */
  readonly server: string;
  /** Addresses for Services of type LoadBalancer: RANGE,…; `auto`: the upper end of the containers' network; `none`. */
  readonly loadBalancerRanges: string;
}

/** What `kubets join --from FILE` reads. */
export interface JoinFile {
  readonly endpoint: string;
  readonly token: string;
  readonly pins: readonly string[];
  /** RANGE,…; '': there are no load balancers. Absent in files of releases that had none. */
  readonly loadBalancerRanges?: string;
}

const pki = (dir: string): string => join(dir, 'pki');
const joinFile = (dir: string): string => join(dir, 'join.json');
/** Read by the cloud-controller-manager as `--config`. */
const cloudFlags = (dir: string): string => join(dir, 'cloud-controller-manager.yaml');

/** @param cidr this container's address, with the length of the network's prefix. @throws ConfigError for what is no range */
export function rangesFor(wish: string, cidr: string): string {
  if (wish === 'none') return '';
  if (wish === 'auto') return balancerRange(cidr);
  parseRanges(wish.split(','), '--load-balancer-ranges');
  return wish;
}

/** The cluster as a host's settings: a master at the one door. */
function settings({ endpoint, names }: PublishOptions, ranges: string): HostSettings {
  const { host } = parseEndpoint(endpoint);
  return {
    version: 1,
    roles: ['master'],
    name: host,
    address: host,
    cluster: {
      release: ownRelease(),
      endpoint,
      token: 'kubets-compose',
      podCidr: defaults.clusterCidr,
      serviceCidr: defaults.serviceCidr,
      clusterDomain: defaults.clusterDomain,
      podNetwork: 'host-routes',
      ...(ranges === '' ? {} : { loadBalancerRanges: ranges }),
    },
    runtime: 'simulated',
    extraNames: names,
    masters: [{ name: host, address: host }],
    store: { state: 'new', members: [] },
  };
}

export async function composePrepare(options: ComposeOptions, io: Io): Promise<void> {
  const { dir, endpoint, names } = options;
  makePrivateDir(pki(dir));
  const loadBalancerRanges = rangesFor(options.loadBalancerRanges, await hostNetwork());
  const leaves = hostLeaves(settings(options, loadBalancerRanges), limits.certificateDays).map(
    (leaf) => (leaf.file === 'etcd' ? { ...leaf, hosts: [...(leaf.hosts ?? []), ...names] } : leaf),
  );
  const made = await ensurePki(pki(dir), leaves, nowMs());
  const read = (file: string): string => readIfThere(join(pki(dir), file)) ?? '';
  const identity = { cert: read('admin.crt'), key: read('admin.key'), ca: read('ca.crt') };
  const { host, port } = parseEndpoint(options.server);
  const server = `https://${host}:${port}`;
  writeAtomic(join(dir, 'kubeconfig'), kubeconfigText({ server, ...identity }));
  const there = readJoinFile(joinFile(dir));
  const token = there === undefined ? tokenText(newToken(randomBytes)) : there.token;
  const facts = { endpoint, token, pins: [publicKeyPin(identity.ca)], loadBalancerRanges };
  writeAtomic(joinFile(dir), `${JSON.stringify(facts satisfies JoinFile, null, 2)}\n`);
  writeAtomic(cloudFlags(dir), `load-balancer-ranges: '${loadBalancerRanges}'\n`);
  io.err(`addresses for load balancers: ${loadBalancerRanges || 'none'}\n`);
  io.err(made.length > 0 ? `certificates made: ${made.join(', ')}\n` : 'certificates are there\n');
}

/** @returns undefined when there is no such file yet. @throws ConfigError when it is damaged */
export function readJoinFile(file: string): JoinFile | undefined {
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  try {
    const facts = JSON.parse(text) as JoinFile;
    parseToken(facts.token);
    return facts;
  } catch (error) {
    throw new ConfigError(
      `${file} cannot be used: ${errorMessage(error)}; remove it, it is made anew`,
    );
  }
}

async function publishOnce(api: ApiClient, options: PublishOptions): Promise<void> {
  const { dir, endpoint } = options;
  await api.resource('v1', 'namespaces').get('', 'kube-public');
  await publishClusterInfo(api, endpoint, readIfThere(join(pki(dir), 'ca.crt')) ?? '');
  const facts = readJoinFile(joinFile(dir));
  await publishFacts(api, settings(options, facts?.loadBalancerRanges ?? ''));
  const token = parseToken(facts?.token ?? '');
  // The folder is private to the machine, and nodes may be added at any time: this token does not end.
  const description = 'for the node containers of this machine';
  const secret = tokenSecret(token, { expiresAtMs: undefined, description });
  await api
    .resource<Secret>('v1', 'secrets')
    .create(secret)
    .catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
  await signClusterInfo(api, token);
}

/** Waits for the API, however long that takes: the containers start in any order. */
export async function composePublish(options: PublishOptions, io: Io): Promise<void> {
  const { dir } = options;
  const { host } = parseEndpoint(options.endpoint);
  const file = (name: string): string => join(pki(dir), name);
  const tls = loadTls({
    certFile: file('admin.crt'),
    keyFile: file('admin.key'),
    caFile: file('ca.crt'),
  });
  const endpoints = [`${host}:${hostPorts.grpc}`];
  const api = new ApiClient({ endpoints, tls, userAgent: 'kubets', log: silentLogger });
  try {
    for (;;) {
      try {
        await publishOnce(api, options);
        break;
      } catch (error) {
        io.err(`waiting for the API: ${errorMessage(error)}\n`);
        await delay(limits.hostRetryMs, { signal: io.signal });
      }
    }
  } finally {
    api.close();
  }
  replaceFile(join(dir, 'published'), 'yes\n');
  io.err('the cluster takes nodes\n');
}
