/** Finds the type of every part of an expression, and which functions it calls. */
import {
  type Call,
  type Expr,
  type Fold,
  type MapExpr,
  qualifiedName,
  type Select,
  type StructExpr,
} from './ast.ts';
import type { Faults } from './errors.ts';
import type { Library, Overload, StructType } from './signature.ts';
import {
  assignable,
  Bindings,
  BOOL,
  BYTES,
  DOUBLE,
  DYN,
  ERROR,
  INT,
  inner,
  listOf,
  mapOf,
  mostGeneral,
  NULL,
  optionalOf,
  paramType,
  STRING,
  substituted,
  type Type,
  typeText,
  typeType,
  UINT,
} from './types.ts';
import { Uint } from './values.ts';

/** What is known of an expression. */
export interface Checked {
  readonly expr: Expr;
  readonly type: Type;
  /** The type of a part. */
  typeOf(expr: Expr): Type;
  /** The ways a call may go: more than one where types are only known later. */
  overloadsOf(call: Call): readonly Overload[];
  /** The type a name or a path of names stands for; undefined: it stands for a variable. */
  typeNamed(expr: Expr): Type | undefined;
  /** What makes the values of a type that is named with fields in braces. */
  structOf(expr: StructExpr): StructType | undefined;
  /** The whole name of a function that is written like a method: `optional.of`. */
  functionOf(call: Call): string;
}

type Scope = ReadonlyMap<string, Type>;

class Checker implements Checked {
  readonly expr: Expr;
  readonly #library: Library;
  readonly #faults: Faults;
  readonly #types = new Map<Expr, Type>();
  readonly #overloads = new Map<Call, readonly Overload[]>();
  readonly #named = new Map<Expr, Type>();
  readonly #functions = new Map<Call, string>();
  readonly #structs = new Map<StructExpr, StructType>();
  #scope: Scope;
  readonly #bindings = new Bindings();
  #free = 0;

  constructor(expr: Expr, o: { library: Library; variables: Scope; faults: Faults }) {
    this.expr = expr;
    this.#library = o.library;
    this.#scope = o.variables;
    this.#faults = o.faults;
    this.#check(expr);
  }

  get type(): Type {
    return this.typeOf(this.expr);
  }

  typeOf(expr: Expr): Type {
    return substituted(this.#bindings, this.#types.get(expr) ?? DYN, DYN);
  }

  overloadsOf(call: Call): readonly Overload[] {
    return this.#overloads.get(call) ?? [];
  }

  typeNamed(expr: Expr): Type | undefined {
    return this.#named.get(expr);
  }

  structOf(expr: StructExpr): StructType | undefined {
    return this.#structs.get(expr);
  }

  functionOf(call: Call): string {
    return this.#functions.get(call) ?? call.name;
  }

  #fault(at: number, why: string): Type {
    this.#faults.add(at, why);
    return ERROR;
  }

  #undeclared(at: number, name: string): Type {
    return this.#fault(at, `undeclared reference to '${name}' (in container '')`);
  }

  #newParam(): Type {
    this.#free += 1;
    return paramType(`_var${this.#free}`);
  }

  #known(type: Type): Type {
    return substituted(this.#bindings, type);
  }

  #check(expr: Expr): Type {
    const type = this.#typed(expr);
    this.#types.set(expr, type);
    return type;
  }

  #typed(expr: Expr): Type {
    switch (expr.op) {
      case 'literal':
        return literalType(expr.value);
      case 'ident':
        return this.#ident(expr, expr.name) ?? this.#undeclared(expr.at, expr.name);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr.elements, expr.optional);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      case 'fold':
        return this.#fold(expr);
    }
  }

  /** A variable, or a type by its name. */
  #ident(expr: Expr, written: string): Type | undefined {
    const name = written.replace(/^\./, '');
    const variable = this.#scope.get(name);
    if (variable !== undefined) return variable;
    const type = this.#library.type(name);
    if (type === undefined) return undefined;
    this.#named.set(expr, type);
    return typeType(type);
  }

  #select(expr: Select): Type {
    const name = qualifiedName(expr);
    const named = name === undefined ? undefined : this.#ident(expr, name);
    if (named !== undefined) return named;
    const found = this.#field(this.#check(expr.operand), expr.field, expr.at);
    return expr.test ? BOOL : found;
  }

  /** The type of a field, `optional` where what has it may be missing. */
  #field(of: Type, field: string, at: number): Type {
    const target = this.#known(of);
    if (target.kind === 'optional') return asOptional(this.#field(inner(target), field, at));
    switch (target.kind) {
      case 'dyn':
      case 'error':
        return DYN;
      case 'map':
        return inner(target, 1);
      case 'param':
        this.#assign(DYN, target);
        return DYN;
      case 'object':
        return target.fields?.().get(field) ?? this.#fault(at, `undefined field '${field}'`);
      default:
        return this.#fault(at, `type '${typeText(target)}' does not support field selection`);
    }
  }

  #call(expr: Call): Type {
    if (expr.name === '_?._') return this.#optionalField(expr);
    for (const arg of expr.args) this.#check(arg);
    const { target, name, at } = expr;
    if (target === undefined) {
      const overloads = this.#library.function(name);
      return overloads ? this.#resolve(expr, overloads, false) : this.#undeclared(at, name);
    }
    const before = qualifiedName(target);
    const whole = `${before}.${name}`;
    const fixed = before === undefined ? undefined : this.#library.function(whole);
    if (fixed !== undefined) {
      this.#functions.set(expr, whole);
      return this.#resolve(expr, fixed, false);
    }
    this.#check(target);
    const overloads = this.#library.function(name);
    return overloads ? this.#resolve(expr, overloads, true) : this.#undeclared(at, name);
  }

  #optionalField(expr: Call): Type {
    const [operand, field] = expr.args as [Expr, Expr];
    const of = this.#check(operand);
    this.#check(field);
    const name = field.op === 'literal' ? String(field.value) : '';
    const type = this.#field(of, name, expr.at);
    this.#overloads.set(expr, this.#library.function('_?._') ?? []);
    return asOptional(type);
  }

  #resolve(expr: Call, overloads: readonly Overload[], isMethod: boolean): Type {
    const operands = isMethod && expr.target ? [expr.target, ...expr.args] : expr.args;
    const given = operands.map((one) => this.#types.get(one) ?? DYN);
    const fitting: Overload[] = [];
    let result: Type | undefined;
    for (const overload of overloads) {
      if (overload.isMethod !== isMethod) continue;
      const { params, result: made } = this.#instance(overload);
      if (!assignable(this.#bindings, given, params)) continue;
      fitting.push(overload);
      const type = this.#known(made);
      if (result === undefined) result = type;
      else if (result.kind !== 'dyn' && typeText(type) !== typeText(result)) result = DYN;
    }
    this.#overloads.set(expr, fitting);
    if (result !== undefined) return result;
    const types = given.map((type) => typeText(substituted(this.#bindings, type, DYN)));
    const args = (isMethod ? types.slice(1) : types).join(', ');
    const shown = isMethod ? `${types[0]}.(${args})` : `(${args})`;
    const name = this.functionOf(expr);
    return this.#fault(expr.at, `found no matching overload for '${name}' applied to '${shown}'`);
  }

  /** A signature with parameters of its own. */
  #instance({ isGeneric, params, result }: Overload): Pick<Overload, 'params' | 'result'> {
    if (!isGeneric) return { params, result };
    const fresh = new Bindings();
    const renew = (type: Type): void => {
      if (type.kind === 'param' && fresh.find(type) === undefined) {
        fresh.set(type, this.#newParam());
      }
      type.params.forEach(renew);
    };
    params.forEach(renew);
    renew(result);
    return {
      params: params.map((one) => substituted(fresh, one)),
      result: substituted(fresh, result),
    };
  }

  #assign(given: Type, wanted: Type): boolean {
    return assignable(this.#bindings, [given], [wanted]);
  }

  #list(elements: readonly Expr[], optional: ReadonlySet<number>): Type {
    let element: Type | undefined;
    elements.forEach((one, i) => {
      const type = this.#element(one, optional.has(i));
      element = this.#joined(one.at, element, type);
    });
    return listOf(element ?? this.#newParam());
  }

  /** The type of an element, and of what is there of an optional one. */
  #element(expr: Expr, isOptional: boolean): Type {
    const type = this.#known(this.#check(expr));
    if (!isOptional) return type;
    if (type.kind === 'optional') return inner(type);
    if (type.kind === 'dyn' || type.kind === 'error') return type;
    const wanted = typeText(optionalOf(type));
    return this.#fault(expr.at, `expected type '${wanted}' but found '${typeText(type)}'`);
  }

  #map({ entries }: MapExpr): Type {
    let [key, value]: [Type | undefined, Type | undefined] = [undefined, undefined];
    for (const entry of entries) {
      key = this.#joined(entry.key.at, key, this.#check(entry.key));
      value = this.#joined(entry.value.at, value, this.#element(entry.value, entry.optional));
    }
    return mapOf(key ?? this.#newParam(), value ?? this.#newParam());
  }

  #struct(expr: StructExpr): Type {
    const { at, name, fields } = expr;
    const made = this.#library.struct(name.replace(/^\./, ''));
    if (made === undefined) {
      for (const { value } of fields) this.#check(value);
      return this.#undeclared(at, name);
    }
    this.#structs.set(expr, made);
    for (const field of fields) {
      const type = this.#element(field.value, field.optional);
      const wanted = made.type.fields?.().get(field.name);
      if (wanted === undefined) this.#fault(field.at, `undefined field '${field.name}'`);
      else if (!this.#assign(wanted, type)) {
        const [a, b] = [wanted, type].map((one) => typeText(substituted(this.#bindings, one, DYN)));
        const why = `expected type of field '${field.name}' is '${a}' but provided type is '${b}'`;
        this.#fault(field.at, why);
      }
    }
    return made.type;
  }

  /** Elements of a list are of one type. */
  #joined(at: number, before: Type | undefined, type: Type): Type {
    if (before === undefined) return type;
    if (this.#assign(before, type)) return mostGeneral(before, type);
    return this.#mismatch(at, before, type);
  }

  #mismatch(at: number, wanted: Type, found: Type): Type {
    const [a, b] = [wanted, found].map((one) => typeText(substituted(this.#bindings, one, DYN)));
    return this.#fault(at, `expected type '${a}' but found '${b}'`);
  }

  #fold(expr: Fold): Type {
    const range = this.#known(this.#check(expr.range));
    const accu = this.#check(expr.init);
    const outer = this.#scope;
    this.#scope = new Map(outer).set(expr.accuVar, accu);
    const withAccu = this.#scope;
    this.#scope = new Map(withAccu).set(expr.iterVar, this.#variable(range, expr));
    this.#must(expr.condition, BOOL);
    this.#must(expr.step, accu);
    this.#scope = withAccu;
    const result = this.#check(expr.result);
    this.#scope = outer;
    return this.#known(result);
  }

  #variable(range: Type, { range: { at } }: Fold): Type {
    switch (range.kind) {
      case 'list':
      case 'map':
        return inner(range);
      case 'dyn':
      case 'error':
        return DYN;
      case 'param':
        this.#assign(DYN, range);
        return DYN;
      default: {
        const type = typeText(range);
        const must = 'must be list, map, or dynamic';
        return this.#fault(
          at,
          `expression of type '${type}' cannot be range of a comprehension (${must})`,
        );
      }
    }
  }

  #must(expr: Expr, wanted: Type): void {
    const type = this.#check(expr);
    if (!this.#assign(wanted, type)) this.#mismatch(expr.at, wanted, type);
  }
}

const asOptional = (type: Type): Type =>
  type.kind === 'optional' || type.kind === 'error' ? type : optionalOf(type);

function literalType(value: unknown): Type {
  switch (typeof value) {
    case 'boolean':
      return BOOL;
    case 'bigint':
      return INT;
    case 'number':
      return DOUBLE;
    case 'string':
      return STRING;
    default:
      return value === null ? NULL : value instanceof Uint ? UINT : BYTES;
  }
}

/** Checks an expression; what is wrong with it goes to `faults`. */
export const check = (
  expr: Expr,
  o: { library: Library; variables: ReadonlyMap<string, Type>; faults: Faults },
): Checked => new Checker(expr, o);
