/** Addresses and ranges of addresses, as Kubernetes' libraries `ip` and `cidr` have them. */
import { isIPv4, isIPv6 } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';

/** An address as a number, with how many bits it has. */
class Address {
  readonly bits: 32 | 128;
  readonly value: bigint;

  constructor(bits: 32 | 128, value: bigint) {
    this.bits = bits;
    this.value = value;
  }

  /** @throws Error in the library's words */
  static parse(text: string): Address {
    if (isIPv4(text)) return new Address(32, v4Value(text));
    if (!isIPv6(text))
      throw new Error(`IP Address "${text}" parse error during conversion from string`);
    if (text.includes('%')) throw new Error(`IP address "${text}" with zone value is not allowed`);
    const address = new Address(128, v6Value(text));
    if (address.isMapped) {
      throw new Error(`IPv4-mapped IPv6 address "${text}" is not allowed`);
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

  equals(other: Address): boolean {
    return this.bits === other.bits && this.value === other.value;
  }

  toString(): string {
    return this.bits === 32 ? v4Text(this.value) : v6Text(this.value);
  }
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
class Range {
  readonly address: Address;
  readonly length: number;

  constructor(address: Address, length: number) {
    this.address = address;
    this.length = length;
  }

  /** @throws Error in the library's words */
  static parse(text: string): Range {
    const [, host = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
    const fail = (): Error =>
      new Error(`network address parse error during conversion from string: "${text}"`);
    if (!isIPv4(host) && !isIPv6(host)) throw fail();
    const address = Address.parse(host);
    if (Number(length) > address.bits || String(Number(length)) !== length) throw fail();
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

  toString(): string {
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

class IpNamespace {}

const IP = 'kubernetes.IP';
const CIDR = 'kubernetes.CIDR';
const is4 = (a: Address): boolean => a.bits === 32;

function addresses(env: Environment): void {
  const test = (name: string, holds: (address: Address) => boolean): void => {
    env.registerFunction(`${IP}.${name}(): bool`, holds);
  };
  env
    .registerType(IP, Address)
    .registerType('ip', IpNamespace)
    .registerConstant('ip', 'ip', new IpNamespace())
    .registerFunction(`ip(string): ${IP}`, (text: string) => Address.parse(text))
    .registerFunction('isIP(string): bool', (text: string) => succeeds(Address.parse, text))
    .registerFunction(
      'ip.isCanonical(string): bool',
      (_ip: unknown, text: string) => String(Address.parse(text)) === text,
    )
    .registerFunction(`string(${IP}): string`, String)
    .registerFunction(`${IP}.family(): int`, (a: Address) => (is4(a) ? 4n : 6n))
    .registerOperator(`${IP} == ${IP}`, (a: Address, b: Address) => a.equals(b));
  const unspecified = (a: Address): boolean => a.value === 0n;
  const loopback = (a: Address): boolean => (is4(a) ? a.within(127n, 8) : a.value === 1n);
  const linkLocal = (a: Address): boolean =>
    is4(a) ? a.within(0xa9fen, 16) : a.within(0x3fan, 10);
  const multicast = (a: Address): boolean => (is4(a) ? a.within(0xen, 4) : a.within(0xffn, 8));
  const broadcast = (a: Address): boolean => is4(a) && a.value === 0xffffffffn;
  test('isUnspecified', unspecified);
  test('isLoopback', loopback);
  test('isLinkLocalUnicast', linkLocal);
  test('isLinkLocalMulticast', (a) =>
    is4(a) ? a.within(0xe00000n, 24) : a.within(0xffn, 8) && ((a.value >> 112n) & 0xfn) === 2n);
  test('isGlobalUnicast', (a) =>
    ![unspecified, loopback, linkLocal, multicast, broadcast].some((not) => not(a)));
}

function ranges(env: Environment): void {
  const holds = (outer: Range, inner: Range): boolean =>
    outer.length <= inner.length && outer.contains(inner.address);
  env
    .registerType(CIDR, Range)
    .registerFunction(`cidr(string): ${CIDR}`, (text: string) => Range.parse(text))
    .registerFunction('isCIDR(string): bool', (text: string) => succeeds(Range.parse, text))
    .registerFunction(`string(${CIDR}): string`, String)
    .registerFunction(`${CIDR}.ip(): ${IP}`, (range: Range) => range.address)
    .registerFunction(`${CIDR}.prefixLength(): int`, (range: Range) => BigInt(range.length))
    .registerFunction(`${CIDR}.masked(): ${CIDR}`, (range: Range) => range.masked())
    .registerFunction(`${CIDR}.containsIP(${IP}): bool`, (range: Range, a: Address) =>
      range.contains(a),
    )
    .registerFunction(`${CIDR}.containsIP(string): bool`, (range: Range, text: string) =>
      range.contains(Address.parse(text)),
    )
    .registerFunction(`${CIDR}.containsCIDR(${CIDR}): bool`, holds)
    .registerFunction(`${CIDR}.containsCIDR(string): bool`, (range: Range, text: string) =>
      holds(range, Range.parse(text)),
    )
    .registerOperator(
      `${CIDR} == ${CIDR}`,
      (a: Range, b: Range) => a.length === b.length && a.address.equals(b.address),
    );
}

export function addNetworkFunctions(env: Environment): void {
  addresses(env);
  ranges(env);
}
