/** The frame that is there without any service: hooks, marks, masquerade, and the maps services are looked up in. */
import { NftTable } from './ruleset.ts';

/** The bit of a packet's mark that asks for masquerading, as the stock proxy uses it. */
const MASQ_BIT = '0x4000';
/** Asks for masquerading. */
export const MARK_MASQ = `meta mark set mark or ${MASQ_BIT}`;

/** Address and port of a service → where its traffic goes. */
export const SERVICE_IPS = 'service-ips';
/** Port of this node → where its traffic goes. */
export const SERVICE_NODEPORTS = 'service-nodeports';
/** The same for services nobody stands behind: how they are refused. */
export const NO_ENDPOINT_SERVICES = 'no-endpoint-services';
export const NO_ENDPOINT_NODEPORTS = 'no-endpoint-nodeports';
/** Load balancer addresses that let only some clients in. */
export const FIREWALL_IPS = 'firewall-ips';
/** Load balancer addresses that nodes hold themselves: what is meant for no port of a Service ends here. */
export const HELD_IPS = 'held-ips';
export const REJECT_CHAIN = 'reject-chain';

const IP_KEY = 'ipv4_addr . inet_proto . inet_service';
const PORT_KEY = 'inet_proto . inet_service';
const BY_IP = 'ip daddr . meta l4proto . th dport';
const BY_PORT = 'meta l4proto . th dport';
const TO_THIS_NODE = 'fib daddr type local';

/** Hooks, with the priorities the stock proxy uses: filters see a packet before it is translated. */
const HOOKS: readonly { name: string; hook: string; rules: readonly string[] }[] = [
  {
    name: 'filter-prerouting-pre-dnat',
    hook: 'type filter hook prerouting priority dstnat - 10;',
    rules: ['ct state new jump firewall-check'],
  },
  {
    name: 'filter-output-pre-dnat',
    hook: 'type filter hook output priority -110;',
    rules: ['ct state new jump firewall-check'],
  },
  {
    name: 'filter-input',
    hook: 'type filter hook input priority -110;',
    rules: [
      // With route_localnet on, neighbours could reach what listens on 127.0.0.1; only our own translations may.
      'ip saddr != 127.0.0.0/8 ip daddr 127.0.0.0/8 ct state != { established, related } ct status ! dnat drop',
      'ct state new jump nodeport-endpoints-check',
      'ct state new jump service-endpoints-check',
      `ct state new meta l4proto != icmp ip daddr vmap @${HELD_IPS}`,
    ],
  },
  {
    name: 'filter-forward',
    hook: 'type filter hook forward priority -110;',
    rules: ['ct state new jump service-endpoints-check'],
  },
  {
    name: 'filter-output',
    hook: 'type filter hook output priority -90;',
    rules: ['ct state new jump service-endpoints-check'],
  },
  {
    name: 'nat-prerouting',
    hook: 'type nat hook prerouting priority dstnat;',
    rules: ['jump services'],
  },
  { name: 'nat-output', hook: 'type nat hook output priority -100;', rules: ['jump services'] },
  {
    name: 'nat-postrouting',
    hook: 'type nat hook postrouting priority srcnat;',
    rules: [
      `mark and ${MASQ_BIT} == 0 return`,
      // Taken off, so that a packet that passes here twice is not changed twice.
      `meta mark set mark xor ${MASQ_BIT}`,
      'masquerade fully-random',
    ],
  },
];

/** A table with the frame in it. */
export function baseTable(): NftTable {
  const table = new NftTable();
  for (const map of [SERVICE_IPS, NO_ENDPOINT_SERVICES, FIREWALL_IPS]) table.map(map, IP_KEY);
  table.map(HELD_IPS, 'ipv4_addr');
  for (const map of [SERVICE_NODEPORTS, NO_ENDPOINT_NODEPORTS]) table.map(map, PORT_KEY);
  table.add(REJECT_CHAIN, 'reject');
  table.add('firewall-check', `${BY_IP} vmap @${FIREWALL_IPS}`);
  table.add('service-endpoints-check', `${BY_IP} vmap @${NO_ENDPOINT_SERVICES}`);
  const nodePorts = `${TO_THIS_NODE} ${BY_PORT} vmap`;
  table.add('nodeport-endpoints-check', `${nodePorts} @${NO_ENDPOINT_NODEPORTS}`);
  table.add('services', `${BY_IP} vmap @${SERVICE_IPS}`);
  table.add('services', `${nodePorts} @${SERVICE_NODEPORTS}`);
  for (const { name, hook, rules } of HOOKS) {
    table.chain(name, hook);
    for (const rule of rules) table.add(name, rule);
  }
  return table;
}
