/** A few faults of real members; `chaos-main.ts` makes many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChaosResult, planOf, runChaos } from './chaos.ts';
import { whyNoMachineFaults } from './commands.ts';

function checkAbout(result: ChaosResult): void {
  assert.ok(result.acknowledged > 50 && result.watchEvents > 50, JSON.stringify(result));
}

test('faults come as often as wanted, mixed', () => {
  assert.deepEqual(planOf({ kill: 2, full: 1 }), ['kill', 'full', 'kill']);
  assert.deepEqual(planOf({}), []);
});

test('the leader is killed, and stopped, and no acknowledged write is lost', async () => {
  const result = await runChaos({ faults: { kill: 3, pause: 1 } });
  assert.equal(result.withoutWrites.kill?.count, 3);
  checkAbout(result);
});

const why = whyNoMachineFaults();
// Where everything must be tested, a machine that cannot be broken is a failure.
const skip = why !== undefined && process.env.CI !== 'true' ? `SKIPPED: ${why}` : false;

test('the leader is cut off, and its disk slow and full, and no acknowledged write is lost', {
  skip,
}, async () => {
  const result = await runChaos({ faults: { partition: 1, slow: 1, full: 1 } });
  assert.deepEqual(Object.keys(result.withoutWrites).sort(), ['full', 'partition', 'slow']);
  checkAbout(result);
});
