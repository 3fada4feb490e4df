/** Quantities of resources: `quantity('1Gi')`. */
import { Quantity } from '@kubets/api';
import { EvaluationFailure } from '../errors.ts';
import type { Library } from '../signature.ts';
import { objectType } from '../types.ts';
import { Opaque } from '../values.ts';

const TYPE = objectType('kubernetes.Quantity');
const NANO = 1_000_000_000n;
const BITS = 64;

class QuantityValue extends Opaque {
  override readonly type = TYPE;
  readonly quantity: Quantity;

  constructor(quantity: Quantity) {
    super();
    this.quantity = quantity;
  }

  override equals(other: unknown): boolean {
    return other instanceof QuantityValue && this.quantity.cmp(other.quantity) === 0;
  }
}

const of = (value: unknown): Quantity => (value as QuantityValue).quantity;

/** @throws EvaluationFailure */
function parse(text: unknown): QuantityValue {
  try {
    return new QuantityValue(Quantity.parse(String(text)));
  } catch (error) {
    throw new EvaluationFailure(error instanceof Error ? error.message : '', { cause: error });
  }
}

function isQuantity(text: unknown): boolean {
  try {
    Quantity.parse(String(text));
    return true;
  } catch {
    return false;
  }
}

/** In whole units; undefined: it is no whole number of 64 bits. */
function wholeOf({ nanos }: Quantity): bigint | undefined {
  const units = nanos / NANO;
  return nanos % NANO === 0n && BigInt.asIntN(BITS, units) === units ? units : undefined;
}

function asInteger(value: unknown): bigint {
  const whole = wholeOf(of(value));
  if (whole === undefined) throw new EvaluationFailure('cannot convert value to integer');
  return whole;
}

function sums(library: Library): void {
  for (const name of ['add', 'sub'] as const) {
    const made = (a: unknown, b: Quantity): QuantityValue =>
      new QuantityValue(name === 'add' ? of(a).add(b) : of(a).sub(b));
    library
      .add(name, `${TYPE.name} -> (${TYPE.name}) ${TYPE.name}`, (a, b) => made(a, of(b)))
      .add(name, `${TYPE.name} -> (int) ${TYPE.name}`, (a, b) => made(a, Quantity.of(b as bigint)));
  }
}

export function addQuantities(library: Library): void {
  const { name } = TYPE;
  const compare = (a: unknown, b: unknown): number => of(a).cmp(of(b));
  library
    .addType(TYPE)
    .add('quantity', `(string) ${name}`, parse)
    .add('isQuantity', '(string) bool', isQuantity)
    .add('sign', `${name} -> () int`, (a) => BigInt(of(a).cmp(Quantity.zero)))
    .add('isGreaterThan', `${name} -> (${name}) bool`, (a, b) => compare(a, b) > 0)
    .add('isLessThan', `${name} -> (${name}) bool`, (a, b) => compare(a, b) < 0)
    .add('compareTo', `${name} -> (${name}) int`, (a, b) => BigInt(compare(a, b)))
    .add('isInteger', `${name} -> () bool`, (a) => wholeOf(of(a)) !== undefined)
    .add('asInteger', `${name} -> () int`, asInteger)
    .add('asApproximateFloat', `${name} -> () double`, (a) => Number(of(a).nanos) / 1e9);
  sums(library);
}
