/**
 * What an expression may cost, before it was ever evaluated: the least and the most, in the units of the stock server's
 * estimator. The sizes of what an object holds are those its schema allows.
 */
import { type Call, type Expr, type Fold, partsOf, type Select } from './ast.ts';
import type { Checked } from './checker.ts';
import {
  CHECK_COST,
  LIST_COST,
  MAP_COST,
  PER_CHARACTER,
  PER_PATTERN_CHARACTER,
  STRUCT_COST,
  selectorCost,
} from './cost.ts';
import type { Declared } from './declared.ts';
import type { Overload } from './signature.ts';
import { DYN, inner, type Kind, type Type } from './types.ts';
import { sizeOf } from './values.ts';

/** A number that is not known, but for its bounds. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

const fixed = (n: number): Range => ({ min: n, max: n });
const NOTHING = fixed(0);
const ONE = fixed(1);
const UNKNOWN: Range = { min: 0, max: 2 ** 64 };

const plus = (a: Range, b: Range): Range => ({ min: a.min + b.min, max: a.max + b.max });
const times = (a: Range, b: Range): Range => ({ min: a.min * b.min, max: a.max * b.max });
const either = (a: Range, b: Range): Range => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
});
const scaled = ({ min, max }: Range, factor: number): Range => ({
  min: Math.ceil(min * factor),
  max: Math.ceil(max * factor),
});
const total = (ranges: readonly Range[]): Range => ranges.reduce(plus, NOTHING);

const SCALARS: ReadonlySet<Kind> = new Set([
  ...(['bool', 'int', 'uint', 'double', 'duration', 'timestamp'] as const),
]);

/** What a call costs, and how large what comes of it is. */
interface CallEstimate {
  readonly cost: Range;
  readonly size?: Range;
}

/** Where a value comes from: a variable and the steps below it. */
type Path = Declared | undefined;

class Estimator {
  readonly #checked: Checked;
  readonly #variables: ReadonlyMap<string, Declared>;
  readonly #sizes = new Map<Expr, Range>();
  readonly #paths = new Map<Expr, Path>();
  /** What variables of loops stand for. */
  readonly #elements = new Map<string, Path[]>();

  constructor(checked: Checked, variables: ReadonlyMap<string, Declared>) {
    this.#checked = checked;
    this.#variables = variables;
  }

  cost(expr: Expr): Range {
    switch (expr.op) {
      case 'literal':
        return NOTHING;
      case 'ident':
        this.#paths.set(expr, this.#variable(expr.name));
        return ONE;
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return plus(total(expr.elements.map((one) => this.cost(one))), fixed(LIST_COST));
      case 'map':
        return plus(total(partsOf(expr).map((one) => this.cost(one))), fixed(MAP_COST));
      case 'struct':
        return plus(total(partsOf(expr).map((one) => this.cost(one))), fixed(STRUCT_COST));
      case 'fold':
        return this.#fold(expr);
    }
  }

  #variable(name: string): Path {
    const local = this.#elements.get(name);
    return local && local.length > 0 ? local.at(-1) : this.#variables.get(name);
  }

  #select(expr: Select): Range {
    const below = this.cost(expr.operand);
    if (expr.test) return below;
    const of = this.#paths.get(expr.operand);
    this.#paths.set(expr, of?.fields.get(expr.field)?.of ?? of?.element);
    const { kind } = this.#checked.typeOf(expr.operand);
    return kind === 'map' || kind === 'object' || kind === 'param' ? plus(below, ONE) : below;
  }

  #call(expr: Call): Range {
    const costs = expr.args.map((arg) => this.cost(arg));
    const overloads = this.#checked.overloadsOf(expr);
    if (overloads.length === 0) return NOTHING;
    const isMethod = overloads[0]?.isMethod === true && expr.target !== undefined;
    const target = isMethod && expr.target ? this.cost(expr.target) : NOTHING;
    const found = overloads.map((overload) => this.#overload(expr, overload, costs));
    const cost = found.map((one) => one.cost).reduce(either);
    const sizes = found.map(({ size }) => size).filter((size) => size !== undefined);
    if (sizes.length > 0) this.#sizes.set(expr, sizes.reduce(either));
    if (expr.name === '_[_]' && expr.args[0]) {
      this.#paths.set(expr, this.#paths.get(expr.args[0])?.element);
    }
    return plus(target, cost);
  }

  #overload(expr: Call, overload: Overload, costs: readonly Range[]): CallEstimate {
    const name = this.#checked.functionOf(expr);
    const [a = NOTHING, b = NOTHING, c = NOTHING] = costs;
    if (name === '_&&_' || name === '_||_') return { cost: { min: a.min, max: a.max + b.max } };
    if (name === '_?_:_') {
      const size = either(this.#argSize(expr, 1), this.#argSize(expr, 2));
      return { cost: plus(a, either(b, c)), size };
    }
    const own = this.#function(expr, name, overload);
    return { ...own, cost: plus(own.cost, total(costs)) };
  }

  #argSize = (expr: Call, i: number): Range => {
    const arg = expr.args[i];
    return arg === undefined ? UNKNOWN : this.size(arg);
  };

  #function(expr: Call, name: string, overload: Overload): CallEstimate {
    const estimate = Object.hasOwn(ESTIMATES, name) ? ESTIMATES[name] : undefined;
    if (estimate === undefined) return { cost: ONE };
    const operands = overload.isMethod && expr.target ? [expr.target, ...expr.args] : expr.args;
    return estimate({
      ...{ overload, operands },
      size: (i) => (operands[i] ? this.size(operands[i]) : UNKNOWN),
      elementSize: (i) => this.#elementSize(operands[i]),
      typeOf: (i) => (operands[i] ? this.#checked.typeOf(operands[i]) : DYN),
    });
  }

  /** How large the elements of a list are, as far as the schema says. */
  #elementSize(list: Expr | undefined): Range {
    const of = list === undefined ? undefined : this.#paths.get(list);
    return of?.element === undefined ? UNKNOWN : { min: 0, max: of.element.most };
  }

  size(expr: Expr): Range {
    return this.#exactSize(expr) ?? this.#schemaSize(expr) ?? this.#typeSize(expr);
  }

  #exactSize(expr: Expr): Range | undefined {
    const made = this.#sizes.get(expr);
    if (made !== undefined) return made;
    if (expr.op === 'literal') return fixed(sizeOf(expr.value) ?? 1);
    if (expr.op === 'list') return fixed(expr.elements.length);
    return expr.op === 'map' ? fixed(expr.entries.length) : undefined;
  }

  #schemaSize(expr: Expr): Range | undefined {
    const of = this.#paths.get(expr);
    return of === undefined ? undefined : { min: 0, max: of.most };
  }

  #typeSize(expr: Expr): Range {
    return SCALARS.has(this.#checked.typeOf(expr).kind) ? ONE : UNKNOWN;
  }

  #fold(expr: Fold): Range {
    const before = plus(this.cost(expr.range), this.cost(expr.init));
    const range = this.#checked.typeOf(expr.range);
    const of = this.#paths.get(expr.range);
    const element = range.kind === 'list' ? of?.element : undefined;
    const stack = this.#elements.get(expr.iterVar) ?? [];
    this.#elements.set(expr.iterVar, [...stack, element]);
    const accus = this.#elements.get(expr.accuVar) ?? [];
    this.#elements.set(expr.accuVar, [...accus, undefined]);
    const each = plus(this.cost(expr.condition), this.cost(expr.step));
    this.#elements.set(expr.iterVar, stack);
    const after = this.cost(expr.result);
    this.#elements.set(expr.accuVar, accus);
    const count = this.size(expr.range);
    this.#sizes.set(expr, count);
    return plus(plus(before, after), times(count, each));
  }
}

/** What an estimate may ask about the operands of a call, the target of a method first. */
interface Operands {
  readonly overload: Overload;
  readonly operands: readonly Expr[];
  size(i: number): Range;
  elementSize(i: number): Range;
  typeOf(i: number): Type;
}

type Estimate = (o: Operands) => CallEstimate;

const characters = ({ size }: Operands, i = 0): Range => scaled(size(i), PER_CHARACTER);
const first: Estimate = (o) => ({ cost: characters(o) });
const second: Estimate = (o) => ({ cost: characters(o, 1) });
const sameSize: Estimate = (o) => ({ cost: characters(o), size: o.size(0) });
const kindOf = ({ overload }: Operands, i: number): Kind | undefined => overload.params[i]?.kind;

/** Lists are gone through once, their texts with them. */
const through: Estimate = (o) => {
  if (kindOf(o, 0) !== 'list') return first(o);
  const { kind } = inner(o.typeOf(0));
  const isText = kind === 'string' || kind === 'bytes';
  const each = isText ? plus(ONE, scaled(o.elementSize(0), PER_CHARACTER)) : ONE;
  return { cost: times(o.size(0), each) };
};

const pattern = ({ size }: Operands): Range =>
  times(scaled(plus(size(0), ONE), PER_CHARACTER), scaled(size(1), PER_PATTERN_CHARACTER));
const found: Estimate = (o) => ({ cost: pattern(o), size: { min: 0, max: o.size(0).max } });

/** Values of these types are compared in so much at most; other values of libraries in one. */
const FORMAT_NAME = 64;

function comparedObjects({ size, typeOf }: Operands): Range | undefined {
  const { kind, name } = typeOf(0);
  if (kind !== 'object' || typeOf(1).name !== name) return undefined;
  if (/^(?:net\.|kubernetes\.(?:Quantity|authorization\.))/.test(name)) return ONE;
  if (name === 'kubernetes.NamedFormat') return scaled({ min: 1, max: FORMAT_NAME }, PER_CHARACTER);
  if (name !== 'kubernetes.URL') return undefined;
  return scaled({ min: 1, max: Math.max(1, size(1).max) }, PER_CHARACTER);
}

const compared: Estimate = (o) => {
  const { size } = o;
  const own = comparedObjects(o);
  if (own !== undefined) return { cost: own };
  const max = Math.min(size(0).max, size(1).max);
  return { cost: scaled({ min: max > 0 ? 1 : 0, max }, PER_CHARACTER) };
};
const ordered: Estimate = (o) =>
  kindOf(o, 0) === 'string' || kindOf(o, 0) === 'bytes' ? compared(o) : { cost: ONE };

const added: Estimate = (o) => {
  const kind = kindOf(o, 0);
  if (kind !== 'string' && kind !== 'bytes' && kind !== 'list') return { cost: ONE };
  const size = plus(o.size(0), o.size(1));
  return { cost: kind === 'list' ? ONE : scaled(size, PER_CHARACTER), size };
};

const replaced: Estimate = ({ size }) => {
  const [text, from, to] = [size(0), size(1), size(2)];
  const most =
    from.min === 0
      ? (text.max + 1) * to.max + text.max
      : to.max <= from.min
        ? text.max
        : Math.ceil(text.max / from.min) * to.max;
  const least =
    from.max === 0
      ? (text.min + 1) * to.min + text.min
      : from.max <= to.min
        ? text.min
        : Math.ceil(text.min / from.max) * to.min;
  return { cost: scaled(text, 2 * PER_CHARACTER), size: { min: least, max: most } };
};

const splitted: Estimate = ({ size, operands: [, , limit] }) => {
  const isFixed = limit?.op === 'literal' && typeof limit.value === 'bigint' && limit.value >= 0n;
  const max = isFixed ? Number(limit.value) : size(0).max;
  return { cost: scaled(size(0), 2 * PER_CHARACTER), size: { min: 0, max } };
};

const joined: Estimate = (o) => {
  const count = o.size(0);
  const texts = times(count, o.elementSize(0));
  const between = { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) };
  const size = o.operands.length > 1 ? plus(texts, times(o.size(1), between)) : texts;
  return { cost: scaled(size, PER_CHARACTER), size };
};

/** The longest pattern of a named format. */
const FORMAT_PATTERN = 128;
const selectors: Estimate = ({ size }) => {
  const { min, max } = size(1);
  return { cost: { min: selectorCost(min), max: selectorCost(max) } };
};

const ADDRESS: Range = { min: 4, max: 16 };
const ADDRESSES = scaled(plus(ADDRESS, ADDRESS), PER_CHARACTER);
const asText = (o: Operands): Range => (kindOf(o, 1) === 'string' ? characters(o, 1) : NOTHING);

const ESTIMATES: Readonly<Record<string, Estimate>> = {
  check: () => ({ cost: fixed(CHECK_COST) }),
  isSorted: through,
  sum: through,
  max: through,
  min: through,
  indexOf: through,
  lastIndexOf: through,
  url: sameSize,
  lowerAscii: sameSize,
  upperAscii: sameSize,
  substring: sameSize,
  trim: sameSize,
  replace: replaced,
  split: splitted,
  join: joined,
  find: found,
  findAll: found,
  matches: (o) => ({ cost: pattern(o) }),
  cidr: first,
  isIP: first,
  isCIDR: first,
  ip: (o) => (o.overload.isMethod ? { cost: ONE } : first(o)),
  'ip.isCanonical': (o) => ({ cost: scaled(o.size(0), 2 * PER_CHARACTER) }),
  quantity: first,
  isQuantity: first,
  containsIP: (o) => ({ cost: plus(ADDRESSES, asText(o)) }),
  containsCIDR: (o) => ({
    cost: total([ADDRESSES, scaled(ADDRESS, PER_CHARACTER), ONE, asText(o)]),
  }),
  fieldSelector: selectors,
  labelSelector: selectors,
  validate: (o) => ({ cost: scaled(characters(o, 1), FORMAT_PATTERN * PER_PATTERN_CHARACTER) }),
  'sets.contains': (o) => ({ cost: plus(ONE, times(o.size(0), o.size(1))) }),
  'sets.intersects': (o) => ({ cost: plus(ONE, times(o.size(0), o.size(1))) }),
  'sets.equivalent': (o) => ({ cost: plus(ONE, scaled(times(o.size(0), o.size(1)), 2)) }),
  startsWith: second,
  endsWith: second,
  contains: (o) => ({ cost: times(characters(o), characters(o, 1)) }),
  '@in': (o) => ({ cost: kindOf(o, 1) === 'list' ? o.size(1) : ONE }),
  '_==_': compared,
  '_!=_': compared,
  '_<_': ordered,
  '_<=_': ordered,
  '_>_': ordered,
  '_>=_': ordered,
  '_+_': added,
  'strings.quote': (o) => {
    const { min, max } = o.size(0);
    return { cost: characters(o), size: { min: min + 2, max: 2 * max + 2 } };
  },
  format: first,
  bytes: (o) => {
    const { min, max } = o.size(0);
    return kindOf(o, 0) === 'string'
      ? { cost: characters(o), size: { min, max: max * 4 } }
      : { cost: ONE };
  },
  string: (o) => {
    const { min, max } = o.size(0);
    const least = Math.floor(min / 4);
    return kindOf(o, 0) === 'bytes'
      ? { cost: characters(o), size: { min: least, max } }
      : { cost: ONE };
  },
};

/** What an expression may cost. @param variables what is known of the variables it speaks of */
export const estimatedCost = (checked: Checked, variables: ReadonlyMap<string, Declared>): Range =>
  new Estimator(checked, variables).cost(checked.expr);
