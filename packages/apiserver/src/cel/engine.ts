/** Compiles and evaluates expressions, bounded in size and cost. Loaded when the first expression comes. */
import { type Expr, partsOf } from './ast.ts';
import { type Checked, check } from './checker.ts';
import { CompileError, EvaluationFailure, Faults } from './errors.ts';
import { type Outcome, program, type Variables } from './interpreter.ts';
import { library } from './library/index.ts';
import { MAX_EXPRESSION_LENGTH } from './limits.ts';
import { checkLiterals } from './literals.ts';
import { parse } from './parser.ts';
import type { Library } from './signature.ts';
import type { Type } from './types.ts';
import { codePoints } from './values.ts';

export { CompileError, CostError, EvaluationFailure } from './errors.ts';

/** Variables by name, with their types. */
export type Environment = ReadonlyMap<string, Type>;

export interface Expression {
  /** Names of the variables it speaks of. */
  readonly names: ReadonlySet<string>;
  readonly type: Type;
  /** What is known of its parts, for those who reckon what it may cost. */
  readonly checked: Checked;
  /** Evaluates. Variables that are undefined are not there. @throws EvaluationFailure */
  evaluate(variables: Variables): unknown;
  /** Evaluates, and tells what that cost. */
  measure(variables: Variables): Outcome;
}

/**
 * Compiles an expression: syntax and types are checked once, evaluation takes values as they are.
 * @param known what it may call and make; default: what all may
 * @throws CompileError
 */
export function compile(
  source: string,
  variables: Environment,
  known: Library = library(),
): Expression {
  const size = codePoints(source);
  if (size > MAX_EXPRESSION_LENGTH) {
    const why = `expression code point size exceeds limit: size: ${size}, limit ${MAX_EXPRESSION_LENGTH}`;
    throw new CompileError(`ERROR: :1:1: ${why}`);
  }
  const expr = parse(source);
  const faults = new Faults(source);
  const checked = check(expr, { library: known, variables, faults });
  faults.check();
  checkLiterals(expr, faults);
  faults.check();
  const run = planned(checked);
  return {
    names: namesIn(expr),
    ...{ type: checked.type, checked },
    measure: run,
    evaluate: (given) => run(given).value(),
  };
}

/** @throws CompileError for a pattern that cannot be used */
function planned(checked: Checked): ReturnType<typeof program> {
  try {
    return program(checked);
  } catch (error) {
    if (!(error instanceof EvaluationFailure)) throw error;
    throw new CompileError(`program instantiation failed: ${error.message}`, { cause: error });
  }
}

function namesIn(expr: Expr, found = new Set<string>()): ReadonlySet<string> {
  if (expr.op === 'ident') found.add(expr.name.replace(/^\./, ''));
  for (const part of partsOf(expr)) namesIn(part, found);
  return found;
}
