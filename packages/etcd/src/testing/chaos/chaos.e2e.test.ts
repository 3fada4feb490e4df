/** A few kills of real processes; `chaos-main.ts` makes many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChaos } from './chaos.ts';

test('the leader is killed, and stopped, and no acknowledged write is lost', async () => {
  const result = await runChaos({ kills: 3, pauses: 1 });
  assert.equal(result.kills, 3);
  assert.ok(result.acknowledged > 50 && result.watchEvents > 50, JSON.stringify(result));
});
