import { readFileSync } from 'node:fs';
import { errorMessage } from '@kubets/platform';
import { BenchError } from './errors.ts';

/** @throws BenchError when there is no such file, or no JSON in it */
export function readJson<T>(file: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    throw new BenchError(`cannot read ${file}: ${errorMessage(error)}`, { cause: error });
  }
}
