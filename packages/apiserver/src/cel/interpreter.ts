/** Makes a checked expression into something that can be evaluated, and counts what evaluating costs. */
import type { Call, Expr, Fold, ListExpr, MapExpr, Select, StructExpr } from './ast.ts';
import type { Checked } from './checker.ts';
import { callCost, LIST_COST, MAP_COST, STRUCT_COST } from './cost.ts';
import { CostError, EvaluationFailure, NO_OVERLOAD } from './errors.ts';
import { matcher } from './library/operators.ts';
import { COST_LIMIT } from './limits.ts';
import type { Overload } from './signature.ts';
import type { Type } from './types.ts';
import {
  isList,
  itemsOf,
  LiteralMap,
  MapValue,
  ObjectValue,
  Optional,
  TypeValue,
  typeOf,
  Uint,
} from './values.ts';

export type Variables = Readonly<Record<string, unknown>>;

/** One evaluation: what names stand for, and what it has cost so far. */
class Run {
  readonly variables: Variables;
  readonly locals: unknown[] = [];
  cost = 0;

  constructor(variables: Variables) {
    this.variables = variables;
  }

  pay(units: number): void {
    this.cost += units;
    if (this.cost > COST_LIMIT) throw new CostError();
  }
}

type Step = (run: Run) => unknown;

/** Where variables of loops lie. */
type Places = ReadonlyMap<string, number>;

/** What is gathered in a loop: it may be added to, since nobody else has it. */
class Gathered extends Array<unknown> {}

function variable(run: Run, name: string): unknown {
  const value = run.variables[name];
  if (value !== undefined) return value;
  throw new EvaluationFailure(`no such attribute(s): ${name}`);
}

/** @throws EvaluationFailure when the step of a loop that made it failed */
function local(run: Run, place: number): unknown {
  const value = run.locals[place];
  if (value instanceof Failed) throw value.error;
  return value;
}

/** A member by name; undefined: there is none. */
function memberOf(value: unknown, field: string): unknown {
  if (value instanceof ObjectValue || value instanceof MapValue) return value.get(field);
  return undefined;
}

/** A field, of what is there where it may be missing. @throws EvaluationFailure */
function fieldOf(value: unknown, field: string): unknown {
  if (value instanceof Optional) return value.isPresent ? optionalField(value.value, field) : value;
  const found = memberOf(value, field);
  if (found === undefined) throw new EvaluationFailure(`no such key: ${field}`);
  return found;
}

function optionalField(value: unknown, field: string): Optional {
  if (value instanceof Optional) {
    return value.isPresent ? optionalField(value.value, field) : value;
  }
  const found = memberOf(value, field);
  return found === undefined ? Optional.none : Optional.of(found);
}

/** The place in a list an index stands for. @throws EvaluationFailure */
function placeIn(index: unknown): number {
  const whole = index instanceof Uint ? index.value : index;
  if (typeof whole === 'bigint') return Number(whole);
  if (typeof whole === 'number' && Number.isInteger(whole)) return whole;
  throw new EvaluationFailure(`unsupported index type '${typeOf(index).name}' in list`);
}

/** An element or a value; undefined: there is none. */
function at(value: unknown, index: unknown): unknown {
  if (isList(value)) return itemsOf(value)[placeIn(index)];
  if (value instanceof MapValue) return value.get(index);
  if (value instanceof ObjectValue && typeof index === 'string') return value.get(index);
  throw new EvaluationFailure(NO_OVERLOAD);
}

function indexed(value: unknown, index: unknown): unknown {
  if (value instanceof Optional) return optionalIndexed(value, index);
  const found = at(value, index);
  if (found !== undefined) return found;
  const shown = index instanceof Uint ? index.value : index;
  if (isList(value)) throw new EvaluationFailure(`index out of bounds: ${shown}`);
  throw new EvaluationFailure(`no such key: ${shown}`);
}

function optionalIndexed(value: unknown, index: unknown): Optional {
  if (value instanceof Optional) {
    return value.isPresent ? optionalIndexed(value.value, index) : value;
  }
  const found = at(value, index);
  return found === undefined ? Optional.none : Optional.of(found);
}

/** Whether a value may go where the type is wanted. */
function suits(type: Type, value: unknown): boolean {
  if (type.kind === 'dyn' || type.kind === 'param') return true;
  const { kind, name }: Type = typeOf(value);
  return kind === type.kind && (kind !== 'object' || name === type.name);
}

const isOperator = (name: string): boolean => /[_@]/.test(name[0] ?? '') || name.endsWith('_');

function noOverload(name: string, args: readonly unknown[]): EvaluationFailure {
  if (isOperator(name)) return new EvaluationFailure(NO_OVERLOAD);
  const types = args.map((arg) => typeOf(arg).name).join(', ');
  return new EvaluationFailure(`${NO_OVERLOAD}: ${name}(${types})`);
}

class Planner {
  readonly #checked: Checked;
  #locals = 0;

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  plan(expr: Expr, places: Places): Step {
    switch (expr.op) {
      case 'literal': {
        const { value } = expr;
        return () => value;
      }
      case 'ident':
        return this.#ident(expr, expr.name, places);
      case 'select':
        return this.#select(expr, places);
      case 'call':
        return this.#call(expr, places);
      case 'list':
        return this.#list(expr, places);
      case 'map':
        return this.#map(expr, places);
      case 'fold':
        return this.#fold(expr, places);
      case 'struct':
        return this.#struct(expr, places);
    }
  }

  #ident(expr: Expr, name: string, places: Places): Step {
    const type = this.#checked.typeNamed(expr);
    if (type !== undefined) {
      const value = new TypeValue(type);
      return (run) => {
        run.pay(1);
        return value;
      };
    }
    const place = places.get(name);
    if (place !== undefined) {
      return (run) => {
        run.pay(1);
        return local(run, place);
      };
    }
    return (run) => {
      run.pay(1);
      return variable(run, name.replace(/^\./, ''));
    };
  }

  #select(expr: Select, places: Places): Step {
    if (this.#checked.typeNamed(expr) !== undefined) return this.#ident(expr, '', places);
    const operand = this.plan(expr.operand, places);
    const { field } = expr;
    if (expr.test) return (run) => isThere(operand(run), field);
    return (run) => {
      const value = operand(run);
      run.pay(1);
      return fieldOf(value, field);
    };
  }

  #call(expr: Call, places: Places): Step {
    const special = this.#special(expr, places);
    if (special !== undefined) return special;
    const name = this.#checked.functionOf(expr);
    const overloads = this.#checked.overloadsOf(expr);
    const isMethod = overloads[0]?.isMethod === true;
    const operands = isMethod && expr.target ? [expr.target, ...expr.args] : expr.args;
    checkPattern(name, operands);
    const steps = operands.map((one) => this.plan(one, places));
    return (run) => {
      const args = steps.map((step) => step(run));
      const result = chosen(overloads, name, args).run(...args);
      run.pay(callCost(name, args, result));
      return result;
    };
  }

  /** What is no plain function: parts of it may not be evaluated, or fail without harm. */
  #special(expr: Call, places: Places): Step | undefined {
    const step = (i: number): Step => this.plan(expr.args[i] as Expr, places);
    switch (expr.name) {
      case '_&&_':
        return logic(step(0), step(1), false);
      case '_||_':
        return logic(step(0), step(1), true);
      case '_?_:_':
        return choice(step(0), step(1), step(2));
      case '@not_strictly_false':
        return notStrictlyFalse(step(0));
      case '_[_]':
        return found(step(0), step(1), indexed);
      case '_[?_]':
        return found(step(0), step(1), optionalIndexed);
      case '_?._':
        return found(step(0), step(1), (value, field) => optionalField(value, String(field)));
      case 'or':
      case 'orValue':
        return this.#otherwise(expr, places);
      case '_+_':
        return this.#gathering(expr, places);
      default:
        return undefined;
    }
  }

  /** `optional.or(other)`: the other is evaluated only when it is needed. */
  #otherwise(expr: Call, places: Places): Step | undefined {
    if (expr.target === undefined) return undefined;
    const target = this.plan(expr.target, places);
    const other = this.plan(expr.args[0] as Expr, places);
    const isOr = expr.name === 'or';
    return (run) => {
      const value = target(run);
      if (!(value instanceof Optional)) throw noOverload(expr.name, [value]);
      if (value.isPresent) return isOr ? value : value.value;
      return other(run);
    };
  }

  /** A loop adds to its list without making a new one. */
  #gathering({ args: [left, right] }: Call, places: Places): Step | undefined {
    const place = left?.op === 'ident' ? places.get(left.name) : undefined;
    if (place === undefined || right?.op !== 'list' || right.elements.length !== 1)
      return undefined;
    const element = this.plan(right.elements[0] as Expr, places);
    return (run) => {
      const list = local(run, place);
      if (!(list instanceof Gathered)) throw new EvaluationFailure(NO_OVERLOAD);
      run.pay(1);
      const value = element(run);
      run.pay(LIST_COST + 1);
      list.push(value);
      return list;
    };
  }

  #list({ elements, optional }: ListExpr, places: Places): Step {
    const steps = elements.map((one) => this.plan(one, places));
    return (run) => {
      const values: unknown[] = [];
      steps.forEach((step, i) => {
        const value = step(run);
        if (!optional.has(i)) values.push(value);
        else if (!(value instanceof Optional)) throw new EvaluationFailure(NO_OVERLOAD);
        else if (value.isPresent) values.push(value.value);
      });
      run.pay(LIST_COST);
      return values;
    };
  }

  #struct(expr: StructExpr, places: Places): Step {
    const made = this.#checked.structOf(expr);
    if (made === undefined) throw new EvaluationFailure(`no such type: ${expr.name}`);
    const steps = expr.fields.map((field) => ({ ...field, value: this.plan(field.value, places) }));
    return (run) => {
      const given = new Map<string, unknown>();
      for (const field of steps) {
        const held = field.value(run);
        if (!field.optional) given.set(field.name, held);
        else if (!(held instanceof Optional)) throw new EvaluationFailure(NO_OVERLOAD);
        else if (held.isPresent) given.set(field.name, held.value);
      }
      run.pay(STRUCT_COST);
      return made.make(given);
    };
  }

  #map({ entries }: MapExpr, places: Places): Step {
    const steps = entries.map(({ key, value, optional }) => ({
      key: this.plan(key, places),
      value: this.plan(value, places),
      optional,
    }));
    return (run) => {
      const map = new LiteralMap();
      for (const { key, value, optional } of steps) {
        const [name, held] = [key(run), value(run)];
        if (!optional) map.add(name, held);
        else if (!(held instanceof Optional)) throw new EvaluationFailure(NO_OVERLOAD);
        else if (held.isPresent) map.add(name, held.value);
      }
      run.pay(MAP_COST);
      return map;
    };
  }

  #fold(expr: Fold, places: Places): Step {
    const [accuPlace, iterPlace] = [this.#locals, this.#locals + 1];
    this.#locals += 2;
    const withAccu = new Map(places).set(expr.accuVar, accuPlace);
    const within = new Map(withAccu).set(expr.iterVar, iterPlace);
    const range = this.plan(expr.range, places);
    const init = this.plan(expr.init, places);
    const condition = this.plan(expr.condition, within);
    const step = this.plan(expr.step, within);
    const result = this.plan(expr.result, withAccu);
    const gathers = expr.init.op === 'list' && expr.iterVar !== '#unused';
    return (run) => {
      const elements = elementsOf(range(run));
      const first = init(run);
      run.locals[accuPlace] = gathers ? new Gathered() : first;
      for (const element of elements) {
        run.locals[iterPlace] = element;
        if (condition(run) !== true) break;
        run.locals[accuPlace] = kept(() => step(run));
      }
      const value = result(run);
      return value instanceof Gathered ? [...value] : value;
    };
  }
}

/** A pattern that is written out is compiled ahead. @throws EvaluationFailure */
function checkPattern(name: string, [, pattern]: readonly Expr[]): void {
  if ((name === 'find' || name === 'findAll') && pattern?.op === 'literal') matcher(pattern.value);
}

/** What a step of a loop came to when it failed: a later one may still decide. */
class Failed {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

function kept(step: () => unknown): unknown {
  try {
    return step();
  } catch (error) {
    if (error instanceof EvaluationFailure && !(error instanceof CostError)) {
      return new Failed(error);
    }
    throw error;
  }
}

/** What a loop goes through: the elements of a list, the keys of a map. */
function elementsOf(range: unknown): readonly unknown[] {
  if (isList(range)) return itemsOf(range);
  if (range instanceof MapValue) return range.keys();
  throw new EvaluationFailure(`got '${typeOf(range).name}', expected iterable type`);
}

function isThere(value: unknown, field: string): boolean {
  if (value instanceof Optional) return value.isPresent && isThere(value.value, field);
  return memberOf(value, field) !== undefined;
}

function chosen(overloads: readonly Overload[], name: string, args: readonly unknown[]): Overload {
  const isFit = ({ params }: Overload): boolean => params.every((type, i) => suits(type, args[i]));
  const found = overloads.find(isFit);
  if (found === undefined) throw noOverload(name, args);
  return found;
}

function found(value: Step, index: Step, look: (value: unknown, index: unknown) => unknown): Step {
  return (run) => {
    const [of, by] = [value(run), index(run)];
    run.pay(1);
    return look(of, by);
  };
}

/** `&&` and `||`: either side may decide, whatever the other comes to. */
function logic(left: Step, right: Step, deciding: boolean): Step {
  return (run) => {
    const a = kept(() => left(run));
    if (a === deciding) return deciding;
    const b = kept(() => right(run));
    if (b === deciding) return deciding;
    for (const side of [a, b]) {
      if (side instanceof Failed) throw side.error;
      if (typeof side !== 'boolean') throw new EvaluationFailure(NO_OVERLOAD);
    }
    return !deciding;
  };
}

function choice(condition: Step, yes: Step, no: Step): Step {
  return (run) => {
    const is = condition(run);
    if (typeof is !== 'boolean') throw new EvaluationFailure(NO_OVERLOAD);
    return is ? yes(run) : no(run);
  };
}

function notStrictlyFalse(step: Step): Step {
  return (run) => {
    const value = kept(() => step(run));
    run.pay(1);
    return value !== false;
  };
}

/** What came of an evaluation. */
export interface Outcome {
  /** @throws EvaluationFailure */
  value(): unknown;
  /** What it cost, also when it failed. */
  readonly cost: number;
}

/** A function that evaluates the expression. */
export function program(checked: Checked): (variables: Variables) => Outcome {
  const step = new Planner(checked).plan(checked.expr, new Map());
  return (variables) => {
    const run = new Run(variables);
    try {
      const value = step(run);
      return { value: () => value, cost: run.cost };
    } catch (error) {
      if (!(error instanceof EvaluationFailure)) throw error;
      return {
        value: () => {
          throw error;
        },
        cost: run.cost,
      };
    }
  };
}
