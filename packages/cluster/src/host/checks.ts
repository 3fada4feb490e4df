/** What must hold on a host before anything of it is changed. */
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ConfigError, errorCode } from '@kubets/platform';
import type { ClusterPaths } from '../paths.ts';
import { type HostRole, type HostSettings, publicPorts } from './settings.ts';
import { savedHost } from './store.ts';

function portProblem(port: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(errorCode(error)));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(undefined)));
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

/** @throws ConfigError that names the port and who may have it */
export async function checkPorts(roles: readonly HostRole[]): Promise<void> {
  for (const port of publicPorts(roles)) {
    const code = await portProblem(port);
    if (code === undefined) continue;
    const why = code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be used (${code})`;
    throw new ConfigError(
      `port ${port} ${why}; "ss -ltnp sport = :${port}" names it; free it first`,
    );
  }
}

/** @throws ConfigError when the address is not one of this host's */
export function checkAddress(address: string): void {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  if (own.some((one) => one.address === address)) return;
  const others = own.filter((one) => !one.internal && one.family === 'IPv4');
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
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  if (own.some((one) => one.address === host.address)) return host;
  if (!host.roles.includes('master')) return { ...host, address: present };
  throw new ConfigError(
    `this master’s address ${host.address} is gone, the host has ${present}; give it back the old one, or take it out and let it join again: ` +
      '"kubets reset --local" here, "kubets etcd member remove" on another master, "kubets join" here',
  );
}
