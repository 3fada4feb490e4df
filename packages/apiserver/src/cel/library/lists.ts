/** Lists as Kubernetes' library `lists` has them, and sets. */
import { EvaluationFailure } from '../errors.ts';
import type { Library, Run } from '../signature.ts';
import { compare, Duration, equal, itemsOf, Uint } from '../values.ts';
import { duration, int, uint } from './operators.ts';

type List = Parameters<typeof itemsOf>[0];
const items = (list: unknown): readonly unknown[] => itemsOf(list as List);

/** Types with an order; the first four have a sum. */
const ORDERED = ['int', 'uint', 'double', 'duration', 'bool', 'string', 'bytes', 'timestamp'];
const SUMMED = 4;

function isSorted(list: unknown): boolean {
  const all = items(list);
  return all.every((one, i) => i === 0 || compare(all[i - 1], one) <= 0);
}

function extreme(name: 'min' | 'max', sign: number): Run {
  return (list) => {
    const [first, ...rest] = items(list);
    if (first === undefined) throw new EvaluationFailure(`${name} called on empty list`);
    return rest.reduce((best, one) => (compare(one, best) * sign > 0 ? one : best), first);
  };
}

/** The sum of a list; `zero` is that of an empty one. */
function sum(zero: unknown): Run {
  return (list) => items(list).reduce((total, one, i) => (i === 0 ? one : plus(total, one)), zero);
}

function plus(a: unknown, b: unknown): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a + b);
  if (a instanceof Uint && b instanceof Uint) return uint(a.value + b.value);
  if (a instanceof Duration && b instanceof Duration) return duration(a.nanos + b.nanos);
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  throw new EvaluationFailure('no such overload');
}

const ZEROS: Readonly<Record<string, unknown>> = {
  int: 0n,
  uint: new Uint(0n),
  double: 0,
  duration: new Duration(0n),
};

export function addListFunctions(library: Library): void {
  for (const type of ORDERED) {
    const list = `list(${type})`;
    library
      .add('isSorted', `${list} -> () bool`, isSorted)
      .add('min', `${list} -> () ${type}`, extreme('min', -1))
      .add('max', `${list} -> () ${type}`, extreme('max', 1));
  }
  for (const type of ORDERED.slice(0, SUMMED)) {
    library.add('sum', `list(${type}) -> () ${type}`, sum(ZEROS[type]));
  }
  library
    .add('indexOf', 'list(A) -> (A) int', (list, wanted) =>
      BigInt(items(list).findIndex((one) => equal(one, wanted))),
    )
    .add('lastIndexOf', 'list(A) -> (A) int', (list, wanted) =>
      BigInt(items(list).findLastIndex((one) => equal(one, wanted))),
    );
}

export function addSetFunctions(library: Library): void {
  const has = (list: unknown, wanted: unknown): boolean =>
    items(list).some((one) => equal(one, wanted));
  const contains = (list: unknown, wanted: unknown): boolean =>
    items(wanted).every((one) => has(list, one));
  const two = '(list(A), list(A)) bool';
  library
    .add('sets.contains', two, contains)
    .add('sets.intersects', two, (a, b) => items(b).some((one) => has(a, one)))
    .add('sets.equivalent', two, (a, b) => contains(a, b) && contains(b, a));
}
