/** What must hold on a host before anything of it is changed. */
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ConfigError, errorCode } from '@kubets/platform';
import type { ClusterPaths } from '../paths.ts';
import {
  type ClusterFacts,
  type HostRole,
  type HostSettings,
  hostPorts,
  loopbackPorts,
  publicPorts,
} from './settings.ts';
import { savedHost } from './store.ts';

const EVERYWHERE = '0.0.0.0';
const LOOPBACK = '127.0.0.1';

/** @returns why nobody can listen there; undefined: somebody could */
function tcpProblem(port: number, address: string): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(errorCode(error)));
    server.listen(port, address, () => server.close(() => resolve(undefined)));
  });
}

/** The same of datagrams, which name servers are asked with. */
function udpProblem(port: number): Promise<string | undefined> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', (error) => resolve(errorCode(error)));
    socket.bind(port, EVERYWHERE, () => socket.close(() => resolve(undefined)));
  });
}

/** @throws ConfigError when the host already belongs to a cluster, or holds the store of one */
export function checkUnused(paths: ClusterPaths): void {
  const host = savedHost(paths);
  if (host === undefined) {
    // A member that found it would be part of that store, with the new cluster's keys.
    const store = paths.etcdDir('member');
    if (!existsSync(store)) return;
    throw new ConfigError(
      `${store} holds the store of a cluster this host was part of; keep a copy if you want it, then "kubets reset" removes it`,
    );
  }
  throw new ConfigError(
    `this host already belongs to the cluster at ${host.cluster.endpoint} as ${host.roles.join(' and ')} ${host.name}; "kubets reset" takes it out`,
  );
}

function refuse(port: number, code: string | undefined, kind: '' | 'UDP ' = ''): void {
  if (code === undefined) return;
  const why = code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be used (${code})`;
  const list = kind === '' ? 'ss -ltnp' : 'ss -lunp';
  throw new ConfigError(
    `${kind}port ${port} ${why}; "${list} sport = :${port}" names it; free it first`,
  );
}

/**
 * Every port the host's processes will listen on, also those nobody else sees: one that is taken would show as a process that
 * does not start.
 * @throws ConfigError that names the port and who may have it
 */
export async function checkPorts(
  roles: readonly HostRole[],
  cluster: Pick<ClusterFacts, 'loadBalancerRanges'>,
): Promise<void> {
  for (const port of publicPorts(roles)) refuse(port, await tcpProblem(port, EVERYWHERE));
  for (const port of loopbackPorts(roles, cluster)) refuse(port, await tcpProblem(port, LOOPBACK));
  if (roles.includes('node')) refuse(hostPorts.dns, await udpProblem(hostPorts.dns), 'UDP ');
}

const ownAddresses = () => Object.values(networkInterfaces()).flatMap((list) => list ?? []);

export const isOwnAddress = (address: string): boolean =>
  ownAddresses().some((one) => one.address === address);

/** @throws ConfigError when the address is not one of this host's */
export function checkAddress(address: string): void {
  if (isOwnAddress(address)) return;
  const others = ownAddresses().filter((one) => !one.internal && one.family === 'IPv4');
  if (others.length === 0) {
    throw new ConfigError(
      'this host has no address others could reach; bring a network up ("ip addr" shows them)',
    );
  }
  throw new ConfigError(
    `${address} is no address of this host; it has ${others.map((one) => one.address).join(', ')}: name one with --advertise-address`,
  );
}

/**
 * Addresses change between two runs. A node goes on with its new one; a master is known by its address to the others.
 * @throws ConfigError for a master without its address
 */
export function withPresentAddress(host: HostSettings, present: string): HostSettings {
  if (isOwnAddress(host.address)) return host;
  if (!host.roles.includes('master')) return { ...host, address: present };
  throw new ConfigError(
    `this master’s address ${host.address} is gone, the host has ${present}; give it back the old one, or take it out and let it join again: ` +
      '"kubets reset --local" here, "kubets etcd member remove" on another master, "kubets join" here',
  );
}
