/** What calls cost when they are made, in the units of the stock server's library. */
import { isList, itemsOf, MapValue, ObjectValue, Opaque, sizeOf } from './values.ts';

/** Characters are gone through ten for one unit, patterns four. */
export const PER_CHARACTER = 0.1;
export const PER_PATTERN_CHARACTER = 0.25;
export const LIST_COST = 10;
export const MAP_COST = 30;
export const STRUCT_COST = 40;
/** A question about rights: an evaluation may ask two. */
export const CHECK_COST = 350_000;

const size = (value: unknown): number =>
  value instanceof ObjectValue ? value.members().size : (sizeOf(value) ?? 1);
const traversal = (length: number, factor = PER_CHARACTER): number => Math.ceil(length * factor);

/** What going through a value and all it holds costs. */
function depth(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) {
    return Math.floor(Buffer.byteLength(value) * PER_CHARACTER);
  }
  if (isList(value)) return itemsOf(value).reduce((sum: number, item) => sum + depth(item), 0);
  if (value instanceof MapValue) {
    return value.keys().reduce((sum: number, key) => sum + depth(key) + depth(value.get(key)), 0);
  }
  if (!(value instanceof ObjectValue)) return 1;
  let sum = 0;
  for (const [name, member] of value.members()) sum += depth(name) + depth(member);
  return sum;
}

type CostOf = (args: readonly unknown[], result: unknown) => number;

const first: CostOf = ([a]) => traversal(size(a));
const twice: CostOf = ([a]) => traversal(size(a), 2 * PER_CHARACTER);
const whole: CostOf = ([a]) => depth(a);
const pattern: CostOf = ([text, of]) =>
  traversal(size(text) + 1) * traversal(size(of), PER_PATTERN_CHARACTER);
/** Values of libraries are compared in one. */
const smaller: CostOf = ([a, b]) =>
  a instanceof Opaque ? 1 : traversal(Math.min(size(a), size(b)));
const product: CostOf = ([a, b]) => 1 + size(a) * size(b);

/** A requirement of a selector, and how many characters one takes at least. */
const REQUIREMENT_COST = 50;
const PER_REQUIREMENT = 0.5;

/** What reading a selector costs that is so long. */
export const selectorCost = (length: number): number =>
  LIST_COST + traversal(length) + traversal(length, PER_REQUIREMENT) * REQUIREMENT_COST;
const selector: CostOf = ([, text]) => selectorCost(size(text));
/** An address that has to be read first. */
const reading = (other: unknown): number =>
  typeof other === 'string' ? traversal(size(other)) : 0;

/** Costs by function; what is not here costs one. */
const COSTS: Readonly<Record<string, CostOf>> = {
  check: () => CHECK_COST,
  isSorted: whole,
  sum: whole,
  max: whole,
  min: whole,
  indexOf: whole,
  lastIndexOf: whole,
  url: first,
  lowerAscii: first,
  upperAscii: first,
  substring: first,
  trim: first,
  replace: twice,
  split: twice,
  join: (_args, result) => traversal(size(result), 2 * PER_CHARACTER),
  find: pattern,
  findAll: pattern,
  matches: pattern,
  cidr: first,
  isIP: first,
  isCIDR: first,
  ip: ([a]) => (typeof a === 'string' ? traversal(size(a)) : 1),
  'ip.isCanonical': twice,
  containsIP: ([range, other]) => traversal(2 * size(range)) + reading(other),
  containsCIDR: ([range, other]) =>
    traversal(2 * size(range)) + traversal(size(range)) + 1 + reading(other),
  quantity: first,
  isQuantity: first,
  'strings.quote': first,
  format: first,
  fieldSelector: selector,
  labelSelector: selector,
  'sets.contains': product,
  'sets.intersects': product,
  'sets.equivalent': ([a, b]) => 1 + 2 * size(a) * size(b),
  validate: ([format, text]) =>
    traversal(size(text) + 1) * traversal(size(format), PER_PATTERN_CHARACTER),
  startsWith: first,
  endsWith: first,
  contains: ([a, b]) => traversal(size(a)) * traversal(size(b)),
  '@in': ([, list]) => (isList(list) ? itemsOf(list).length : 1),
  '_==_': smaller,
  '_!=_': smaller,
  '_<_': smaller,
  '_<=_': smaller,
  '_>_': smaller,
  '_>=_': smaller,
  '_+_': ([a, b]) =>
    typeof a === 'string' || a instanceof Uint8Array ? traversal(size(a) + size(b)) : 1,
  string: ([a]) => (a instanceof Uint8Array ? traversal(a.length) : 1),
  bytes: ([a]) => (typeof a === 'string' ? traversal(size(a)) : 1),
};

/** What a call cost that was made with these arguments, the target of a method first. */
export function callCost(name: string, args: readonly unknown[], result: unknown): number {
  const costOf = Object.hasOwn(COSTS, name) ? COSTS[name] : undefined;
  return costOf?.(args, result) ?? 1;
}
