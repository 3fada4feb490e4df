/** Texts in expressions that must be readable as what a function makes of them: times, spans, patterns. */
import { lookup } from '@kubets/api';
import { goPattern, PatternError } from '../regexp/pattern.ts';
import { type Expr, partsOf } from './ast.ts';
import { EvaluationFailure, type Faults } from './errors.ts';
import { durationOf, timestampOf } from './times.ts';

const READERS: Readonly<Record<string, (text: string) => unknown>> = lookup({
  duration: durationOf,
  timestamp: timestampOf,
  matches: goPattern,
});

function isReadable(read: (text: string) => unknown, text: string): boolean {
  try {
    read(text);
    return true;
  } catch (error) {
    if (error instanceof EvaluationFailure || error instanceof PatternError) return false;
    throw error;
  }
}

/** Complains about texts that are no time, span or pattern where they have to be. */
export function checkLiterals(expr: Expr, faults: Faults): void {
  if (expr.op === 'call' && Object.hasOwn(READERS, expr.name)) {
    const read = READERS[expr.name];
    const text = expr.args.at(-1);
    if (read && text?.op === 'literal' && typeof text.value === 'string') {
      if (!isReadable(read, text.value)) faults.add(text.at, `invalid ${expr.name} argument`);
    }
  }
  for (const part of partsOf(expr)) checkLiterals(part, faults);
}
