/** Warnings of addresses that validation lets through but the next parsers would not, or that are written unusually. */
import { isIPv4, isIPv6 } from 'node:net';
import type { Service } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';

/** RFC 5952's way to write the address. */
function canonical(address: string): string {
  const { hostname } = new URL(`http://[${address}]/`);
  const text = hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text);
  if (!mapped) return text;
  const [high, low] = [mapped[1], mapped[2]].map((part) => Number.parseInt(part ?? '', 16));
  return `::ffff:${[high, low].flatMap((n = 0) => [n >> 8, n & 0xff]).join('.')}`;
}

/** Why Go's strict parser refuses what the lax one took: zeros in front are all that the lax one lets pass. */
function addressProblem(address: string): string | undefined {
  if (isIPv4(address) || isIPv6(address)) return undefined;
  const strange = /[^0-9.]/.exec(address);
  const why = strange
    ? `unexpected character (at ${goQuote(address.slice(strange.index))})`
    : 'IPv4 field has octet with leading zero';
  return `ParseAddr(${goQuote(address)}): ${why}`;
}

const FUTURE = 'was accepted, but will be invalid in a future Kubernetes release';

function unusual(path: string, what: string, text: string, better: string): string[] {
  if (text === better) return [];
  const why = `is not in RFC 5952 canonical format (${goQuote(better)})`;
  return [`${path}: IPv6 ${what} ${goQuote(text)} ${why}, which may cause controller apply-loops`];
}

/** Of an address at `path`. */
function addressWarnings(path: string, address: string): string[] {
  const problem = addressProblem(address);
  if (problem) return [`${path}: IP address ${FUTURE}: ${problem}`];
  return isIPv6(address) ? unusual(path, 'address', address, canonical(address)) : [];
}

/** Of a network at `path`. */
function networkWarnings(path: string, network: string): string[] {
  const slash = network.lastIndexOf('/');
  const [address, bits] = [network.slice(0, slash), network.slice(slash + 1)];
  const isNumber = /^(0|[1-9][0-9]*)$/.test(bits);
  const bitsProblem = isNumber ? undefined : `bad bits after slash: ${goQuote(bits)}`;
  const problem = addressProblem(address) ?? bitsProblem;
  if (problem) {
    return [`${path}: IP prefix ${FUTURE}: netip.ParsePrefix(${goQuote(network)}): ${problem}`];
  }
  if (!isIPv6(address)) return [];
  return unusual(path, 'prefix', network, `${canonical(address)}/${bits}`);
}

/** Of all addresses and networks a Service names. */
export function serviceAddressWarnings({ spec = {} }: Service): string[] {
  const { clusterIP, clusterIPs, externalIPs, loadBalancerIP, loadBalancerSourceRanges } = spec;
  const own = clusterIP && clusterIP !== 'None' ? (clusterIPs ?? [clusterIP]) : [];
  return [
    ...own.flatMap((ip, i) => addressWarnings(`spec.clusterIPs[${i}]`, ip)),
    ...(externalIPs ?? []).flatMap((ip, i) => addressWarnings(`spec.externalIPs[${i}]`, ip)),
    ...(loadBalancerIP ? addressWarnings('spec.loadBalancerIP', loadBalancerIP) : []),
    ...(loadBalancerSourceRanges ?? []).flatMap((network, i) =>
      networkWarnings(`spec.loadBalancerSourceRanges[${i}]`, network),
    ),
  ];
}
