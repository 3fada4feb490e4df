/** Calls that are written in other words: `has`, `all`, `map`, `optMap` and their like. */
import type { Call, Expr } from './ast.ts';
import type { Fault } from './errors.ts';

/** What loops gather in; no expression can write this name. */
const ACCU = '__result__';

type Method = (call: Call, target: Expr) => Expr | Fault;

const literal = (at: number, value: unknown): Expr => ({ op: 'literal', at, value });
const ident = (at: number, name: string): Expr => ({ op: 'ident', at, name });
const calls = (at: number, name: string, ...args: Expr[]): Expr => ({
  ...{ op: 'call', at, name, args },
  target: undefined,
});
const asks = (at: number, target: Expr, name: string, ...args: Expr[]): Expr => ({
  ...{ op: 'call', at, name, target, args },
});
const list = (at: number, ...elements: Expr[]): Expr => ({
  ...{ op: 'list', at, elements },
  optional: new Set<number>(),
});

interface Loop {
  readonly init: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result?: Expr;
}

/** A loop whose variable the first argument names. */
function loop({ at, args: [variable] }: Call, range: Expr, parts: Loop): Expr | Fault {
  if (variable?.op !== 'ident') {
    return { at: variable?.at ?? at, why: 'argument must be a simple name' };
  }
  const { result = ident(at, ACCU) } = parts;
  return { op: 'fold', at, range, iterVar: variable.name, accuVar: ACCU, ...parts, result };
}

function all(call: Call, range: Expr): Expr | Fault {
  const { at, args } = call;
  const accu = ident(at, ACCU);
  return loop(call, range, {
    init: literal(at, true),
    condition: calls(at, '@not_strictly_false', accu),
    step: calls(at, '_&&_', accu, args[1] as Expr),
  });
}

function exists(call: Call, range: Expr): Expr | Fault {
  const { at, args } = call;
  const accu = ident(at, ACCU);
  return loop(call, range, {
    init: literal(at, false),
    condition: calls(at, '@not_strictly_false', calls(at, '!_', accu)),
    step: calls(at, '_||_', accu, args[1] as Expr),
  });
}

function existsOne(call: Call, range: Expr): Expr | Fault {
  const { at, args } = call;
  const accu = ident(at, ACCU);
  const more = calls(at, '_+_', accu, literal(at, 1n));
  return loop(call, range, {
    init: literal(at, 0n),
    condition: literal(at, true),
    step: calls(at, '_?_:_', args[1] as Expr, more, accu),
    result: calls(at, '_==_', accu, literal(at, 1n)),
  });
}

/** What gathers elements: `test` leaves some out. */
function gather(call: Call, range: Expr, element: Expr, test?: Expr): Expr | Fault {
  const { at } = call;
  const accu = ident(at, ACCU);
  const more = calls(at, '_+_', accu, list(at, element));
  return loop(call, range, {
    init: list(at),
    condition: literal(at, true),
    step: test === undefined ? more : calls(at, '_?_:_', test, more, accu),
  });
}

const map: Method = (call, range) => gather(call, range, call.args[1] as Expr);
const mapSome: Method = (call, range) =>
  gather(call, range, call.args[2] as Expr, call.args[1] as Expr);
const filter: Method = (call, range) =>
  gather(call, range, call.args[0] as Expr, call.args[1] as Expr);

/** `target.optMap(v, f)`: f of what is there, as something that may be there. */
function optional(call: Call, target: Expr, wraps: boolean): Expr | Fault {
  const { at, args } = call;
  const [variable, body] = args;
  if (variable?.op !== 'ident') {
    const name = `${call.name}() variable name must be a simple identifier`;
    return { at: variable?.at ?? at, why: name };
  }
  const bound: Expr = {
    ...{ op: 'fold', at, range: list(at), iterVar: '#unused', accuVar: variable.name },
    init: asks(at, target, 'value'),
    condition: literal(at, false),
    step: ident(at, variable.name),
    result: body as Expr,
  };
  const made = wraps ? calls(at, 'optional.of', bound) : bound;
  const none = calls(at, 'optional.none');
  return calls(at, '_?_:_', asks(at, target, 'hasValue'), made, none);
}

const METHODS: Readonly<Record<string, Method>> = {
  'all/2': all,
  'exists/2': exists,
  'exists_one/2': existsOne,
  'map/2': map,
  'map/3': mapSome,
  'filter/2': filter,
  'optMap/2': (call, target) => optional(call, target, true),
  'optFlatMap/2': (call, target) => optional(call, target, false),
};

/** The call in other words, or as it is when it is no macro; or what is wrong with it. */
export function expanded(call: Call): Expr | Fault {
  const { name, target, args, at } = call;
  if (target !== undefined) {
    const key = `${name}/${args.length}`;
    const method = Object.hasOwn(METHODS, key) ? METHODS[key] : undefined;
    return method?.(call, target) ?? call;
  }
  if (name !== 'has' || args.length !== 1) return call;
  const [field] = args;
  if (field?.op === 'select' && !field.test) return { ...field, at, test: true };
  return { at: field?.at ?? at, why: 'invalid argument to has() macro' };
}
