/**
 * Numbers against what a schema allows, as the stock server compares them: integers with integers, digit by digit, and floats
 * with floats. The limits themselves are floats (`JSONSchemaProps`), of which integers see the whole part.
 */
import { type ExactInteger, exactInteger, isInt64 } from '@kubets/api';
import { goFloat } from './go-values.ts';
import type { Schema } from './structural.ts';

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);
/** Of the sum of two numbers: nearer ones are the same. */
const TOLERANCE = 1e-9;

/** What is wrong with a number, in the words that follow the field's path. */
export function numberProblems(value: ExactInteger, schema: Schema): string[] {
  // Read from the store, a limit is as exact as it is written.
  const { multipleOf, maximum, minimum } = schema;
  const problems: string[] = [];
  const isWhole = isInt64(value);
  const seen = (limit: number): ExactInteger =>
    isWhole ? wholePart(Number(limit)) : Number(limit);
  const text = (limit: ExactInteger): string => (isWhole ? String(limit) : goFloat(Number(limit)));
  if (multipleOf !== undefined && multipleOf !== 0 && !isMultiple(value, Number(multipleOf))) {
    problems.push(`should be a multiple of ${text(seen(multipleOf))}`);
  }
  if (minimum !== undefined) {
    const least = seen(minimum);
    const why = schema.exclusiveMinimum ? 'greater than' : 'greater than or equal to';
    const fits = schema.exclusiveMinimum ? value > least : value >= least;
    if (!fits) problems.push(`should be ${why} ${text(least)}`);
  }
  if (maximum !== undefined) {
    const most = seen(maximum);
    const why = schema.exclusiveMaximum ? 'less than' : 'less than or equal to';
    const fits = schema.exclusiveMaximum ? value < most : value <= most;
    if (!fits) problems.push(`should be ${why} ${text(most)}`);
  }
  return problems;
}

/** The integer of 64 bits a limit counts as: its whole part, at most the largest there is. */
function wholePart(limit: number): ExactInteger {
  const whole = BigInt(Math.trunc(limit));
  if (whole > MAX_INT64) return MAX_INT64;
  return whole < MIN_INT64 ? MIN_INT64 : exactInteger(whole);
}

function isMultiple(value: ExactInteger, of: number): boolean {
  const factor = BigInt(Math.trunc(of));
  if (isInt64(value) && factor !== 0n) return BigInt(value) % factor === 0n;
  const ratio = of < 1 ? (1 / of) * Number(value) : Number(value) / of;
  return isNearlyWhole(ratio);
}

function isNearlyWhole(ratio: number): boolean {
  if (!(Math.abs(ratio) <= Number.MAX_SAFE_INTEGER)) return false;
  const whole = Math.trunc(ratio);
  return ratio === whole || Math.abs(ratio - whole) / Math.abs(ratio + whole) < TOLERANCE;
}
