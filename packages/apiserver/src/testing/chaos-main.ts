/**
 * `npm run chaos:apiserver -- [--seed N] [--rounds N]`: two apiservers on three members of the store, killed with SIGKILL in
 * turn under writers and informers. Prints the seed first; exits 1 when an informer saw what must not be.
 */
import { parseArgs } from 'node:util';
import { runChaos } from './chaos/run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    rounds: { type: 'string', default: '10' },
    writes: { type: 'string', default: '200' },
  },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
process.stdout.write(`seed ${seed}\n`);
const { faults, ...figures } = await runChaos({
  seed,
  rounds: Number(values.rounds),
  writesBetween: Number(values.writes),
  note: (text) => process.stdout.write(`${text}\n`),
});
const shown = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
process.stdout.write(`${shown.join(', ')}\n`);
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.exitCode = faults.length > 0 ? 1 : 0;
