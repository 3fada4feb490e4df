/** Which load balancer addresses this node answers for, and what has to change for that. Pure. */
import { LOAD_BALANCER_NODE, type Service } from '@kubets/api';
import { type AddressRange, inRanges, parseIPv4 } from '@kubets/platform';
import { hash } from '../model/hash.ts';

const LABEL_PREFIX = 'lo:kb-';
const HASH_LENGTH = 8;

/**
 * The label of a node's addresses on `lo`: it tells them from everybody else's, other nodes' of the same machine included. The
 * kernel takes 15 characters.
 */
export const labelOf = (nodeName: string): string =>
  `${LABEL_PREFIX}${hash(nodeName, HASH_LENGTH).toLowerCase()}`;

/**
 * The addresses a node has to hold: those of Services whose annotation names it, out of the ranges that were given to the local
 * provider. Addresses of any other load balancer are not ours to answer for.
 */
export function heldAddresses(
  services: readonly Service[],
  nodeName: string,
  ranges: readonly AddressRange[],
): string[] {
  const mine = services.filter(
    ({ spec, metadata }) =>
      spec?.type === 'LoadBalancer' && metadata.annotations?.[LOAD_BALANCER_NODE] === nodeName,
  );
  const ips = mine.flatMap(({ status }) =>
    (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
      ip !== undefined && ipMode !== 'Proxy' && inRanges(ip, ranges) ? [ip] : [],
    ),
  );
  return [...new Set(ips)].sort();
}

/** An address on an interface, as `ip -o -4 addr show` prints it. */
export interface HeldAddress {
  readonly address: string;
  readonly label: string;
}

/** Reads `ip -o -4 addr show dev lo`; lines it does not know are left out. */
export function parseAddresses(text: string): HeldAddress[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\d+: \S+\s+inet (\d+\.\d+\.\d+\.\d+)\/32 .*? (lo:\S+?)(?:\\|\s|$)/.exec(line);
    const [, address, label] = match ?? [];
    return address === undefined || label === undefined ? [] : [{ address, label }];
  });
}

export const isOwnLabel = (label: string): boolean => label.startsWith(LABEL_PREFIX);

export interface Difference {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export function difference(wanted: readonly string[], present: readonly string[]): Difference {
  return {
    add: wanted.filter((one) => !present.includes(one)),
    remove: present.filter((one) => !wanted.includes(one)),
  };
}

/** A network this machine is on. */
export interface Link {
  readonly name: string;
  readonly address: string;
  /** Prefix length of the network. */
  readonly prefix: number;
}

/** The interfaces whose neighbours are told about an address: those on its network, or else the node's own. */
export function linksFor(address: string, links: readonly Link[], nodeIp: string): string[] {
  const value = parseIPv4(address) ?? 0;
  const shares = ({ address: own, prefix }: Link): boolean => {
    const size = 2 ** (32 - prefix);
    return Math.floor((parseIPv4(own) ?? 0) / size) === Math.floor(value / size);
  };
  const near = links.filter(shares);
  const told = near.length > 0 ? near : links.filter((link) => link.address === nodeIp);
  return [...new Set(told.map(({ name }) => name))];
}
