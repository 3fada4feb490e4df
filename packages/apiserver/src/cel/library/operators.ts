/** Operators, and what the language itself can do with sizes and texts. */
import { goPattern, type Pattern, PatternError } from '../../regexp/pattern.ts';
import { CostError, EvaluationFailure, NO_OVERLOAD } from '../errors.ts';
import { MAX_TEXT_LENGTH } from '../limits.ts';
import type { Library, Run } from '../signature.ts';
import {
  compare,
  Duration,
  equal,
  isList,
  itemsOf,
  MapValue,
  sizeOf,
  Timestamp,
  Uint,
  UnorderedList,
} from '../values.ts';

const BITS = 64;

const fail = (why: string): never => {
  throw new EvaluationFailure(why);
};

/** A whole number of 64 bits. @throws EvaluationFailure when it takes more */
export const int = (value: bigint): bigint =>
  BigInt.asIntN(BITS, value) === value ? value : fail('integer overflow');
export const uint = (value: bigint): Uint =>
  BigInt.asUintN(BITS, value) === value ? new Uint(value) : fail('unsigned integer overflow');
export const duration = (nanos: bigint): Duration =>
  BigInt.asIntN(BITS, nanos) === nanos ? new Duration(nanos) : fail('duration overflow');

/** Years 1 to 9999, in nanoseconds since 1970. */
const FIRST = -62_135_596_800_000_000_000n;
const LAST = 253_402_300_799_999_999_999n;

export const timestamp = (nanos: bigint, offset = 0): Timestamp =>
  nanos < FIRST || nanos > LAST ? fail('timestamp overflow') : new Timestamp(nanos, offset);

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;

/** @throws CostError for what would fill the memory */
export function bounded<T extends { readonly length: number }>(made: T): T {
  if (made.length > MAX_TEXT_LENGTH) throw new CostError();
  return made;
}

function add(a: unknown, b: unknown): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a + b);
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (typeof a === 'string' && typeof b === 'string') return bounded(a + b);
  if (a instanceof Uint && b instanceof Uint) return uint(a.value + b.value);
  if (isList(a) && isList(b)) {
    if (a instanceof UnorderedList) return a.joined(itemsOf(b));
    return bounded([...a, ...itemsOf(b)]);
  }
  if (isBytes(a) && isBytes(b)) return bounded(new Uint8Array(Buffer.concat([a, b])));
  if (a instanceof Duration && b instanceof Duration) return duration(a.nanos + b.nanos);
  if (a instanceof Timestamp && b instanceof Duration) {
    return timestamp(a.nanos + b.nanos, a.offsetMinutes);
  }
  if (a instanceof Duration && b instanceof Timestamp) return add(b, a);
  return fail(NO_OVERLOAD);
}

function subtract(a: unknown, b: unknown): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a - b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a instanceof Uint && b instanceof Uint) return uint(a.value - b.value);
  if (a instanceof Duration && b instanceof Duration) return duration(a.nanos - b.nanos);
  if (a instanceof Timestamp && b instanceof Duration) {
    return timestamp(a.nanos - b.nanos, a.offsetMinutes);
  }
  if (a instanceof Timestamp && b instanceof Timestamp) return duration(a.nanos - b.nanos);
  return fail(NO_OVERLOAD);
}

interface Arithmetic {
  whole(a: bigint, b: bigint): bigint;
  fraction?(a: number, b: number): number;
}

function calculate({ whole, fraction }: Arithmetic): Run {
  return (a, b) => {
    if (typeof a === 'bigint' && typeof b === 'bigint') return int(whole(a, b));
    if (a instanceof Uint && b instanceof Uint) return uint(whole(a.value, b.value));
    if (fraction && typeof a === 'number' && typeof b === 'number') return fraction(a, b);
    return fail(NO_OVERLOAD);
  };
}

const multiply = calculate({ whole: (a, b) => a * b, fraction: (a, b) => a * b });
const divide = calculate({
  whole: (a, b) => (b === 0n ? fail('division by zero') : a / b),
  fraction: (a, b) => a / b,
});
const modulo = calculate({ whole: (a, b) => (b === 0n ? fail('modulus by zero') : a % b) });

function negate(a: unknown): unknown {
  if (typeof a === 'bigint') return int(-a);
  return typeof a === 'number' ? -a : fail(NO_OVERLOAD);
}

/** What the operands of an operator are, and what comes of them. */
function binary(library: Library, name: string, run: Run, shapes: readonly string[]): void {
  for (const shape of shapes) library.add(name, shape, run);
}

const same = (types: string, result?: string): string[] =>
  types.split(' ').map((type) => `(${type}, ${type}) ${result ?? type}`);

function arithmetic(library: Library): void {
  binary(library, '_+_', add, [
    ...same('int uint double string bytes list(A) duration'),
    '(timestamp, duration) timestamp',
    '(duration, timestamp) timestamp',
  ]);
  binary(library, '_-_', subtract, [
    ...same('int uint double duration'),
    '(timestamp, timestamp) duration',
    '(timestamp, duration) timestamp',
  ]);
  binary(library, '_*_', multiply, same('int uint double'));
  binary(library, '_/_', divide, same('int uint double'));
  binary(library, '_%_', modulo, same('int uint'));
  library.add('-_', '(int) int', negate).add('-_', '(double) double', negate);
}

const CROSSED = [
  'int, uint',
  'int, double',
  'uint, int',
  'uint, double',
  'double, int',
  'double, uint',
];

function comparisons(library: Library): void {
  const ordered = [
    ...same('bool int uint double string bytes timestamp duration', 'bool'),
    ...CROSSED.map((types) => `(${types}) bool`),
  ];
  binary(library, '_<_', (a, b) => compare(a, b) < 0, ordered);
  binary(library, '_<=_', (a, b) => compare(a, b) <= 0, ordered);
  binary(library, '_>_', (a, b) => compare(a, b) > 0, ordered);
  binary(library, '_>=_', (a, b) => compare(a, b) >= 0, ordered);
  library.add('_==_', '(A, A) bool', equal).add('_!=_', '(A, A) bool', (a, b) => !equal(a, b));
}

function isIn(wanted: unknown, within: unknown): boolean {
  if (isList(within)) return itemsOf(within).some((item) => equal(item, wanted));
  if (within instanceof MapValue) return within.get(wanted) !== undefined;
  return fail(NO_OVERLOAD);
}

/** Never called as they are: the interpreter knows them. */
const known: Run = () => fail(NO_OVERLOAD);

function logic(library: Library): void {
  library
    .add('_&&_', '(bool, bool) bool', known)
    .add('_||_', '(bool, bool) bool', known)
    .add('_?_:_', '(bool, A, A) A', known)
    .add('@not_strictly_false', '(bool) bool', known)
    .add('!_', '(bool) bool', (a) => (typeof a === 'boolean' ? !a : fail(NO_OVERLOAD)))
    .add('_[_]', '(list(A), int) A', known)
    .add('_[_]', '(map(A, B), A) B', known)
    .add('@in', '(A, list(A)) bool', isIn)
    .add('@in', '(A, map(A, B)) bool', isIn);
}

/** @throws EvaluationFailure in Go's words */
export function matcher(pattern: unknown): Pattern {
  try {
    return goPattern(String(pattern));
  } catch (error) {
    if (error instanceof PatternError) return fail(error.message);
    throw error;
  }
}

function texts(library: Library): void {
  const size = (value: unknown): bigint => BigInt(sizeOf(value) ?? 0);
  for (const type of ['string', 'bytes', 'list(A)', 'map(A, B)']) {
    library.add('size', `(${type}) int`, size).add('size', `${type} -> () int`, size);
  }
  const test = (name: string, holds: (text: string, part: string) => boolean): void => {
    library.add(name, 'string -> (string) bool', (a, b) => holds(String(a), String(b)));
  };
  test('contains', (text, part) => text.includes(part));
  test('startsWith', (text, part) => text.startsWith(part));
  test('endsWith', (text, part) => text.endsWith(part));
  const matches: Run = (text, pattern) => matcher(pattern).test(String(text));
  library
    .add('matches', 'string -> (string) bool', matches)
    .add('matches', '(string, string) bool', matches);
}

export function addOperators(library: Library): void {
  arithmetic(library);
  comparisons(library);
  logic(library);
  texts(library);
}
