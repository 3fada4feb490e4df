/** Numbers of the command line. */
import { BenchError } from './errors.ts';

/** @throws BenchError unless it is a whole number above 0 */
export function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new BenchError(`--${name} must be a whole number above 0, not "${text}"`);
}
