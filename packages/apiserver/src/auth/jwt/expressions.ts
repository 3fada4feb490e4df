/** Expressions about the claims of a token and about the user made of them. Loaded with the first one. */
import type { Expr } from '../../cel/ast.ts';
import { partsOf } from '../../cel/ast.ts';
import { asItIs, type Declared, declared } from '../../cel/declared.ts';
import { CompileError, compile, EvaluationFailure, type Expression } from '../../cel/engine.ts';
import { JsonMap, plainValue } from '../../cel/json-values.ts';
import { DYN, mapOf, STRING } from '../../cel/types.ts';
import { isList, itemsOf } from '../../cel/values.ts';
import type { UserInfo } from '../../ports.ts';

export type Claims = Readonly<Record<string, unknown>>;

const LIST_OF_TEXTS = { type: 'array', items: { type: 'string' } } as const;

/** What the stock server's checker knows of a user. */
const USER = declared(
  {
    type: 'object',
    properties: {
      username: { type: 'string' },
      uid: { type: 'string' },
      groups: LIST_OF_TEXTS,
      extra: { type: 'object', additionalProperties: LIST_OF_TEXTS },
    },
  },
  'kubernetes.UserInfo',
  asItIs,
) as Declared;

const CLAIMS_NAMES = new Map([['claims', mapOf(STRING, DYN)]]);
const USER_NAMES = new Map([['user', USER.type]]);

/** What an expression has to come to: a truth, or what is only known when it is evaluated. */
type Wanted = 'bool' | 'any';

/** An expression that can be evaluated, over claims or a user. */
export interface AuthExpression {
  readonly source: string;
  /** Whether it speaks of `claims.FIELD`. */
  usesClaim(field: string): boolean;
  /** @throws EvaluationFailure */
  evaluate(given: unknown): unknown;
}

function made(source: string, variable: 'claims' | 'user', wanted: Wanted): AuthExpression {
  const expression = compiled(source, variable === 'claims' ? CLAIMS_NAMES : USER_NAMES);
  if (wanted === 'bool' && expression.type.kind !== 'bool') {
    throw new CompileError('must evaluate to bool');
  }
  return {
    source,
    usesClaim: (field) => selects(expression.checked.expr, field),
    evaluate: (given) => expression.evaluate({ [variable]: given }),
  };
}

function compiled(source: string, names: Parameters<typeof compile>[1]): Expression {
  try {
    return compile(source, names);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    throw new CompileError(`compilation failed: ${error.message}`, { cause: error });
  }
}

/** @throws CompileError whose message says what is wrong */
export const claimsExpression = (source: string, wanted: Wanted): AuthExpression =>
  made(source, 'claims', wanted);

/** @throws CompileError whose message says what is wrong */
export const userExpression = (source: string): AuthExpression => made(source, 'user', 'bool');

/** Whether a part selects a field of `claims`: by `claims.field`, `has(claims.field)` or `claims.?field`. */
function selects(expr: Expr, field: string): boolean {
  if (expr.op === 'select' && isClaims(expr.operand) && expr.field === field) return true;
  if (expr.op === 'call' && expr.name === '_?._') {
    const [operand, name] = expr.args;
    if (operand && isClaims(operand) && name?.op === 'literal' && name.value === field) return true;
  }
  return partsOf(expr).some((part) => selects(part, field));
}

const isClaims = (expr: Expr): boolean => expr.op === 'ident' && expr.name === 'claims';

/** The claims as expressions see them. */
export const claimsValue = (claims: Claims): unknown => new JsonMap(claims, plainValue);

/** A user as expressions see it. */
export const userValue = ({ name, uid, groups, extra }: UserInfo): unknown =>
  USER.value({ username: name, uid, groups, extra });

/** A text or a list of texts, without those that are empty. @throws EvaluationFailure for anything else */
export function textsOf(value: unknown): string[] {
  const items = typeof value === 'string' ? [value] : value === null ? [] : listItems(value);
  const texts = items.filter((item) => typeof item === 'string');
  if (texts.length < items.length) throw new EvaluationFailure(NO_TEXTS);
  return texts.filter((one) => one !== '');
}

const NO_TEXTS = 'expression must return a string or a list of strings';

function listItems(value: unknown): readonly unknown[] {
  if (isList(value)) return itemsOf(value);
  throw new EvaluationFailure(NO_TEXTS);
}
