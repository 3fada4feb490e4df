/** Addresses and ranges of addresses, as Kubernetes' libraries `ip` and `cidr` have them. */
import { isIPv4, isIPv6 } from 'node:net';
import { EvaluationFailure } from '../errors.ts';
import type { Library } from '../signature.ts';
import { objectType } from '../types.ts';
import { Opaque } from '../values.ts';

const IP = objectType('net.IP');
const CIDR = objectType('net.CIDR');

/** An address as a number, with how many bits it has. */
class Address extends Opaque {
  override readonly type = IP;
  override readonly size: number;
  readonly bits: 32 | 128;
  readonly value: bigint;

  constructor(bits: 32 | 128, value: bigint) {
    super();
    this.size = bits / 8;
    this.bits = bits;
    this.value = value;
  }

  /** @throws Error in the library's words */
  static parse(text: string): Address {
    if (isIPv4(text)) return new Address(32, v4Value(text));
    if (!isIPv6(text)) {
      throw new EvaluationFailure(
        `IP Address "${text}" parse error during conversion from string: ${addressFault(text)}`,
      );
    }
    if (text.includes('%')) {
      throw new EvaluationFailure(`IP address "${text}" with zone value is not allowed`);
    }
    const address = new Address(128, v6Value(text));
    if (address.isMapped) {
      throw new EvaluationFailure(`IPv4-mapped IPv6 address "${text}" is not allowed`);
    }
    return address;
  }

  get isMapped(): boolean {
    return this.bits === 128 && this.value >> 32n === 0xffffn;
  }

  /** Whether it lies in the range of this prefix, given for its own family. */
  within(prefix: bigint, length: number): boolean {
    return this.value >> BigInt(this.bits - length) === prefix;
  }

  override equals(other: unknown): boolean {
    return other instanceof Address && this.bits === other.bits && this.value === other.value;
  }

  override toString(): string {
    return this.bits === 32 ? v4Text(this.value) : v6Text(this.value);
  }
}

/** Why Go cannot read an address. */
function addressFault(text: string): string {
  const at = /[.:%]/.exec(text)?.[0];
  const why = at === '.' && /^[\d.]+$/.test(text) ? v4Fault(text) : 'unable to parse IP';
  return `ParseAddr(${JSON.stringify(text)}): ${why}`;
}

function v4Fault(text: string): string {
  const parts = text.split('.');
  if (parts.some((part) => part === '')) return 'IPv4 field must have at least one digit';
  if (parts.some((part) => part.length > 1 && part.startsWith('0'))) {
    return 'IPv4 field has octet with leading zero';
  }
  if (parts.some((part) => Number(part) > 255)) return 'IPv4 field has value >255';
  return parts.length < 4 ? 'IPv4 address too short' : 'IPv4 address too long';
}

const v4Value = (text: string): bigint =>
  text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);

const v4Text = (value: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');

function v6Value(text: string): bigint {
  const at = text.lastIndexOf(':');
  const tail = text.slice(at + 1);
  const whole = tail.includes('.') ? text.slice(0, at + 1) + v4Groups(tail) : text;
  const [head = '', rest] = whole.split('::') as [string, string?];
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(rest ?? '')];
  const gap = rest === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...Array<string>(gap).fill('0'), ...after];
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function v4Groups(text: string): string {
  const value = v4Value(text);
  return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}

/** The canonical form: the longest run of zeros is left out. */
function v6Text(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_none, i) =>
    ((value >> BigInt(16 * (7 - i))) & 0xffffn).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** A range: an address and how many of its bits count. */
class Range extends Opaque {
  override readonly type = CIDR;
  override readonly size: number;
  readonly address: Address;
  readonly length: number;

  constructor(address: Address, length: number) {
    super();
    this.size = Math.ceil(length / 8);
    this.address = address;
    this.length = length;
  }

  /** @throws Error in the library's words */
  static parse(text: string): Range {
    const slash = text.lastIndexOf('/');
    const fail = (why: string): EvaluationFailure =>
      new EvaluationFailure(
        `network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): ${why}`,
      );
    if (slash < 0) throw fail("no '/'");
    const [host, length] = [text.slice(0, slash), text.slice(slash + 1)];
    if (!isIPv4(host) && !isIPv6(host)) throw fail(addressFault(host));
    if (host.includes('%')) throw fail('IPv6 zones cannot be present in a prefix');
    if (!/^(?:0|[1-9]\d*)$/.test(length)) {
      throw fail(`bad bits after slash: ${JSON.stringify(length)}`);
    }
    const address = isIPv4(host) ? new Address(32, v4Value(host)) : new Address(128, v6Value(host));
    if (Number(length) > address.bits) throw fail('prefix length out of range');
    if (address.isMapped) {
      throw new EvaluationFailure(
        `IPv4-mapped IPv6 address ${JSON.stringify(host)} is not allowed`,
      );
    }
    return new Range(address, Number(length));
  }

  get prefix(): bigint {
    return this.address.value >> BigInt(this.address.bits - this.length);
  }

  masked(): Range {
    const shift = BigInt(this.address.bits - this.length);
    return new Range(new Address(this.address.bits, this.prefix << shift), this.length);
  }

  contains(address: Address): boolean {
    return address.bits === this.address.bits && address.within(this.prefix, this.length);
  }

  override equals(other: unknown): boolean {
    return (
      other instanceof Range && this.length === other.length && this.address.equals(other.address)
    );
  }

  override toString(): string {
    return `${this.address}/${this.length}`;
  }
}

function succeeds(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

const is4 = (a: Address): boolean => a.bits === 32;
const unspecified = (a: Address): boolean => a.value === 0n;
const loopback = (a: Address): boolean => (is4(a) ? a.within(127n, 8) : a.value === 1n);
const linkLocal = (a: Address): boolean => (is4(a) ? a.within(0xa9fen, 16) : a.within(0x3fan, 10));
const multicast = (a: Address): boolean => (is4(a) ? a.within(0xen, 4) : a.within(0xffn, 8));
const localMulticast = (a: Address): boolean =>
  is4(a) ? a.within(0xe00000n, 24) : a.within(0xffn, 8) && ((a.value >> 112n) & 0xfn) === 2n;
const broadcast = (a: Address): boolean => is4(a) && a.value === 0xffffffffn;
const globalUnicast = (a: Address): boolean =>
  ![unspecified, loopback, linkLocal, multicast, broadcast].some((not) => not(a));

function addresses(library: Library): void {
  const ip = IP.name;
  const test = (name: string, holds: (address: Address) => boolean): void => {
    library.add(name, `${ip} -> () bool`, (address) => holds(address as Address));
  };
  const parse = (text: unknown): Address => Address.parse(String(text));
  library
    .addType(IP)
    .add('ip', `(string) ${ip}`, parse)
    .add('isIP', '(string) bool', (text) => succeeds(Address.parse, String(text)))
    .add('ip.isCanonical', '(string) bool', (text) => String(parse(text)) === text)
    .add('string', `(${ip}) string`, String)
    .add('family', `${ip} -> () int`, (a) => (is4(a as Address) ? 4n : 6n));
  test('isUnspecified', unspecified);
  test('isLoopback', loopback);
  test('isLinkLocalUnicast', linkLocal);
  test('isLinkLocalMulticast', localMulticast);
  test('isGlobalUnicast', globalUnicast);
}

function ranges(library: Library): void {
  const [ip, cidr] = [IP.name, CIDR.name];
  const of = (range: unknown): Range => range as Range;
  const holds = (outer: Range, inner: Range): boolean =>
    outer.length <= inner.length && outer.contains(inner.address);
  library
    .addType(CIDR)
    .add('cidr', `(string) ${cidr}`, (text) => Range.parse(String(text)))
    .add('isCIDR', '(string) bool', (text) => succeeds(Range.parse, String(text)))
    .add('string', `(${cidr}) string`, String)
    .add('ip', `${cidr} -> () ${ip}`, (range) => of(range).address)
    .add('prefixLength', `${cidr} -> () int`, (range) => BigInt(of(range).length))
    .add('masked', `${cidr} -> () ${cidr}`, (range) => of(range).masked())
    .add('containsIP', `${cidr} -> (string) bool`, (range, text) =>
      of(range).contains(Address.parse(String(text))),
    )
    .add('containsIP', `${cidr} -> (${ip}) bool`, (range, a) => of(range).contains(a as Address))
    .add('containsCIDR', `${cidr} -> (string) bool`, (range, text) =>
      holds(of(range), Range.parse(String(text))),
    )
    .add('containsCIDR', `${cidr} -> (${cidr}) bool`, (a, b) => holds(of(a), of(b)));
}

export function addNetworkFunctions(library: Library): void {
  addresses(library);
  ranges(library);
}
