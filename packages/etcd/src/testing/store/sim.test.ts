/** Short simulated runs of the whole store; `npm run sim` makes long ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runStore, type StoreRunResult } from './run.ts';

const SEEDS = 200;
const STEPS = 60;

test('two hundred seeds: traffic, watches, leases and compaction under every fault', async () => {
  const sum = { acknowledged: 0, revisions: 0, watchEvents: 0, snapshots: 0, failpoints: 0 };
  let damaged = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    let result: StoreRunResult;
    try {
      result = await runStore({ seed, steps: STEPS });
    } catch (err) {
      throw new Error(`repeat with: npm run sim -- --seed ${seed} --steps ${STEPS}`, {
        cause: err,
      });
    }
    sum.acknowledged += result.acknowledged;
    sum.revisions += result.revisions;
    sum.watchEvents += result.watchEvents;
    sum.snapshots += result.snapshots;
    sum.failpoints += result.failpoints;
    damaged += result.damageDetected;
  }
  // The runs must have been about something.
  assert.ok(sum.acknowledged > 100 * SEEDS, JSON.stringify(sum));
  assert.ok(sum.revisions > 50 * SEEDS && sum.watchEvents > 100 * SEEDS, JSON.stringify(sum));
  assert.ok(sum.snapshots > SEEDS / 10 && sum.failpoints > SEEDS / 10, JSON.stringify(sum));
  assert.ok(damaged > 5, `${damaged}`);
});

test('five members, and one alone with its disk', async () => {
  for (let seed = 300; seed < 310; seed += 1) {
    await runStore({ seed, steps: STEPS, members: 5 });
    await runStore({ seed, steps: STEPS, members: 1, spares: 0 });
  }
});

test('the same seed gives the same run', async () => {
  const first = await runStore({ seed: 4711, steps: STEPS });
  assert.deepEqual(await runStore({ seed: 4711, steps: STEPS }), first);
});
