/** Ranges of IPv4 addresses as flags name them: a network, `FROM-TO`, or one address. Pure. */
import { ConfigError } from './errors.ts';

/** Addresses from `first` to `last`, both included, as unsigned 32-bit numbers. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

const OCTET_SHIFTS = [24, 16, 8, 0] as const;
/** Of smaller networks every address is used; larger ones lose the network's own and the broadcast address. */
const SMALL_PREFIX = 31;

/** The number of a dotted address; undefined for anything else. */
export function parseIPv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  const plain = match.slice(1).every((octet) => String(Number(octet)) === octet);
  if (!plain || octets.some((octet) => octet > 255)) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** The reverse of {@link parseIPv4}. */
export function formatIPv4(value: number): string {
  return OCTET_SHIFTS.map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

function network(text: string): AddressRange | undefined {
  const [base = '', digits = ''] = text.split('/');
  const first = parseIPv4(base);
  if (first === undefined || !/^\d{1,2}$/.test(digits) || Number(digits) > 32) return undefined;
  const size = 2 ** (32 - Number(digits));
  if (first % size !== 0) return undefined;
  const last = first + size - 1;
  return Number(digits) >= SMALL_PREFIX ? { first, last } : { first: first + 1, last: last - 1 };
}

function span(text: string): AddressRange | undefined {
  const [from = '', to = from] = text.split('-');
  const first = parseIPv4(from.trim());
  const last = parseIPv4(to.trim());
  if (first === undefined || last === undefined || last < first) return undefined;
  return { first, last };
}

/** Whether an address lies in one of the ranges. */
export function inRanges(address: string, ranges: readonly AddressRange[]): boolean {
  const value = parseIPv4(address);
  if (value === undefined) return false;
  return ranges.some(({ first, last }) => value >= first && value <= last);
}

/**
 * Reads ranges: `192.0.2.0/24` (without its first and last address, which a network keeps for itself),
 * `192.0.2.10-192.0.2.20`, or `192.0.2.7`.
 * @param flag named in the error
 * @throws ConfigError for text that is none, or ranges that overlap
 */
export function parseRanges(texts: readonly string[], flag: string): AddressRange[] {
  const ranges = texts.map((text) => {
    const range = text.includes('/') ? network(text) : span(text);
    if (range !== undefined) return { ...range, text };
    throw new ConfigError(
      `${flag}: "${text}" is no range of IPv4 addresses such as 192.0.2.0/24 or 192.0.2.10-192.0.2.20`,
    );
  });
  ranges.sort((a, b) => a.first - b.first);
  ranges.forEach((range, at) => {
    const before = ranges[at - 1];
    if (before === undefined || before.last < range.first) return;
    throw new ConfigError(`${flag}: "${before.text}" and "${range.text}" overlap`);
  });
  return ranges.map(({ first, last }) => ({ first, last }));
}
