/** What goes wrong with expressions, in the stock server's words. */
import type {
  ASTNode,
  TypeError as CelTypeError,
  EvaluationError,
  ParseError,
} from '@marcbachmann/cel-js';

/** The expression is no expression, or its types do not fit. The message names the place. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
}

/** The expression cannot be evaluated with these values. */
export class EvaluationFailure extends Error {
  override readonly name = 'EvaluationFailure';
}

/** The expression takes too many steps. */
export class CostError extends EvaluationFailure {}

const OPERATORS: Readonly<Record<string, string>> = {
  '?:': '_?_:_',
  '!_': '!_',
  '-_': '-_',
  '[]': '_[_]',
  in: '@in',
};

const EXPECTED =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

type CelError = ParseError | EvaluationError | CelTypeError;

/** The complaint about an expression that does not compile, with a pointer to the place. */
export function compileText(source: string, error: CelError): string {
  const { at, why } = complaint(source, error);
  return pointer(source, at, why);
}

/** `ERROR: <input>:1:6: why` and the line with a caret below. */
export function pointer(source: string, at: number, why: string): string {
  const before = source.slice(0, at);
  const line = before.split('\n').length;
  const column = at - (before.lastIndexOf('\n') + 1);
  const text = source.split('\n')[line - 1] ?? '';
  return `ERROR: <input>:${line}:${column + 1}: ${why}\n | ${text}\n | ${'.'.repeat(column)}^`;
}

function complaint(source: string, error: CelError): { at: number; why: string } {
  const { summary, code } = error;
  const at = error.range?.start ?? 0;
  const field = /^No such key: (.*)$/.exec(summary)?.[1];
  if (field !== undefined) return { at: dotBefore(source, at), why: `undefined field '${field}'` };
  const variable = /^Unknown variable: (.*)$/.exec(summary)?.[1];
  if (variable !== undefined) {
    return { at, why: `undeclared reference to '${variable}' (in container '')` };
  }
  if (code === 'no_such_overload') return overload(summary, at, error.node as ASTNode | undefined);
  if (code === 'no_matching_overload') return call(summary, source, at);
  if (error.name !== 'ParseError') return { at, why: summary };
  return { at, why: `Syntax error: ${syntaxText(source, at, summary)}` };
}

const dotBefore = (source: string, at: number): number => (source[at - 1] === '.' ? at - 1 : at);

function syntaxText(source: string, at: number, summary: string): string {
  const isEnd = at >= source.trimEnd().length;
  if (isEnd && source.trimEnd().endsWith('.')) return "no viable alternative at input '.'";
  if (isEnd && /^Unexpected token/.test(summary)) {
    return `mismatched input '<EOF>' expecting ${EXPECTED}`;
  }
  const missing = /^Expected (\w+), got EOF/.exec(summary)?.[1];
  const closing: Record<string, string> = { RPAREN: ')', RBRACKET: ']', RBRACE: '}' };
  if (missing !== undefined && closing[missing]) {
    return `missing '${closing[missing]}' at '<EOF>'`;
  }
  if (/^Unexpected character/.test(summary)) {
    return `token recognition error at: '${source.slice(at, at + 1)}'`;
  }
  const seen = /^\S+/.exec(source.slice(at))?.[0] ?? '<EOF>';
  return `mismatched input '${seen}' expecting <EOF>`;
}

function overload(summary: string, at: number, node: ASTNode | undefined) {
  const op = node?.op ?? '';
  const shown = OPERATORS[op] ?? `_${op}_`;
  const types = summary.replace(/^no such overload: /, '');
  const parts = op !== '' && types.includes(` ${op} `) ? types.split(` ${op} `) : [types];
  const why = `found no matching overload for '${shown}' applied to '(${parts.join(', ')})'`;
  const left = Array.isArray(node?.args) ? (node.args[0] as ASTNode | undefined) : undefined;
  const after = left?.range?.end;
  if (after === undefined || node === undefined) return { at, why };
  const found = node.input.indexOf(op, after);
  return { at: found < 0 ? at : found, why };
}

function call(summary: string, source: string, at: number) {
  const parts = /'(?:([^']*)\.)?(\w+)\(([^']*)\)'/.exec(summary);
  const [, receiver, name = '', args = ''] = parts ?? [];
  const found = source.indexOf(`${name}(`, at);
  const open = found < 0 ? at : found + name.length;
  if (KNOWN.has(name)) {
    const shown = receiver ? `${receiver}.(${args})` : `(${args})`;
    return { at: open, why: `found no matching overload for '${name}' applied to '${shown}'` };
  }
  return { at: open, why: `undeclared reference to '${name}' (in container '')` };
}

const KNOWN: ReadonlySet<string> = new Set(
  'size contains startsWith endsWith matches int uint double string bytes duration timestamp getFullYear split join sum min max isSorted indexOf lastIndexOf find findAll lowerAscii upperAscii trim replace substring charAt isURL url format quote intersects equivalent ip isIP cidr isCIDR containsIP containsCIDR quantity isQuantity'.split(
    ' ',
  ),
);

/** The text of a failed evaluation. */
export function evalText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, summary = error.message } = error as Partial<EvaluationError> & Error;
  const key = /^No such key: (.*)$/.exec(summary)?.[1];
  const conversion = /^(\w+)\(\) type error: cannot convert to (\w+)/.exec(summary);
  if (conversion) return `type conversion error from 'string' to '${conversion[2]}'`;
  if (code === 'index_out_of_bounds') {
    return `index out of bounds: ${/index (-?\d+)/.exec(summary)?.[1] ?? ''}`;
  }
  if (key !== undefined) return `no such key: ${key}`;
  if (code === 'no_such_overload' || code === 'no_matching_overload') return 'no such overload';
  if (summary === 'division by zero') return 'divide by zero';
  return summary;
}
