/** A few broken builds, to see that the simulation still notices; `mutants-main.ts` runs them all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examine, mutate } from './mutant-lab.ts';
import { MUTANTS } from './mutants.ts';

test('every mutant still fits its file, and there are enough of them', () => {
  assert.ok(MUTANTS.length >= 12);
  for (const mutant of MUTANTS) mutate(mutant);
});

for (const name of ['no-fsync', 'slow-watcher-loses', 'compare-ignored']) {
  test(`${name} is noticed`, async () => {
    const mutant = MUTANTS.find((one) => one.name === name);
    assert.ok(mutant);
    const { seedsNeeded } = await examine(mutant, { steps: 60, firstSeed: 1 });
    assert.ok(seedsNeeded !== undefined);
  });
}
