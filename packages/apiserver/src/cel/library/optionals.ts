/** What may be there or not: `optional.of(x)`, `x.orValue(y)`. */
import { EvaluationFailure, NO_OVERLOAD } from '../errors.ts';
import type { Library, Run } from '../signature.ts';
import { Duration, isList, itemsOf, MapValue, Optional, sizeOf, Uint } from '../values.ts';

/** Whether a value is what its type begins with: `0`, `''`, an empty list. */
function isZero(value: unknown): boolean {
  if (value === null || value === false || value === 0 || value === 0n) return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration) return value.nanos === 0n;
  if (isList(value)) return itemsOf(value).length === 0;
  if (value instanceof MapValue || value instanceof Uint8Array) return sizeOf(value) === 0;
  return value === '';
}

/** Never called as they are: the interpreter knows them. */
const known: Run = () => {
  throw new EvaluationFailure(NO_OVERLOAD);
};

export function addOptionals(library: Library): void {
  const held = (value: unknown): Optional => value as Optional;
  library
    .add('optional.of', '(A) optional(A)', (value) => Optional.of(value))
    .add('optional.ofNonZeroValue', '(A) optional(A)', (value) =>
      isZero(value) ? Optional.none : Optional.of(value),
    )
    .add('optional.none', '() optional(A)', () => Optional.none)
    .add('value', 'optional(A) -> () A', (value) => held(value).value)
    .add('hasValue', 'optional(A) -> () bool', (value) => held(value).isPresent)
    .add('or', 'optional(A) -> (optional(A)) optional(A)', known)
    .add('orValue', 'optional(A) -> (A) A', known)
    .add('_?._', '(dyn, string) optional(A)', known)
    .add('_[?_]', '(list(A), int) optional(A)', known)
    .add('_[?_]', '(optional(list(A)), int) optional(A)', known)
    .add('_[?_]', '(map(A, B), A) optional(B)', known)
    .add('_[?_]', '(optional(map(A, B)), A) optional(B)', known)
    .add('_[_]', '(optional(list(A)), int) optional(A)', known)
    .add('_[_]', '(optional(map(A, B)), A) optional(B)', known);
}
