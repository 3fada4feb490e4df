/** Names of chains, as the stock proxy forms them, so that whoever knows those finds their way. */
import { hash } from '../model/hash.ts';
import type { ProxyEndpoint, ProxyServicePort } from '../ports.ts';

export const SERVICES = 'KUBE-SERVICES';
export const EXTERNAL_SERVICES = 'KUBE-EXTERNAL-SERVICES';
export const NODE_PORTS = 'KUBE-NODEPORTS';
export const POSTROUTING = 'KUBE-POSTROUTING';
export const MARK_MASQ = 'KUBE-MARK-MASQ';
export const FORWARD = 'KUBE-FORWARD';
export const PROXY_FIREWALL = 'KUBE-PROXY-FIREWALL';
export const MARTIANS = 'KUBE-PROXY-MARTIANS';

/** iptables allows 28 characters in all. */
const HASH_LENGTH = 16;

const hashOf = (text: string): string => hash(text, HASH_LENGTH);

type Named = Pick<ProxyServicePort, 'name' | 'protocol'>;

/** Chooses among all endpoints. */
export const serviceChain = ({ name, protocol }: Named): string =>
  `KUBE-SVC-${hashOf(name + protocol)}`;
/** Chooses among the endpoints of this node. */
export const localChain = ({ name, protocol }: Named): string =>
  `KUBE-SVL-${hashOf(name + protocol)}`;
/** Takes traffic from outside the cluster. */
export const externalChain = ({ name, protocol }: Named): string =>
  `KUBE-EXT-${hashOf(name + protocol)}`;
/** Lets in who may use the load balancer address. */
export const firewallChain = ({ name, protocol }: Named): string =>
  `KUBE-FW-${hashOf(name + protocol)}`;
/** Sends to one endpoint. */
export const endpointChain = (
  { name, protocol }: Named,
  { ip, port }: Pick<ProxyEndpoint, 'ip' | 'port'>,
): string => `KUBE-SEP-${hashOf(`${name}${protocol}${ip}:${port}`)}`;

const OWNED_FIXED: ReadonlySet<string> = new Set([
  SERVICES,
  EXTERNAL_SERVICES,
  NODE_PORTS,
  POSTROUTING,
  MARK_MASQ,
  FORWARD,
  PROXY_FIREWALL,
  MARTIANS,
]);
const OWNED_PREFIX = /^KUBE-(SVC|SVL|EXT|FW|SEP)-[A-Z2-7]{16}$/;

/** Whether a chain is one of those this package makes for one service. */
export const isServiceChain = (chain: string): boolean => OWNED_PREFIX.test(chain);
/** Whether a chain is one this package makes. */
export const isOwnChain = (chain: string): boolean =>
  OWNED_FIXED.has(chain) || isServiceChain(chain);
