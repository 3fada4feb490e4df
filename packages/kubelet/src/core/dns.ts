/** resolv.conf and hosts of a pod. Pure. */
import type { Pod } from '@kubets/api';
import { DNS_MAX_SEARCH_CHARS, DNS_MAX_SEARCHES, DNS_MAX_SERVERS } from '../limits.ts';
import type { DnsConfig } from '../ports.ts';
import { nameOf, namespaceOf, specOf } from './pod.ts';

export interface ClusterDns {
  /** Empty: the cluster has no DNS, pods get the host's. */
  readonly servers: readonly string[];
  readonly domain: string;
}

const NDOTS = 'ndots:5';

/** Reads a resolv.conf; lines of other kinds are ignored. */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [word, ...rest] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver' && rest[0] !== undefined) servers.push(rest[0]);
    if (word === 'search') searches = rest.filter((one) => one !== '.');
    if (word === 'options') options = rest;
  }
  return { servers, searches, options };
}

function fit(config: DnsConfig): DnsConfig {
  const searches: string[] = [];
  let chars = 0;
  for (const domain of [...new Set(config.searches)]) {
    chars += domain.length + 1;
    if (searches.length === DNS_MAX_SEARCHES || chars > DNS_MAX_SEARCH_CHARS) break;
    searches.push(domain);
  }
  const servers = [...new Set(config.servers)].slice(0, DNS_MAX_SERVERS);
  return { servers, searches, options: config.options };
}

/** Options by name: a later one replaces an earlier one. */
function mergeOptions(base: readonly string[], extra: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const option of [...base, ...extra]) byName.set(option.split(':')[0] ?? option, option);
  return [...byName.values()];
}

function basicConfig(pod: Pod, cluster: ClusterDns, host: DnsConfig): DnsConfig {
  const { dnsPolicy = 'ClusterFirst', hostNetwork = false } = specOf(pod);
  if (dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  const wantsCluster =
    dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  if (!wantsCluster || cluster.servers.length === 0) return host;
  const { domain } = cluster;
  const own = [`${namespaceOf(pod)}.svc.${domain}`, `svc.${domain}`, domain];
  const options = mergeOptions(host.options, [NDOTS]);
  return { servers: cluster.servers, searches: [...own, ...host.searches], options };
}

/** What the pod's resolver is told, by its `dnsPolicy` and `dnsConfig`. */
export function dnsConfigOf(pod: Pod, cluster: ClusterDns, host: DnsConfig): DnsConfig {
  const base = basicConfig(pod, cluster, host);
  const extra = specOf(pod).dnsConfig;
  if (extra === undefined) return fit(base);
  const options = (extra.options ?? []).map(({ name = '', value }) =>
    value === undefined ? name : `${name}:${value}`,
  );
  return fit({
    servers: [...base.servers, ...(extra.nameservers ?? [])],
    searches: [...base.searches, ...(extra.searches ?? [])],
    options: mergeOptions(base.options, options),
  });
}

const MAX_HOSTNAME = 63;

/** The pod's host name, cut to what the kernel takes. */
export function hostnameOf(pod: Pod): string {
  const name = specOf(pod).hostname || nameOf(pod);
  return name.slice(0, MAX_HOSTNAME).replace(/[-.]+$/, '');
}

/** The full name a headless Service gives the pod; undefined without a subdomain. */
export function fqdnOf(pod: Pod, domain: string): string | undefined {
  const { subdomain } = specOf(pod);
  if (!subdomain) return undefined;
  return `${hostnameOf(pod)}.${subdomain}.${namespaceOf(pod)}.svc.${domain}`;
}

/** Programs tell by the first line whether the file is ours. */
const HEADING = '# Kubernetes-managed hosts file.\n';
const HOST_HEADING = '# Kubernetes-managed hosts file (host network).\n';

const LOCAL_HOSTS = `${HEADING}127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

/**
 * The text of `/etc/hosts`.
 * @param hostFile the node's own, which pods on the host's network see
 */
export function hostsFile(
  pod: Pod,
  podIps: readonly string[],
  domain: string,
  hostFile: string,
): string {
  const spec = specOf(pod);
  const fqdn = fqdnOf(pod, domain);
  const names = fqdn === undefined ? hostnameOf(pod) : `${fqdn}\t${hostnameOf(pod)}`;
  const own = podIps.map((ip) => `${ip}\t${names}\n`).join('');
  const base = spec.hostNetwork ? HOST_HEADING + hostFile : LOCAL_HOSTS + own;
  const aliases = (spec.hostAliases ?? []).map(
    ({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}\n`,
  );
  if (aliases.length === 0) return base;
  return `${base}\n# Entries added by HostAliases.\n${aliases.join('')}`;
}
