/** Compiles and evaluates expressions, bounded in size and in steps. Loaded when the first expression comes. */
import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js';
import {
  CompileError,
  CostError,
  compileText,
  EvaluationFailure,
  evalText,
  pointer,
} from './errors.ts';
import { addFunctions } from './functions.ts';
import {
  MAX_EVALUATION_STEPS,
  MAX_EXPRESSION_DEPTH,
  MAX_EXPRESSION_LENGTH,
  MAX_EXPRESSION_NODES,
} from './limits.ts';

export { CompileError, CostError, EvaluationFailure } from './errors.ts';

type CelFailure = Parameters<typeof compileText>[1];

let common: Environment | undefined;

/** A new environment with everything an expression may call. */
export function newEnvironment(): Environment {
  if (common === undefined) {
    common = new Environment({
      enableOptionalTypes: true,
      homogeneousAggregateLiterals: false,
      limits: { maxAstNodes: MAX_EXPRESSION_NODES, maxDepth: MAX_EXPRESSION_DEPTH },
    });
    addFunctions(common);
  }
  return common.clone();
}

export interface Expression {
  /** Names of the variables it speaks of. */
  readonly names: ReadonlySet<string>;
  /** Its parts, for those who reckon what it may cost. */
  readonly ast: ASTNode;
  /** Evaluates. @throws EvaluationFailure */
  evaluate(variables: Readonly<Record<string, unknown>>): unknown;
}

export interface CompileOptions {
  /** What the checker knows: variables with their types. */
  readonly types: Environment;
  /** Names of the variables; evaluated without types. */
  readonly variables: readonly string[];
}

/**
 * Compiles an expression: syntax and types are checked once, evaluation takes values as they are.
 * @returns the expression and the name of its type
 * @throws CompileError
 */
export function compile(
  source: string,
  o: CompileOptions,
): { expression: Expression; type: string } {
  if (source.length > MAX_EXPRESSION_LENGTH) {
    throw new CompileError(pointer('', 0, `expression is longer than ${MAX_EXPRESSION_LENGTH}`));
  }
  const checked = o.types.check(source);
  if (!checked.valid) throw new CompileError(compileText(source, checked.error as CelFailure));
  const values = newEnvironment();
  for (const name of o.variables) values.registerVariable(name, 'dyn');
  const parsed = values.parse(source);
  checkPresence(source, parsed.ast, o.types);
  return { expression: new Bounded(parsed), type: checked.type ?? 'dyn' };
}

/** `has(self.x)` does not ask the checker whether there is an x; a missing field is a mistake there too. */
function checkPresence(source: string, ast: ASTNode, types: Environment): void {
  visit(ast, (node) => {
    if (node.op !== 'call' || node.args[0] !== 'has') return;
    const [field] = node.args[1];
    const { start = 0, end = 0 } = field?.range ?? {};
    const text = source.slice(start, end);
    if (!/^(self|oldSelf)\./.test(text)) return;
    const checked = types.check(text);
    if (checked.valid || !/^No such key/.test(checked.error?.summary ?? '')) return;
    const name = text.slice(text.lastIndexOf('.') + 1);
    const at = start + text.lastIndexOf('.');
    throw new CompileError(pointer(source, at, `undefined field '${name}'`));
  });
}

class Bounded implements Expression {
  readonly names: ReadonlySet<string>;
  readonly ast: ASTNode;
  readonly #parsed: ParseResult;
  #left = 0;

  constructor(parsed: ParseResult) {
    this.#parsed = parsed;
    this.ast = parsed.ast;
    const names = new Set<string>();
    visit(parsed.ast, (node) => {
      if (node.op === 'id') names.add(String(node.args));
      this.#count(node);
    });
    this.names = names;
  }

  evaluate(variables: Readonly<Record<string, unknown>>): unknown {
    this.#left = MAX_EVALUATION_STEPS;
    try {
      return this.#parsed({ ...variables });
    } catch (error) {
      if (error instanceof CostError) throw error;
      throw new EvaluationFailure(evalText(error));
    }
  }

  /** The library has no budget of its own: every node pays before it is evaluated. */
  #count(node: ASTNode): void {
    const target = node as unknown as { evaluate: Evaluate };
    let real = target.evaluate;
    const counted: Evaluate = (...args) => {
      this.#left -= 1;
      if (this.#left < 0) throw new CostError('call cost exceeds limit');
      return real.apply(node, args);
    };
    Object.defineProperty(node, 'evaluate', {
      get: () => counted,
      set(chosen: Evaluate) {
        real = chosen;
      },
    });
  }
}

type Evaluate = (...args: unknown[]) => unknown;

/** All nodes, from the outside in. */
function visit(node: unknown, each: (node: ASTNode) => void): void {
  if (Array.isArray(node)) {
    for (const one of node) visit(one, each);
  } else if (isNode(node)) {
    each(node);
    visit(node.args, each);
  }
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}
