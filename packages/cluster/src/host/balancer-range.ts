/** Which addresses of a container network are for load balancers. Pure. */
import { formatIPv4, parseIPv4 } from '@kubets/platform';

/** No more than this many: a network may be large. */
const MAX_SIZE = 256;
/** Containers are given addresses from the lower end; this part of the network is left for them at least. */
const SHARE = 4;
/** Networks of fewer than 16 addresses have none to spare. */
const MAX_PREFIX = 28;

/**
 * The upper end of a network, without its broadcast address: `172.18.0.5/16` → `172.18.255.1-172.18.255.254`.
 * @param cidr any address of the network, with the length of its prefix
 * @returns a range as `--load-balancer-ranges` takes it; '' where the network is too small or not one of IPv4
 */
export function balancerRange(cidr: string): string {
  const [address = '', digits = ''] = cidr.split('/');
  const value = parseIPv4(address);
  const prefix = Number(digits);
  if (value === undefined || !/^\d{1,2}$/.test(digits) || prefix > MAX_PREFIX) return '';
  const size = 2 ** (32 - prefix);
  const end = Math.floor(value / size) * size + size;
  const count = Math.min(MAX_SIZE, size / SHARE);
  // Not from 172.18.255.0 on: some programs take an address that ends in 0 for a network's.
  return `${formatIPv4(end - count + 1)}-${formatIPv4(end - 2)}`;
}
