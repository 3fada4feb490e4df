/** The parts an expression is made of. */

interface Node {
  /** Where it stands in the source, in code points; errors point there. */
  readonly at: number;
}

export interface Literal extends Node {
  readonly op: 'literal';
  readonly value: unknown;
}

export interface Ident extends Node {
  readonly op: 'ident';
  readonly name: string;
}

/** `operand.field`; with `test` whether there is one: `has(operand.field)`. */
export interface Select extends Node {
  readonly op: 'select';
  readonly operand: Expr;
  readonly field: string;
  readonly test: boolean;
}

/** A function, a method (with a target), or an operator under its internal name: `_+_`. */
export interface Call extends Node {
  readonly op: 'call';
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}

/** Elements with `?` are left out when they hold nothing. */
export interface ListExpr extends Node {
  readonly op: 'list';
  readonly elements: readonly Expr[];
  readonly optional: ReadonlySet<number>;
}

export interface MapEntry {
  readonly at: number;
  readonly key: Expr;
  readonly value: Expr;
  readonly optional: boolean;
}

export interface MapExpr extends Node {
  readonly op: 'map';
  readonly entries: readonly MapEntry[];
}

export interface StructField {
  readonly at: number;
  readonly name: string;
  readonly value: Expr;
  readonly optional: boolean;
}

/** `pkg.Message{…}`: only libraries that bring types to be made know some. */
export interface StructExpr extends Node {
  readonly op: 'struct';
  readonly name: string;
  readonly fields: readonly StructField[];
}

/** A loop over a list or the keys of a map: what macros are made of. */
export interface Fold extends Node {
  readonly op: 'fold';
  readonly range: Expr;
  readonly iterVar: string;
  readonly accuVar: string;
  readonly init: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

export type Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Fold;

/** What is right below a part, in the order it is written. */
export function partsOf(expr: Expr): readonly Expr[] {
  switch (expr.op) {
    case 'select':
      return [expr.operand];
    case 'call':
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    case 'list':
      return expr.elements;
    case 'map':
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return expr.fields.map(({ value }) => value);
    case 'fold':
      return [expr.range, expr.init, expr.condition, expr.step, expr.result];
    default:
      return [];
  }
}

/** `a.b.c` as one name; undefined for anything else. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.op === 'ident') return expr.name;
  if (expr.op !== 'select' || expr.test) return undefined;
  const before = qualifiedName(expr.operand);
  return before === undefined ? undefined : `${before}.${expr.field}`;
}
