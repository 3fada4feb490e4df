/** The frame that is there without any service: marks, masquerade, forwarding, and the ways in. */
import type { AddressRange } from '@kubets/platform';
import {
  EXTERNAL_SERVICES,
  FORWARD,
  MARK_MASQ,
  MARTIANS,
  NODE_PORTS,
  POSTROUTING,
  PROXY_FIREWALL,
  SERVICES,
} from './chains.ts';
import { comment, type Jump, type Ruleset, TableRules } from './ruleset.ts';

/** The bit of a packet's mark that asks for masquerading, as the stock proxy uses it. */
const MASQ_BIT = '0x4000';
const MASQ_MATCH = `-m mark --mark ${MASQ_BIT}/${MASQ_BIT}`;

const NEW = '-m conntrack --ctstate NEW';
const PORTALS = comment('kubernetes service portals');
const EXTERNAL = comment('kubernetes externally-visible service portals');
const FIREWALL = comment('kubernetes load balancer firewall');

/** In the order they are to stand in their chains. */
export const jumps: readonly Jump[] = [
  { table: 'filter', from: 'INPUT', to: MARTIANS, match: comment('kubernetes martian packets') },
  { table: 'filter', from: 'INPUT', to: PROXY_FIREWALL, match: `${NEW} ${FIREWALL}` },
  { table: 'filter', from: 'OUTPUT', to: PROXY_FIREWALL, match: `${NEW} ${FIREWALL}` },
  {
    table: 'filter',
    from: 'FORWARD',
    to: PROXY_FIREWALL,
    match: `${NEW} ${FIREWALL}`,
    leads: true,
  },
  { table: 'filter', from: 'INPUT', to: EXTERNAL_SERVICES, match: `${NEW} ${EXTERNAL}` },
  { table: 'filter', from: 'FORWARD', to: SERVICES, match: `${NEW} ${PORTALS}`, leads: true },
  { table: 'filter', from: 'OUTPUT', to: SERVICES, match: `${NEW} ${PORTALS}` },
  {
    table: 'filter',
    from: 'FORWARD',
    to: EXTERNAL_SERVICES,
    match: `${NEW} ${EXTERNAL}`,
    leads: true,
  },
  { table: 'filter', from: 'FORWARD', to: FORWARD, match: comment('kubernetes forwarding rules') },
  { table: 'nat', from: 'PREROUTING', to: SERVICES, match: PORTALS },
  { table: 'nat', from: 'OUTPUT', to: SERVICES, match: PORTALS },
  {
    table: 'nat',
    from: 'POSTROUTING',
    to: POSTROUTING,
    match: comment('kubernetes postrouting rules'),
  },
];

export interface BaseOptions {
  /** The addresses of pods; '': unknown. */
  readonly clusterCidr: string;
  /** Whether the kernel can choose source ports at random when masquerading. */
  readonly randomFully: boolean;
  /** Load balancer addresses that nodes hold themselves. */
  readonly heldRanges?: readonly AddressRange[];
}

function addForwarding(filter: TableRules, clusterCidr: string): void {
  const why = comment('kubernetes forwarding rules');
  filter.add(FORWARD, '-m conntrack --ctstate INVALID -j DROP');
  filter.add(FORWARD, why, MASQ_MATCH, '-j ACCEPT');
  filter.add(FORWARD, why, '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT');
  if (clusterCidr === '') return;
  // Other programs on the host (Docker does) make DROP the policy of FORWARD: pods would not reach each other.
  filter.add(FORWARD, comment('kubernetes pod traffic'), `-s ${clusterCidr} -j ACCEPT`);
  filter.add(FORWARD, comment('kubernetes pod traffic'), `-d ${clusterCidr} -j ACCEPT`);
}

/** A ruleset with the frame in it. */
export function baseRules({ clusterCidr, randomFully }: BaseOptions): Ruleset {
  const filter = new TableRules();
  const nat = new TableRules();
  for (const chain of [SERVICES, EXTERNAL_SERVICES, FORWARD, PROXY_FIREWALL, MARTIANS]) {
    filter.chain(chain);
  }
  for (const chain of [SERVICES, NODE_PORTS, POSTROUTING, MARK_MASQ]) nat.chain(chain);
  addForwarding(filter, clusterCidr);
  // With route_localnet on, neighbours could reach what listens on 127.0.0.1; only our own translations may.
  filter.add(
    MARTIANS,
    comment('block incoming localnet connections'),
    '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
  );
  nat.add(POSTROUTING, `-m mark ! --mark ${MASQ_BIT}/${MASQ_BIT} -j RETURN`);
  // Taken off, so that a packet that passes here twice is not changed twice.
  nat.add(POSTROUTING, `-j MARK --xor-mark ${MASQ_BIT}`);
  nat.add(
    POSTROUTING,
    comment('kubernetes service traffic requiring SNAT'),
    randomFully ? '-j MASQUERADE --random-fully' : '-j MASQUERADE',
  );
  nat.add(MARK_MASQ, `-j MARK --or-mark ${MASQ_BIT}`);
  return { filter, nat };
}
