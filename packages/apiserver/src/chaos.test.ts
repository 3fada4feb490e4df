/** Two apiservers and three stores, each killed once. The long form is `npm run chaos:apiserver`. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runChaos } from './testing/chaos/run.ts';

it('informers see the final state and every event once, in order, whoever is killed', async (t) => {
  const o = { seed: 7, rounds: 1, writesBetween: 10 };
  const result = await runChaos({ ...o, note: (text) => t.diagnostic(text) });
  assert.deepEqual(result.faults, []);
  assert.equal(result.kills, 5);
  assert.ok(result.events > 0 && result.resumes > result.lists);
});
