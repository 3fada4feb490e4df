/** Reads an expression: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax. */
import { type Expr, type MapEntry, partsOf, type StructField } from './ast.ts';
import { CompileError, Faults } from './errors.ts';
import { type Token, tokensOf } from './lexer.ts';
import { MAX_EXPRESSION_DEPTH, MAX_OPERATION_DEPTH, MAX_OPERATIONS } from './limits.ts';
import { expanded } from './macros.ts';
import { isReserved } from './names.ts';

const EXPECTED =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/** Right behind the parenthesis of a call, which may end there. */
const EXPECTED_IN_CALL = EXPECTED.replace("'(',", "'(', ')',");

/** Binary operators from the loosest to the tightest. */
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!=', '<', '<=', '>', '>=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
];

const INT_BITS = 64;

/** The rest cannot be read: what is wrong was said. */
class GivenUp extends Error {}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #faults: Faults;
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], faults: Faults) {
    this.#tokens = tokens;
    this.#faults = faults;
  }

  whole(): Expr {
    const expr = this.#expression();
    if (this.#peek().kind !== 'end') this.#unexpected('<EOF>');
    return expr;
  }

  #peek(ahead = 0): Token {
    const at = Math.min(this.#next + ahead, this.#tokens.length - 1);
    return this.#tokens[at] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #is(text: string): boolean {
    const { kind, text: seen } = this.#peek();
    return kind === 'op' && seen === text;
  }

  #accept(text: string): Token | undefined {
    return this.#is(text) ? this.#take() : undefined;
  }

  /** @throws GivenUp always */
  #unexpected(wanted: string): never {
    const { text, at } = this.#peek();
    const following = this.#peek(1);
    const isSpare =
      this.#peek().kind !== 'end' &&
      (wanted === EXPECTED || wanted === EXPECTED_IN_CALL
        ? startsOperand(following)
        : following.text === wanted.replaceAll("'", ''));
    const verb = isSpare ? 'extraneous' : 'mismatched';
    this.#faults.add(at, `Syntax error: ${verb} input '${text}' expecting ${wanted}`);
    throw new GivenUp();
  }

  #expect(text: string): Token {
    const found = this.#accept(text);
    if (found !== undefined) return found;
    const { kind, at } = this.#peek();
    if (kind === 'end' && text !== ':') {
      this.#faults.add(at, `Syntax error: missing '${text}' at '<EOF>'`);
      throw new GivenUp();
    }
    return this.#unexpected(`'${text}'`);
  }

  #fault(at: number, why: string): never {
    this.#faults.add(at, why);
    throw new GivenUp();
  }

  #expression(): Expr {
    this.#depth += 1;
    if (this.#depth > MAX_EXPRESSION_DEPTH) {
      const why = `expression recursion limit exceeded: ${MAX_EXPRESSION_DEPTH}`;
      this.#fault(this.#peek().at, why);
    }
    const condition = this.#binary(0);
    const mark = this.#accept('?');
    const expr = mark === undefined ? condition : this.#choice(mark.at, condition);
    this.#depth -= 1;
    return expr;
  }

  #choice(at: number, condition: Expr): Expr {
    const yes = this.#binary(0);
    this.#expect(':');
    return call('_?_:_', at, [condition, yes, this.#expression()]);
  }

  #binary(level: number): Expr {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const { kind, text, at } = this.#peek();
      if (kind !== 'op' || !operators.includes(text)) return left;
      this.#take();
      const right = this.#binary(level + 1);
      left = call(text === 'in' ? '@in' : `_${text}_`, at, [left, right]);
    }
  }

  #unary(): Expr {
    const { at } = this.#peek();
    let count = 0;
    while (this.#accept('!')) count += 1;
    if (count > 0) {
      const operand = this.#member();
      return count % 2 === 1 ? call('!_', at, [operand]) : operand;
    }
    const isNumber = ({ kind, value }: Token): boolean =>
      kind === 'literal' && (typeof value === 'bigint' || typeof value === 'number');
    while (this.#is('-') && !isNumber(this.#peek(1))) {
      this.#take();
      count += 1;
    }
    if (count === 0) return this.#member();
    const operand = this.#member();
    return count % 2 === 1 ? call('-_', at, [operand]) : operand;
  }

  #member(): Expr {
    let expr = this.#primary();
    for (;;) {
      const dot = this.#accept('.');
      const open = dot === undefined ? this.#accept('[') : undefined;
      if (dot !== undefined) expr = this.#selected(expr, dot);
      else if (open !== undefined) expr = this.#indexed(expr, open);
      else return expr;
    }
  }

  #selected(operand: Expr, { at }: Token): Expr {
    const optional = this.#accept('?');
    const field = this.#peek();
    if (field.kind === 'end') {
      this.#fault(field.at, "Syntax error: no viable alternative at input '.'");
    }
    if (field.kind !== 'ident') this.#unexpected('IDENTIFIER');
    this.#take();
    if (optional !== undefined) {
      const name: Expr = { op: 'literal', at: field.at, value: field.text };
      return call('_?._', at, [operand, name]);
    }
    const open = this.#accept('(');
    if (open === undefined) return { op: 'select', at, operand, field: field.text, test: false };
    const args = this.#arguments();
    return this.#macro({ op: 'call', at: open.at, name: field.text, target: operand, args });
  }

  #indexed(operand: Expr, { at }: Token): Expr {
    const optional = this.#accept('?');
    const index = this.#expression();
    this.#expect(']');
    return call(optional === undefined ? '_[_]' : '_[?_]', at, [operand, index]);
  }

  #arguments(): Expr[] {
    const args: Expr[] = [];
    if (this.#accept(')')) return args;
    if (!startsOperand(this.#peek())) this.#unexpected(EXPECTED_IN_CALL);
    do args.push(this.#expression());
    while (this.#accept(','));
    this.#expect(')');
    return args;
  }

  #macro(made: Extract<Expr, { op: 'call' }>): Expr {
    const result = expanded(made);
    if ('op' in result) return result;
    return this.#fault(result.at, result.why);
  }

  #primary(): Expr {
    const token = this.#peek();
    const { at, text } = token;
    if (token.kind === 'literal') return this.#literal(1n);
    if (token.kind === 'ident') return this.#name('');
    if (token.kind === 'end') this.#unexpected(EXPECTED);
    this.#take();
    switch (text) {
      case '-':
        return this.#literal(-1n);
      case '.':
        if (this.#peek().kind !== 'ident') this.#unexpected('IDENTIFIER');
        return this.#name('.');
      case '(': {
        const expr = this.#expression();
        this.#expect(')');
        return expr;
      }
      case '[':
        return this.#list(at);
      case '{':
        return { op: 'map', at, entries: this.#entries() };
      default:
        this.#next -= 1;
        return this.#unexpected(EXPECTED);
    }
  }

  #literal(sign: bigint): Expr {
    const { at, value } = this.#take();
    if (typeof value === 'number') return { op: 'literal', at, value: value * Number(sign) };
    if (typeof value !== 'bigint') return { op: 'literal', at, value };
    const number = value * sign;
    if (BigInt.asIntN(INT_BITS, number) !== number) this.#fault(at, 'invalid int literal');
    return { op: 'literal', at, value: number };
  }

  #name(prefix: string): Expr {
    const { at, text } = this.#take();
    if (isReserved(text)) this.#fault(at, `reserved identifier: ${text}`);
    const name = prefix + text;
    const open = this.#accept('(');
    if (open !== undefined) {
      const args = this.#arguments();
      return this.#macro({ op: 'call', at: open.at, name, target: undefined, args });
    }
    return this.#struct(name) ?? { op: 'ident', at, name };
  }

  /** `a.b.Message{…}`; undefined when no brace follows the name. */
  #struct(first: string): Expr | undefined {
    let name = first;
    let ahead = 0;
    while (this.#peek(ahead).text === '.' && this.#peek(ahead + 1).kind === 'ident') {
      name += `.${this.#peek(ahead + 1).text}`;
      ahead += 2;
    }
    const { kind, text, at } = this.#peek(ahead);
    if (kind !== 'op' || text !== '{') return undefined;
    this.#next += ahead + 1;
    const fields: StructField[] = [];
    while (!this.#accept('}')) {
      const optional = this.#accept('?') !== undefined;
      if (this.#peek().kind !== 'ident') this.#unexpected('IDENTIFIER');
      const field = this.#take();
      const colon = this.#peek().at;
      this.#expect(':');
      fields.push({ at: colon, name: field.text, value: this.#expression(), optional });
      if (!this.#accept(',') && !this.#is('}')) this.#expect('}');
    }
    return { op: 'struct', at, name, fields };
  }

  #list(at: number): Expr {
    const elements: Expr[] = [];
    const optional = new Set<number>();
    while (!this.#accept(']')) {
      if (this.#accept('?')) optional.add(elements.length);
      elements.push(this.#expression());
      if (!this.#accept(',') && !this.#is(']')) this.#expect(']');
    }
    return { op: 'list', at, elements, optional };
  }

  #entries(): MapEntry[] {
    const entries: MapEntry[] = [];
    while (!this.#accept('}')) {
      const optional = this.#accept('?') !== undefined;
      const key = this.#expression();
      const { at } = this.#expect(':');
      entries.push({ at, key, value: this.#expression(), optional });
      if (!this.#accept(',') && !this.#is('}')) this.#expect('}');
    }
    return entries;
  }
}

const startsOperand = ({ kind, text }: Token): boolean =>
  kind === 'ident' || kind === 'literal' || (kind === 'op' && '[{(.-!'.includes(text));

const call = (name: string, at: number, args: readonly Expr[]): Expr => ({
  ...{ op: 'call', at, name, args },
  target: undefined,
});

/** Complains about operations too deep within each other; level by level, as this must not call itself either. */
function checkDepth(expr: Expr, faults: Faults): void {
  let level: readonly Expr[] = [expr];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === MAX_OPERATION_DEPTH) {
      faults.add(expr.at, `expression nests too deep: more than ${depth} operations`);
      return;
    }
    // Macros put one part into several places.
    level = [...new Set(level.flatMap((one) => [...partsOf(one)]))];
  }
}

/** Complains about too many operations, before anybody walks them all. The depth is bounded. */
function checkSize(expr: Expr, faults: Faults): void {
  const known = new Map<Expr, number>();
  const sizeOf = (one: Expr): number => {
    const before = known.get(one);
    if (before !== undefined) return before;
    const size = partsOf(one).reduce((sum, part) => sum + sizeOf(part), 1);
    known.set(one, size);
    return size;
  };
  if (sizeOf(expr) > MAX_OPERATIONS) {
    faults.add(expr.at, `expression is too large: more than ${MAX_OPERATIONS} operations`);
  }
}

/** @throws CompileError */
export function parse(source: string): Expr {
  const faults = new Faults(source);
  try {
    const expr = new Parser(tokensOf(source, faults), faults).whole();
    checkDepth(expr, faults);
    faults.check();
    checkSize(expr, faults);
    faults.check();
    return expr;
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
    faults.check();
    throw new CompileError('the expression cannot be read', { cause: error });
  }
}
