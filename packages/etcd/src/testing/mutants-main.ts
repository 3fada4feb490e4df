/**
 * `node packages/etcd/src/testing/mutants-main.ts [--only NAME] [--steps M] [--seed N]`: breaks copies of the store, one way after
 * the other, and prints a table of what the simulation made of each. Exits 1 when one went unnoticed.
 */
import { parseArgs } from 'node:util';
import { examine } from './mutant-lab.ts';
import { MUTANTS } from './mutants.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    steps: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
  },
});
const options = { steps: Number(values.steps), firstSeed: Number(values.seed) };
process.stdout.write(
  '| mutant | what is broken | noticed within | needed | by |\n|---|---|---|---|---|\n',
);
let unnoticed = 0;
for (const mutant of MUTANTS) {
  if (values.only !== undefined && values.only !== mutant.name) continue;
  const { seedsNeeded, finding } = await examine(mutant, options);
  if (seedsNeeded === undefined) unnoticed += 1;
  const by = finding.replace(/[|`]/g, ' ').replace(/[:{[].*$/, (rest) => rest.slice(0, 60));
  const cells = [mutant.name, mutant.what, mutant.seeds, seedsNeeded ?? 'NOT', by];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
process.exitCode = unnoticed > 0 ? 1 : 0;
