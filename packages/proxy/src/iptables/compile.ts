/** Service ports → rules. Pure: the same input gives the same text. */
import { inRanges } from '@kubets/platform';
import { usable, usableLocal } from '../model/service-ports.ts';
import type { ProxyEndpoint, ProxyServicePort } from '../ports.ts';
import { type BaseOptions, baseRules } from './base-rules.ts';
import {
  EXTERNAL_SERVICES,
  endpointChain,
  externalChain,
  firewallChain,
  localChain,
  MARK_MASQ,
  NODE_PORTS,
  PROXY_FIREWALL,
  SERVICES,
  serviceChain,
} from './chains.ts';
import { comment, type Ruleset } from './ruleset.ts';

export type CompileOptions = BaseOptions;

/** One service port on its way into rules. */
interface Subject {
  readonly port: ProxyServicePort;
  readonly rules: Ruleset;
  readonly options: CompileOptions;
  /** Endpoints anywhere. */
  readonly all: readonly ProxyEndpoint[];
  /** Endpoints of this node. */
  readonly local: readonly ProxyEndpoint[];
}

const PROBABILITY_DIGITS = 10;

/** Matches packets to an address and the service's port. */
function to(ip: string, { protocol, port }: ProxyServicePort): string {
  return `-m ${protocol} -p ${protocol} -d ${ip}/32 --dport ${port}`;
}

function toNodePort({ protocol, nodePort }: ProxyServicePort): string {
  return `-m ${protocol} -p ${protocol} --dport ${nodePort}`;
}

/** The chain of one endpoint: hairpins are masqueraded, everything is sent there. */
function addEndpoint({ port, rules: { nat } }: Subject, endpoint: ProxyEndpoint): string {
  const chain = endpointChain(port, endpoint);
  if (nat.has(chain)) return chain;
  const why = comment(port.name);
  nat.add(chain, why, `-s ${endpoint.ip}/32 -j ${MARK_MASQ}`);
  const remember = port.affinitySeconds > 0 ? ` -m recent --name ${chain} --set` : '';
  const target = `--to-destination ${endpoint.ip}:${endpoint.port}`;
  nat.add(chain, why, `-m ${port.protocol} -p ${port.protocol}${remember} -j DNAT ${target}`);
  return chain;
}

/** Fills a chain that chooses one of the endpoints, each with the same chance. */
function addChoice(subject: Subject, chain: string, endpoints: readonly ProxyEndpoint[]): void {
  const { port, rules } = subject;
  const targets = endpoints.map((endpoint) => ({
    chain: addEndpoint(subject, endpoint),
    why: comment(`${port.name} -> ${endpoint.ip}:${endpoint.port}`),
  }));
  if (port.affinitySeconds > 0) {
    const seen = `--rcheck --seconds ${port.affinitySeconds} --reap`;
    for (const target of targets) {
      const match = `-m recent --name ${target.chain} ${seen}`;
      rules.nat.add(chain, target.why, `${match} -j ${target.chain}`);
    }
  }
  for (const [at, target] of targets.entries()) {
    const left = targets.length - at;
    const chance = (1 / left).toFixed(PROBABILITY_DIGITS);
    const match = left > 1 ? `-m statistic --mode random --probability ${chance} ` : '';
    rules.nat.add(chain, target.why, `${match}-j ${target.chain}`);
  }
}

/** What becomes of traffic for which there is no endpoint. */
function refusal({ port, all }: Subject, localOnly: boolean): { why: string; verdict: string } {
  if (all.length === 0)
    return { why: comment(`${port.name} has no endpoints`), verdict: '-j REJECT' };
  const verdict = localOnly ? '-j DROP' : '-j REJECT';
  return { why: comment(`${port.name} has no local endpoints`), verdict };
}

/** Who comes to the cluster address from outside the pods' range gets this node's address, to have answers come back. */
function addInternalWay(subject: Subject, chain: string): void {
  const { port, rules, options } = subject;
  const match = to(port.clusterIP, port);
  const why = comment(`${port.name} cluster IP`);
  rules.nat.add(SERVICES, why, match, `-j ${chain}`);
  if (options.clusterCidr === '') return;
  rules.nat.add(chain, why, match, `! -s ${options.clusterCidr} -j ${MARK_MASQ}`);
}

function addInternal(subject: Subject): void {
  const { port, rules, all, local } = subject;
  const endpoints = port.internalLocal ? local : all;
  if (endpoints.length === 0) {
    const { why, verdict } = refusal(subject, port.internalLocal);
    rules.filter.add(SERVICES, why, to(port.clusterIP, port), verdict);
    return;
  }
  addInternalWay(subject, port.internalLocal ? localChain(port) : serviceChain(port));
}

/** The chain that takes traffic from outside. */
function addExternalChain({ port, rules: { nat }, options, all, local }: Subject): void {
  const chain = externalChain(port);
  if (!port.externalLocal) {
    const why = comment(`masquerade traffic for ${port.name} external destinations`);
    nat.add(chain, why, `-j ${MARK_MASQ}`);
    nat.add(chain, `-j ${serviceChain(port)}`);
    return;
  }
  // Keeping the client's address is for clients outside: pods and this node itself may use every endpoint.
  if (all.length > 0) {
    if (options.clusterCidr !== '') {
      const why = comment(`pod traffic for ${port.name} external destinations`);
      nat.add(chain, why, `-s ${options.clusterCidr} -j ${serviceChain(port)}`);
    }
    const masq = comment(`masquerade LOCAL traffic for ${port.name} external destinations`);
    nat.add(chain, masq, `-m addrtype --src-type LOCAL -j ${MARK_MASQ}`);
    const route = comment(`route LOCAL traffic for ${port.name} external destinations`);
    nat.add(chain, route, `-m addrtype --src-type LOCAL -j ${serviceChain(port)}`);
  }
  if (local.length > 0) nat.add(chain, `-j ${localChain(port)}`);
}

/** Load balancer addresses, for those the service lets in. */
function addLoadBalancer({ port, rules }: Subject): void {
  const guarded = port.sourceRanges.length > 0;
  const target = guarded ? firewallChain(port) : externalChain(port);
  for (const ip of port.loadBalancerIPs) {
    rules.nat.add(SERVICES, comment(`${port.name} loadbalancer IP`), to(ip, port), `-j ${target}`);
    if (!guarded) continue;
    const why = comment(`${port.name} traffic not accepted by ${target}`);
    rules.filter.add(PROXY_FIREWALL, why, to(ip, port), '-j DROP');
  }
  if (!guarded || port.loadBalancerIPs.length === 0) return;
  for (const range of port.sourceRanges) {
    const why = comment(`${port.name} loadbalancer IP`);
    rules.nat.add(target, why, `-s ${range} -j ${externalChain(port)}`);
  }
}

function addExternal(subject: Subject): void {
  const { port, rules, all, local } = subject;
  const outside = [...port.externalIPs, ...port.loadBalancerIPs];
  if (outside.length === 0 && port.nodePort === 0) return;
  if (all.length > 0) {
    addExternalChain(subject);
    for (const ip of port.externalIPs) {
      const why = comment(`${port.name} external IP`);
      rules.nat.add(SERVICES, why, to(ip, port), `-j ${externalChain(port)}`);
    }
    addLoadBalancer(subject);
    if (port.nodePort > 0) {
      rules.nat.add(NODE_PORTS, comment(port.name), toNodePort(port), `-j ${externalChain(port)}`);
    }
  }
  if ((port.externalLocal ? local : all).length > 0) return;
  const { why, verdict } = refusal(subject, port.externalLocal);
  for (const ip of outside) rules.filter.add(EXTERNAL_SERVICES, why, to(ip, port), verdict);
  if (port.nodePort === 0) return;
  const match = `-m addrtype --dst-type LOCAL ${toNodePort(port)}`;
  rules.filter.add(EXTERNAL_SERVICES, why, match, verdict);
}

function addPort(port: ProxyServicePort, rules: Ruleset, options: CompileOptions): void {
  const all = usable(port.endpoints);
  const local = usableLocal(port.endpoints);
  const subject: Subject = { port, rules, options, all, local };
  addInternal(subject);
  addExternal(subject);
  const external = port.nodePort > 0 || port.externalIPs.length + port.loadBalancerIPs.length > 0;
  const usesAll = !port.internalLocal || external;
  const usesLocal = port.internalLocal || (external && port.externalLocal);
  if (usesAll && all.length > 0) addChoice(subject, serviceChain(port), all);
  if (usesLocal && local.length > 0) addChoice(subject, localChain(port), local);
}

/**
 * What arrives here for a load balancer address was meant for no port of a Service, else it would have been translated: without
 * this rule it would reach whatever listens on the node that holds the address.
 */
function guardHeld(ports: readonly ProxyServicePort[], rules: Ruleset, options: CompileOptions) {
  const { heldRanges = [] } = options;
  const held = new Set(ports.flatMap((port) => port.loadBalancerIPs));
  for (const ip of [...held].filter((one) => inRanges(one, heldRanges)).sort()) {
    const why = comment('no port of a load balancer');
    rules.filter.add(EXTERNAL_SERVICES, why, `-d ${ip}/32 ! -p icmp -j REJECT`);
  }
}

/** Everything to be in force for these services. */
export function compile(ports: readonly ProxyServicePort[], options: CompileOptions): Ruleset {
  const rules = baseRules(options);
  for (const port of ports) addPort(port, rules, options);
  guardHeld(ports, rules, options);
  rules.nat.add(
    SERVICES,
    comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain'),
    `-m addrtype --dst-type LOCAL -j ${NODE_PORTS}`,
  );
  return rules;
}
