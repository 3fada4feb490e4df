import { networkInterfaces } from 'node:os';
import type { Link } from '../announce/decide.ts';

/** The IPv4 networks this machine is on, without the loopback's. */
export function machineLinks(): Link[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ family, internal, address, cidr }) => {
      if (internal || family !== 'IPv4') return [];
      return [{ name, address, prefix: Number(cidr?.split('/')[1] ?? '32') }];
    }),
  );
}
