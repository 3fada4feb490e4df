/**
 * The network between nodes: which routes lead to the pods of the others. Pure: nodes in, what the kernel should hold out.
 *
 * - `host-routes`: all nodes share a network; a node's range is routed to the node's address.
 * - `vxlan`: nodes reach each other through routers; packets travel in VXLAN (RFC 7348) between the nodes' addresses. Every node's end of
 *   the tunnel has the first address of its range and a hardware address that follows from the node's address, so nodes need
 *   to tell each other nothing but what their Node objects say anyway.
 */
import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { Node } from '@kubets/api';

export type PodNetworkMode = 'none' | 'host-routes' | 'vxlan';

/** Another node, as far as the network is concerned. */
export interface Peer {
  readonly name: string;
  /** Its address on the network between the nodes. */
  readonly address: string;
  /** The range of its pods. */
  readonly podCidr: string;
}

/** `ip route`: packets to `to` go to `via`, out of the tunnel `dev` if there is one. */
export interface Route {
  readonly to: string;
  readonly via: string;
  readonly dev: string | undefined;
}

/** One entry of the tunnel: the end `address` has the hardware address `mac`, which is found at the node `node`. */
export interface TunnelEnd {
  readonly address: string;
  readonly mac: string;
  readonly node: string;
}

export interface NetworkPlan {
  readonly routes: readonly Route[];
  readonly ends: readonly TunnelEnd[];
}

function internalAddress(node: Node): string | undefined {
  const found = node.status?.addresses?.find(
    (one) => one.type === 'InternalIP' && isIPv4(one.address),
  );
  return found?.address;
}

const RANGE = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/;

/** Whether a text is an IPv4 range, such as 10.244.3.0/24. */
export function isRange(text: string): boolean {
  const found = RANGE.exec(text);
  return found?.[1] !== undefined && isIPv4(found[1]) && Number(found[2]) <= 32;
}

/** The other nodes that have an address and a range, by name. */
export function peersOf(nodes: readonly Node[], self: string): Peer[] {
  const peers = nodes.flatMap((node): Peer[] => {
    const name = node.metadata.name ?? '';
    const address = internalAddress(node);
    const podCidr = node.spec?.podCIDR ?? '';
    if (name === self || address === undefined || !isRange(podCidr)) return [];
    return [{ name, address, podCidr }];
  });
  return peers.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const LOCAL_UNICAST = 0x02;
const FIRST_OCTET_KEPT = 0xfc;

/** The hardware address of a node's end of the tunnel: locally administered, unicast. */
export function tunnelMac(nodeAddress: string): string {
  const bytes = createHash('sha256').update(nodeAddress).digest().subarray(0, 6);
  bytes[0] = ((bytes[0] ?? 0) & FIRST_OCTET_KEPT) | LOCAL_UNICAST;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The address of a node's end of the tunnel: the first of its range, which no pod gets. */
export const tunnelAddress = (podCidr: string): string => podCidr.split('/')[0] ?? '';

/** What the kernel of this node should hold. @param device the tunnel; only of meaning with `vxlan` */
export function planNetwork(
  mode: PodNetworkMode,
  peers: readonly Peer[],
  device: string,
): NetworkPlan {
  if (mode === 'none') return { routes: [], ends: [] };
  if (mode === 'host-routes') {
    const direct = ({ podCidr, address }: Peer): Route => ({
      to: podCidr,
      via: address,
      dev: undefined,
    });
    return { routes: peers.map(direct), ends: [] };
  }
  const ends = peers.map(({ podCidr, address }) => ({
    address: tunnelAddress(podCidr),
    mac: tunnelMac(address),
    node: address,
  }));
  const routes = peers.map(({ podCidr }) => ({
    to: podCidr,
    via: tunnelAddress(podCidr),
    dev: device,
  }));
  return { routes, ends };
}

/** What has to be put into the kernel, and what has to go. */
export interface Difference<T> {
  readonly add: readonly T[];
  readonly remove: readonly T[];
}

const textOf = (one: object): string => JSON.stringify(Object.entries(one).sort());

/** @param keyOf what may be there once only: an entry that is replaced is not removed first */
export function difference<T extends object>(
  wanted: readonly T[],
  present: readonly T[],
  keyOf: (one: T) => string,
): Difference<T> {
  const there = new Set(present.map(textOf));
  const keys = new Set(wanted.map(keyOf));
  return {
    add: wanted.filter((one) => !there.has(textOf(one))),
    remove: present.filter((one) => !keys.has(keyOf(one))),
  };
}
