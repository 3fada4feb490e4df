import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { ConfigError, flag } from '@kubets/platform';
import type { Upstream } from './forward/exchange.ts';
import { parseUpstream, resolvConfUpstreams, withoutSelf } from './forward/upstreams.ts';
import { normalName } from './names.ts';

const RESOLV_CONF = '/etc/resolv.conf';

/** The process's own flags. */
export const flags = {
  apiservers: flag.list({ help: 'HOST:PORT,… of the gRPC doors of all apiservers' }),
  'tls-cert-file': flag.string({ help: 'certificate this process shows to the apiservers' }),
  'tls-private-key-file': flag.string({ help: 'its private key' }),
  'ca-file': flag.string({ help: 'authority that signed the apiservers’ certificates' }),
  listen: flag.string({ default: '0.0.0.0:53', help: 'HOST:PORT to answer on, UDP and TCP' }),
  'advertise-address': flag.string({
    default: '',
    help: 'IP under which pods reach this server; empty: it is not registered in the cluster',
  }),
  'node-name': flag.string({
    default: '',
    help: 'the node this runs on: when it is lost, nobody is sent here any more',
  }),
  'cluster-domain': flag.string({ default: 'cluster.local', help: 'domain of the cluster' }),
  'cluster-dns': flag.string({
    default: '10.96.0.10',
    help: 'virtual IP of the Service kube-system/kube-dns',
  }),
  upstream: flag.list({
    help: 'IP[:PORT],… to ask for names outside the cluster; absent: those of /etc/resolv.conf',
  }),
} as const;

export interface DnsConfig {
  host: string;
  port: number;
  advertiseAddress: string;
  /** '': none. */
  nodeName: string;
  domain: string;
  clusterDns: string;
  upstreams: Upstream[];
}

interface Raw {
  listen: string;
  advertiseAddress: string;
  nodeName: string;
  clusterDomain: string;
  clusterDns: string;
  upstream: readonly string[];
}

/** Checks the flags. @throws ConfigError naming the one that cannot be used */
export function readConfig(raw: Raw, readResolvConf = readHostResolvConf): DnsConfig {
  const { host, port } = parseListen(raw.listen);
  mustBeIp('cluster-dns', raw.clusterDns);
  if (raw.advertiseAddress !== '') mustBeIp('advertise-address', raw.advertiseAddress);
  const domain = normalName(raw.clusterDomain);
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(domain)) {
    throw new ConfigError(`--cluster-domain: "${raw.clusterDomain}" is not a domain`);
  }
  const given =
    raw.upstream.length > 0
      ? raw.upstream.map(parseUpstream)
      : resolvConfUpstreams(readResolvConf());
  const own = [
    { host, port },
    { host: raw.clusterDns, port: 53 },
    { host: raw.advertiseAddress, port },
  ];
  const upstreams = withoutSelf(given, own);
  const { advertiseAddress, clusterDns, nodeName } = raw;
  return { host, port, advertiseAddress, nodeName, domain, clusterDns, upstreams };
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^\[([^\]]+)\]:(\d+)$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text);
  const [host, port] = [match?.[1] ?? '', Number(match?.[2])];
  if (isIP(host) === 0 || !(port <= 65_535)) {
    throw new ConfigError(`--listen: "${text}" is not IP:PORT`);
  }
  return { host, port };
}

function mustBeIp(name: string, text: string): void {
  if (isIP(text) === 0) throw new ConfigError(`--${name}: "${text}" is not an IP address`);
}

function readHostResolvConf(): string {
  try {
    return readFileSync(RESOLV_CONF, 'utf8');
  } catch {
    // A machine without it has no upstream; cluster names work all the same.
    return '';
  }
}
