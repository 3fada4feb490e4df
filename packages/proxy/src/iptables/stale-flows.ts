/** UDP flows that the kernel would go on sending to endpoints that are gone: it remembers them while packets come. */
import { usable } from '../model/service-ports.ts';
import type { ProxyServicePort } from '../ports.ts';

const endpointsOf = (port: ProxyServicePort): Set<string> =>
  new Set(usable(port.endpoints).map(({ ip }) => ip));

function originals(port: ProxyServicePort): string[][] {
  const addresses = [port.clusterIP, ...port.externalIPs, ...port.loadBalancerIPs];
  const flows = addresses.map((ip) => ['-D', '-p', 'udp', '--orig-dst', ip]);
  if (port.nodePort > 0) flows.push(['-D', '-p', 'udp', '--dport', String(port.nodePort)]);
  return flows;
}

/**
 * Arguments of `conntrack` calls that end what the change made stale: flows to endpoints that left, and flows of
 * services that had no endpoint before.
 */
export function staleFlows(
  before: readonly ProxyServicePort[],
  after: readonly ProxyServicePort[],
): string[][] {
  const now = new Map(after.map((port) => [`${port.name}/${port.protocol}`, port]));
  const calls: string[][] = [];
  for (const old of before) {
    if (old.protocol !== 'udp') continue;
    const current = now.get(`${old.name}/udp`);
    const left = current === undefined ? new Set<string>() : endpointsOf(current);
    const had = endpointsOf(old);
    for (const ip of had) {
      if (left.has(ip)) continue;
      for (const flow of originals(old)) calls.push([...flow, '--dst-nat', ip]);
    }
    if (had.size === 0 && left.size > 0) calls.push(...originals(old));
  }
  return calls;
}
