/**
 * Kubernetes quantities: exact decimal numbers with SI, binary or exponent suffixes, and the canonical text
 * the server writes. Held as an integer of nano-units; finer values round away from zero, as upstream does.
 */

import { MAX_CACHED_QUANTITIES } from './limits.ts';

type Format = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

const SHAPE = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/;
const NUMBER = /^([+-]?)([0-9]*)(?:\.([0-9]*))?$/;
const NANO_DIGITS = 9;
const NANO = 10n ** 9n;
/** Larger values are capped, in whole units. */
const MAX_UNITS = 2n ** 63n - 1n;
/** A larger decimal exponent than this cannot be meant. */
const MAX_EXPONENT = 60;

const DECIMAL_SUFFIXES: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY_SUFFIXES: readonly string[] = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL_NAMES = new Map(Object.entries(DECIMAL_SUFFIXES).map(([s, e]) => [e, s]));

/** The text is not a quantity; the message is the stock server's. */
export class QuantityError extends Error {}

interface Scale {
  format: Format;
  /** Multiply by `10^exponent * 2^shift`. */
  exponent: number;
  shift: bigint;
}

function parseSuffix(suffix: string): Scale | undefined {
  const decimal = Object.hasOwn(DECIMAL_SUFFIXES, suffix) ? DECIMAL_SUFFIXES[suffix] : undefined;
  if (decimal !== undefined) return { format: 'DecimalSI', exponent: decimal, shift: 0n };
  const binary = BINARY_SUFFIXES.indexOf(suffix);
  if (binary > 0) return { format: 'BinarySI', exponent: 0, shift: BigInt(binary * 10) };
  const exponent = /^[eE]([+-]?[0-9]+)$/.exec(suffix);
  if (!exponent) return undefined;
  const value = Number(exponent[1]);
  if (Math.abs(value) > MAX_EXPONENT) return undefined;
  return { format: 'DecimalExponent', exponent: value, shift: 0n };
}

/** `value / divisor`, rounded away from zero. */
function divideUp(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  const rest = value % divisor;
  if (rest === 0n) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

function toNanos(negative: boolean, digits: string, fraction: string, scale: Scale): bigint {
  let value = BigInt(digits + fraction || '0') << scale.shift;
  if (negative) value = -value;
  const power = NANO_DIGITS + scale.exponent - fraction.length;
  return power >= 0 ? value * 10n ** BigInt(power) : divideUp(value, 10n ** BigInt(-power));
}

function cap(nanos: bigint): bigint {
  const max = MAX_UNITS * NANO;
  if (nanos > max) return max;
  return nanos < -max ? -max : nanos;
}

export class Quantity {
  readonly nanos: bigint;
  readonly format: Format;

  constructor(nanos: bigint, format: Format = 'DecimalSI') {
    this.nanos = nanos;
    this.format = format;
  }

  static readonly zero = new Quantity(0n);

  /** Throws QuantityError. A JSON number is taken as its decimal text. */
  static parse(text: string | number): Quantity {
    const source = String(text).trim();
    if (source === '') throw new QuantityError('quantities must match the regular expression ');
    if (source === '0') return Quantity.zero;
    const parts = SHAPE.exec(source);
    const number = parts ? NUMBER.exec(parts[1] ?? '') : null;
    if (!parts || !number || (number[2] ?? '') + (number[3] ?? '') === '') {
      throw new QuantityError(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      );
    }
    const scale = parseSuffix(parts[2] ?? '');
    if (!scale) throw new QuantityError("unable to parse quantity's suffix");
    const nanos = cap(toNanos(number[1] === '-', number[2] ?? '', number[3] ?? '', scale));
    const small = scale.format === 'BinarySI' && nanos > -NANO && nanos < NANO;
    return new Quantity(nanos, small ? 'DecimalSI' : scale.format);
  }

  static of(units: number | bigint, format: Format = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(units) * NANO, format);
  }

  static ofMilli(milli: number | bigint): Quantity {
    return new Quantity(BigInt(milli) * 1_000_000n);
  }

  /** The sum, in the format of whichever side is not zero. */
  add(other: Quantity): Quantity {
    return new Quantity(this.nanos + other.nanos, this.nanos === 0n ? other.format : this.format);
  }

  sub(other: Quantity): Quantity {
    return new Quantity(this.nanos - other.nanos, this.nanos === 0n ? other.format : this.format);
  }

  /** Negative, zero or positive as this is less than, equal to or greater than `other`. */
  cmp(other: Quantity): number {
    if (this.nanos === other.nanos) return 0;
    return this.nanos < other.nanos ? -1 : 1;
  }

  /** Thousandths, rounded up. */
  toMilli(): number {
    return Number(divideUp(this.nanos, 1_000_000n));
  }

  /** Whole units, rounded up. */
  toNumber(): number {
    return Number(divideUp(this.nanos, NANO));
  }

  /** In whole units, away from zero. */
  roundedUp(): Quantity {
    return this.isInteger() ? this : new Quantity(divideUp(this.nanos, NANO) * NANO, this.format);
  }

  isInteger(): boolean {
    return this.nanos % NANO === 0n;
  }

  /** The canonical text: what the server stores and shows. */
  toString(): string {
    if (this.nanos === 0n) return '0';
    const inKibi = this.nanos > -1024n * NANO && this.nanos < 1024n * NANO;
    if (this.format === 'BinarySI' && !inKibi && this.isInteger()) return this.binaryText();
    return this.decimalText(this.format === 'DecimalExponent');
  }

  private binaryText(): string {
    let units = this.nanos / NANO;
    let power = 0;
    while (units % 1024n === 0n && power < BINARY_SUFFIXES.length - 1) {
      units /= 1024n;
      power += 1;
    }
    return `${units}${BINARY_SUFFIXES[power]}`;
  }

  private decimalText(withExponent: boolean): string {
    let value = this.nanos;
    let exponent = -NANO_DIGITS;
    while (value % 1000n === 0n && (exponent < 18 || withExponent)) {
      value /= 1000n;
      exponent += 3;
    }
    if (!withExponent) return `${value}${DECIMAL_NAMES.get(exponent) ?? ''}`;
    return exponent === 0 ? `${value}` : `${value}e${exponent}`;
  }
}

const cache = new Map<string, Quantity>();

/** A parsed quantity from a small cache: the same few texts occur in every pod. */
export function parseQuantity(text: string | number): Quantity {
  const key = String(text);
  const known = cache.get(key);
  if (known) return known;
  const parsed = Quantity.parse(key);
  if (cache.size >= MAX_CACHED_QUANTITIES) cache.clear();
  cache.set(key, parsed);
  return parsed;
}

/** Thousandths of a quantity (`250m` → 250, `2` → 2000), rounded up. Throws QuantityError. */
export function quantityMilli(text: string | number): number {
  return parseQuantity(text).toMilli();
}

/** A quantity as a plain number of units (`1Gi` → 1073741824), rounded up. Throws QuantityError. */
export function quantityBytes(text: string | number): number {
  return parseQuantity(text).toNumber();
}
