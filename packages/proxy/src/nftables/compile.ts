/**
 * Service ports → an nftables table. Pure: the same input gives the same table. Looking a service up costs the same however many
 * there are.
 */
import { type AddressRange, inRanges } from '@kubets/platform';
import { hash } from '../model/hash.ts';
import { usable, usableLocal } from '../model/service-ports.ts';
import type { ProxyEndpoint, ProxyServicePort } from '../ports.ts';
import {
  baseTable,
  FIREWALL_IPS,
  HELD_IPS,
  MARK_MASQ,
  NO_ENDPOINT_NODEPORTS,
  NO_ENDPOINT_SERVICES,
  REJECT_CHAIN,
  SERVICE_IPS,
  SERVICE_NODEPORTS,
} from './base-table.ts';
import type { NftTable } from './ruleset.ts';

export interface NftOptions {
  /** The addresses of pods; '': unknown. */
  readonly clusterCidr: string;
  /** Load balancer addresses that nodes hold themselves. */
  readonly heldRanges?: readonly AddressRange[];
}

type Kind = 'service' | 'service-local' | 'external' | 'firewall';

const MAX_NAME = 120;
const HASH_SHOWN = 8;

/** Named for people, told apart by a hash: names are cut where nft does not take more. */
function chainName(kind: string, port: ProxyServicePort, rest = ''): string {
  const whole = `${port.name}/${port.protocol}${rest}`;
  const shown = whole.replaceAll(':', '/').replaceAll(/[^A-Za-z0-9/._-]/g, '_');
  return `${kind}-${hash(whole, HASH_SHOWN)}-${shown}`.slice(0, MAX_NAME);
}

/** One service port on its way into rules. */
interface Subject {
  readonly port: ProxyServicePort;
  readonly table: NftTable;
  readonly clusterCidr: string;
  /** Endpoints anywhere. */
  readonly all: readonly ProxyEndpoint[];
  /** Endpoints of this node. */
  readonly local: readonly ProxyEndpoint[];
}

const chainOf = (kind: Kind, { port }: Subject): string => chainName(kind, port);
const ipKey = (ip: string, { protocol, port }: ProxyServicePort): string =>
  `${ip} . ${protocol} . ${port}`;
const portKey = ({ protocol, nodePort }: ProxyServicePort): string => `${protocol} . ${nodePort}`;

const affinitySet = (endpointChain: string): string => `${endpointChain}-clients`;

/** The chain of one endpoint: hairpins are masqueraded, everything is sent there. */
function addEndpoint({ port, table }: Subject, { ip, port: number }: ProxyEndpoint): string {
  const chain = chainName('endpoint', port, `/${ip}/${number}`);
  if (table.chains.has(chain)) return chain;
  table.add(chain, `ip saddr ${ip} ${MARK_MASQ}`);
  if (port.affinitySeconds > 0) {
    const timeout = `timeout ${port.affinitySeconds}s;`;
    table.set(affinitySet(chain), `type ipv4_addr; flags dynamic,timeout; ${timeout}`);
    table.add(chain, `update @${affinitySet(chain)} { ip saddr }`);
  }
  table.add(chain, `meta l4proto ${port.protocol} dnat to ${ip}:${number}`);
  return chain;
}

/** Fills a chain that chooses one of the endpoints, each with the same chance. */
function addChoice(subject: Subject, chain: string, endpoints: readonly ProxyEndpoint[]): void {
  const { port, table } = subject;
  const targets = endpoints.map((endpoint) => addEndpoint(subject, endpoint));
  if (port.affinitySeconds > 0) {
    for (const target of targets)
      table.add(chain, `ip saddr @${affinitySet(target)} goto ${target}`);
  }
  const choices = targets.map((target, at) => `${at} : goto ${target}`);
  table.add(chain, `numgen random mod ${targets.length} vmap { ${choices.join(', ')} }`);
}

/** How traffic without an endpoint is refused: at once, or, where others may have one, not at all. */
const refusal = ({ all }: Subject, localOnly: boolean): string =>
  localOnly && all.length > 0 ? 'drop' : `goto ${REJECT_CHAIN}`;

/** Who comes to the cluster address from outside the pods' range gets this node's address, to have answers come back. */
function addInternal(subject: Subject): void {
  const { port, table, all, local, clusterCidr } = subject;
  const endpoints = port.internalLocal ? local : all;
  const key = ipKey(port.clusterIP, port);
  if (endpoints.length === 0) {
    table.element(NO_ENDPOINT_SERVICES, key, refusal(subject, port.internalLocal));
    return;
  }
  const chain = chainOf(port.internalLocal ? 'service-local' : 'service', subject);
  table.element(SERVICE_IPS, key, `goto ${chain}`);
  if (clusterCidr === '') return;
  table.add(chain, `ip daddr ${port.clusterIP} ip saddr != ${clusterCidr} ${MARK_MASQ}`);
}

/** The chain that takes traffic from outside. */
function addExternalChain(subject: Subject): void {
  const { port, table, clusterCidr, local } = subject;
  const chain = chainOf('external', subject);
  const everywhere = chainOf('service', subject);
  if (!port.externalLocal) {
    table.add(chain, MARK_MASQ);
    table.add(chain, `goto ${everywhere}`);
    return;
  }
  // Keeping the client's address is for clients outside: pods and this node itself may use every endpoint.
  if (clusterCidr !== '') table.add(chain, `ip saddr ${clusterCidr} goto ${everywhere}`);
  table.add(chain, `fib saddr type local ${MARK_MASQ}`);
  table.add(chain, `fib saddr type local goto ${everywhere}`);
  if (local.length > 0) table.add(chain, `goto ${chainOf('service-local', subject)}`);
}

/** Load balancer addresses, for those the service lets in. */
function addLoadBalancer(subject: Subject, target: string): void {
  const { port, table } = subject;
  for (const ip of port.loadBalancerIPs) table.element(SERVICE_IPS, ipKey(ip, port), target);
  if (port.sourceRanges.length === 0 || port.loadBalancerIPs.length === 0) return;
  const guard = chainOf('firewall', subject);
  table.add(guard, `ip saddr != { ${port.sourceRanges.join(', ')} } drop`);
  for (const ip of port.loadBalancerIPs)
    table.element(FIREWALL_IPS, ipKey(ip, port), `goto ${guard}`);
}

function addExternal(subject: Subject): void {
  const { port, table, all, local } = subject;
  const outside = [...port.externalIPs, ...port.loadBalancerIPs];
  if (outside.length === 0 && port.nodePort === 0) return;
  if (all.length > 0) {
    addExternalChain(subject);
    const target = `goto ${chainOf('external', subject)}`;
    for (const ip of port.externalIPs) table.element(SERVICE_IPS, ipKey(ip, port), target);
    addLoadBalancer(subject, target);
    if (port.nodePort > 0) table.element(SERVICE_NODEPORTS, portKey(port), target);
  }
  if ((port.externalLocal ? local : all).length > 0) return;
  const verdict = refusal(subject, port.externalLocal);
  for (const ip of outside) table.element(NO_ENDPOINT_SERVICES, ipKey(ip, port), verdict);
  if (port.nodePort > 0) table.element(NO_ENDPOINT_NODEPORTS, portKey(port), verdict);
}

function addPort(port: ProxyServicePort, table: NftTable, { clusterCidr }: NftOptions): void {
  const all = usable(port.endpoints);
  const local = usableLocal(port.endpoints);
  const subject: Subject = { port, table, clusterCidr, all, local };
  addInternal(subject);
  addExternal(subject);
  const external = port.nodePort > 0 || port.externalIPs.length + port.loadBalancerIPs.length > 0;
  const usesAll = !port.internalLocal || external;
  const usesLocal = port.internalLocal || (external && port.externalLocal);
  if (usesAll && all.length > 0) addChoice(subject, chainOf('service', subject), all);
  if (usesLocal && local.length > 0) addChoice(subject, chainOf('service-local', subject), local);
}

/** Everything to be in force for these services. */
export function compileNft(ports: readonly ProxyServicePort[], options: NftOptions): NftTable {
  const table = baseTable();
  for (const port of ports) addPort(port, table, options);
  const held = ports.flatMap((port) => port.loadBalancerIPs);
  for (const ip of held.filter((one) => inRanges(one, options.heldRanges ?? []))) {
    table.element(HELD_IPS, ip, `goto ${REJECT_CHAIN}`);
  }
  return table;
}
