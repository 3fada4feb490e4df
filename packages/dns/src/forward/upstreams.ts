import { isIP } from 'node:net';
import { ConfigError } from '@kubets/platform';
import type { Upstream } from './exchange.ts';

const DNS_PORT = 53;

/** Reads `IP`, `IPv4:PORT` or `[IPv6]:PORT`. @throws ConfigError */
export function parseUpstream(text: string): Upstream {
  const match = /^\[([^\]]+)\]:(\d+)$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text);
  const host = match?.[1] ?? text;
  const port = match ? Number(match[2]) : DNS_PORT;
  if (isIP(host) === 0 || port < 1 || port > 65_535) {
    throw new ConfigError(`--upstream: "${text}" is not an address such as 9.9.9.9 or 9.9.9.9:53`);
  }
  return { host, port };
}

/** The name servers of a resolv.conf, in order. */
export function resolvConfUpstreams(text: string): Upstream[] {
  const found: Upstream[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*nameserver\s+([^\s#;%]+)/.exec(line);
    const host = match?.[1];
    if (host !== undefined && isIP(host) !== 0) found.push({ host, port: DNS_PORT });
  }
  return found;
}

/** Without the addresses this server itself answers on: asking oneself never ends. */
export function withoutSelf(upstreams: readonly Upstream[], own: readonly Upstream[]): Upstream[] {
  return upstreams.filter((u) => !own.some((o) => o.host === u.host && o.port === u.port));
}
