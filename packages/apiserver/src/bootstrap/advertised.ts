import type { NetworkInterfaceInfo } from 'node:os';
import type { ApiServerConfig } from '../config.ts';
import type { MasterAddress } from './master-service.ts';
import { isLoopback } from './masters.ts';

const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

type Wanted = Pick<
  ApiServerConfig,
  'advertiseAddress' | 'advertisePort' | 'bindAddress' | 'securePort'
>;

/**
 * Where others are told to reach this server, as the stock server chooses it: what `--advertise-address` says, else the bind address,
 * else, if that names no machine or only this one, the machine's first address that others can reach.
 *
 * @param interfaces the machine's, as `os.networkInterfaces()` has them; if none can be reached the bind address stays
 */
export function advertised(
  config: Wanted,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>,
): MasterAddress {
  const port = config.advertisePort || config.securePort;
  const { advertiseAddress, bindAddress } = config;
  if (advertiseAddress !== '') return { address: advertiseAddress, port };
  if (!EVERYWHERE.has(bindAddress) && !isLoopback(bindAddress)) {
    return { address: bindAddress, port };
  }
  return { address: firstAddress(interfaces) ?? '127.0.0.1', port };
}

/** `HOST:PORT` as the server tells it of itself: `--external-hostname`, whose port is the advertised one unless it names one. */
export function externalAddress(
  { externalHostname: name }: Pick<ApiServerConfig, 'externalHostname'>,
  { address, port }: MasterAddress,
): string {
  if (/^(\[.*\]|[^:]*):\d+$/.test(name)) return name;
  const host = (name || address).replace(/^\[(.*)\]$/, '$1');
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function firstAddress(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string | undefined {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  return all.find((one) => one.family === 'IPv4' && !one.internal)?.address;
}
