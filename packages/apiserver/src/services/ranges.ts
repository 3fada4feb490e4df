import { ConfigError } from '@kubets/platform';

/** Items the API hands out: addresses or ports, as whole numbers from `first` to `last`. */
export interface Range {
  readonly first: number;
  readonly last: number;
  /** Automatic choices start here while they can; what lies below is left for people who choose themselves. */
  readonly dynamicFirst: number;
  /** The range as messages show it. */
  readonly text: string;
  format(item: number): string;
  /** The number behind a text; undefined when it is no such item at all (whether or not in the range). */
  parse(text: string): number | undefined;
}

/** `10.96.0.1` as a number; undefined when the text is no IPv4 address in canonical form. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

/** The dotted form of an IPv4 number. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Share of a range that is left for explicit choices, as upstream splits it. */
function band(size: number, divisor: number, most: number): number {
  const least = 16;
  if (size <= least) return 0;
  return Math.min(Math.max(least, Math.floor(size / divisor)), most);
}

/**
 * The service addresses of a CIDR: all but its network and broadcast address.
 * @throws ConfigError when it is no IPv4 CIDR from /12 to /30
 */
export function serviceIpRange(cidr: string): Range {
  const [address = '', bits = ''] = cidr.split('/');
  const base = parseIpv4(address);
  const prefix = /^\d+$/.test(bits) ? Number(bits) : -1;
  if (base === undefined || prefix < 12 || prefix > 30) {
    throw new ConfigError(`--service-cluster-ip-range: "${cidr}" is no IPv4 range from /12 to /30`);
  }
  const size = 2 ** (32 - prefix);
  const network = Math.floor(base / size) * size;
  const first = network + 1;
  return {
    first,
    last: network + size - 2,
    dynamicFirst: first + band(size, 16, 256),
    text: `${formatIpv4(network)}/${prefix}`,
    format: formatIpv4,
    parse: parseIpv4,
  };
}

/**
 * The node ports of `30000-32767`.
 * @throws ConfigError when the text is no port range
 */
export function nodePortRange(text: string): Range {
  const match = /^(\d+)-(\d+)$/.exec(text.trim());
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (!match || first < 1 || last > 65_535 || last < first) {
    throw new ConfigError(`--service-node-port-range: "${text}" is no range such as 30000-32767`);
  }
  return {
    first,
    last,
    dynamicFirst: first + band(last - first + 1, 32, 128),
    text: `${first}-${last}`,
    format: String,
    parse: (item) => (/^\d{1,5}$/.test(item) ? Number(item) : undefined),
  };
}

/** Whether an item lies in the range. */
export function inRange(range: Range, item: number): boolean {
  return item >= range.first && item <= range.last;
}
