/** What one host of a cluster of several is: decided by `init` or `join`, kept in `host.json`. Pure. */
import { isIP } from 'node:net';
import { ConfigError } from '@kubets/platform';

export type HostRole = 'master' | 'node';

/** `vxlan` works between networks, `host-routes` within one, `none` leaves it to others. */
export const POD_NETWORKS = ['vxlan', 'host-routes', 'none'] as const;
export type PodNetwork = (typeof POD_NETWORKS)[number];

export interface MasterAddress {
  readonly name: string;
  readonly address: string;
}

/** What every host of a cluster agrees on. */
export interface ClusterFacts {
  /** The release the cluster was made or last upgraded with. */
  readonly release: string;
  /** `HOST:PORT` others are told to use. */
  readonly endpoint: string;
  /** Tells this cluster's store from any other's. */
  readonly token: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly clusterDomain: string;
  /** Way to the pods of other nodes. */
  readonly podNetwork: PodNetwork;
  /** Addresses for Services of type LoadBalancer, RANGE,…; absent: there are none. */
  readonly loadBalancerRanges?: string;
  /** Names the API is also reached by, whichever master answers; absent: there are none. */
  readonly extraNames?: readonly string[];
}

type Balanced = Pick<ClusterFacts, 'loadBalancerRanges'>;

/** The lasting settings of a host. */
export interface HostSettings {
  readonly version: 1;
  readonly roles: readonly HostRole[];
  /** The host's name: of its Node, and of its member of the store. */
  readonly name: string;
  readonly address: string;
  readonly cluster: ClusterFacts;
  readonly runtime: 'containerd' | 'simulated';
  /** Names the API is also reached by; masters only. */
  readonly extraNames: readonly string[];
  /** Masters when this host joined. */
  readonly masters: readonly MasterAddress[];
  /** Addresses of the apiservers that lived when last looked. */
  readonly learned?: readonly string[];
  /** How this host's member of the store starts the first time. */
  readonly store: { readonly state: 'new' | 'existing'; readonly members: readonly string[] };
}

/** Ports of a host. Those on loopback are the host's own affair. */
export const hostPorts = {
  api: 6443,
  grpc: 6444,
  etcdClient: 2379,
  etcdPeer: 2380,
  kubelet: 10250,
  dns: 10053,
  /** On loopback: the doors to all masters. */
  apiDoor: 16_443,
  grpcDoor: 16_444,
  health: {
    etcd: 12_381,
    apiserver: 16_445,
    'controller-manager': 10_257,
    'cloud-controller-manager': 10_258,
    scheduler: 10_259,
    kubelet: 10_248,
    proxy: 10_256,
    dns: 10_054,
  },
} as const;

/** Every address of a master this host knows; those of now first. */
export function masterAddresses(host: HostSettings): string[] {
  return [...new Set([...(host.learned ?? []), ...host.masters.map((one) => one.address)])];
}

/** Ports a role listens on for others; they must be free before a host joins. */
export function publicPorts(roles: readonly HostRole[]): number[] {
  const { api, grpc, etcdClient, etcdPeer, kubelet, dns } = hostPorts;
  return [
    ...(roles.includes('master') ? [api, grpc, etcdClient, etcdPeer] : []),
    ...(roles.includes('node') ? [kubelet, dns] : []),
  ];
}

/** Ports on loopback: the doors to all masters, and where each process says that it is well. */
export function loopbackPorts(roles: readonly HostRole[], cluster: Balanced): number[] {
  const { apiDoor, grpcDoor, health } = hostPorts;
  const { etcd, apiserver, scheduler, kubelet, proxy, dns } = health;
  return [
    ...[apiDoor, grpcDoor],
    ...(roles.includes('master') ? [etcd, apiserver, health['controller-manager'], scheduler] : []),
    ...(roles.includes('master') && cluster.loadBalancerRanges
      ? [health['cloud-controller-manager']]
      : []),
    ...(roles.includes('node') ? [kubelet, proxy, dns] : []),
  ];
}

/** The n-th address of an IPv4 range. @throws ConfigError for text that is no range */
export function addressIn(cidr: string, n: number): string {
  const [base = '', prefix = ''] = cidr.split('/');
  if (isIP(base) !== 4 || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 30) {
    throw new ConfigError(`"${cidr}" is no IPv4 range such as 10.96.0.0/16`);
  }
  const value = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + n;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

const API_SERVICE = 1;
const DNS_SERVICE = 10;
export const apiServiceIp = (cluster: ClusterFacts): string =>
  addressIn(cluster.serviceCidr, API_SERVICE);
export const dnsServiceIp = (cluster: ClusterFacts): string =>
  addressIn(cluster.serviceCidr, DNS_SERVICE);

/** @throws ConfigError unless it is a name a Node can have (RFC 1123 subdomain) */
export function checkName(name: string): string {
  if (name.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) return name;
  throw new ConfigError(
    `"${name}" cannot be the name of a host: lower-case letters, digits, "-" and "."; name it with --name`,
  );
}

/** `HOST:PORT`, the port by default the API's. @throws ConfigError */
export function parseEndpoint(text: string): { host: string; port: number } {
  const match = /^([A-Za-z0-9.-]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? hostPorts.api);
  if (match?.[1] === undefined || port < 1 || port > 65_535) {
    throw new ConfigError(`"${text}" is not HOST:PORT, such as 192.0.2.7:6443`);
  }
  return { host: match[1], port };
}

/** Reads `host.json`. @throws ConfigError when it is damaged or from another version */
export function parseHost(text: string, file: string): HostSettings {
  const remedy = 'restore it from a backup, or "kubets reset" and join again';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ConfigError(`${file} is damaged (not JSON); ${remedy}`);
  }
  const host = value as Partial<HostSettings> | null;
  if (host?.version !== 1) {
    throw new ConfigError(`${file} was written by another version (${host?.version}); ${remedy}`);
  }
  const whole =
    Array.isArray(host.roles) &&
    typeof host.name === 'string' &&
    typeof host.address === 'string' &&
    typeof host.cluster === 'object' &&
    Array.isArray(host.masters);
  if (!whole) throw new ConfigError(`${file} is damaged (a field is missing); ${remedy}`);
  return host as HostSettings;
}

/**
 * The cluster shrunk to this one master, which others join anew. An endpoint that was a former master's address would lead nowhere: it
 * is this host's from then on; a name, or a balancer's address, stays.
 * @param o.address this host's, where it is another one now
 * @param o.endpoint `HOST:PORT` to be used in any case
 */
export function aloneOf(
  host: HostSettings,
  o: { readonly address?: string; readonly endpoint?: string | undefined } = {},
): HostSettings {
  const { address = host.address } = o;
  const former = [host.address, ...masterAddresses(host)];
  const before = parseEndpoint(host.cluster.endpoint);
  const kept = former.includes(before.host) ? { ...before, host: address } : before;
  const to = o.endpoint === undefined ? kept : parseEndpoint(o.endpoint);
  return {
    ...host,
    address,
    cluster: { ...host.cluster, endpoint: `${to.host}:${to.port}` },
    masters: [{ name: host.name, address }],
    learned: [],
    store: { state: 'new', members: [`${host.name}=https://${address}:${hostPorts.etcdPeer}`] },
  };
}
