/** How much memory the engine takes for what is young. */
import { setFlagsFromString } from 'node:v8';

/**
 * By what factor the young generation grows when much of it survives. A process that serves makes little that lives, and collects
 * it as quickly in what loading the program has left (16 MiB) as in the 48 or 128 the engine would take and keep: 1. One that
 * takes in a whole state, of which everything survives, does less work with 2. Whoever starts the process with
 * `--max-semi-space-size` has what they asked for.
 */
export function growYoungGeneration(factor: 1 | 2): void {
  const sized = process.execArgv.some((flag) => flag.startsWith('--max-semi-space-size'));
  if (!sized) setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}
