import { cpus, totalmem } from 'node:os';
import type { BenchResult } from '../report/result.ts';

/** What the benchmark ran on. */
export function machine(): BenchResult['machine'] {
  const all = cpus();
  return { cpus: all.length, model: all[0]?.model ?? 'unknown', memoryBytes: totalmem() };
}
