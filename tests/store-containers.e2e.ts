/** Three members of the store in containers: killed, frozen, cut off; what clients saw is judged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChaos } from '../packages/etcd/src/testing/chaos/chaos.ts';

const root = process.getuid?.() === 0 || process.env.DOCKER_HOST !== undefined;
const skip =
  root || process.env.CI === 'true' ? false : 'SKIPPED: a docker daemon, or root to start one';

test('no acknowledged write is lost in containers', { skip }, async () => {
  const result = await runChaos({
    faults: { kill: 1, pause: 1, partition: 1 },
    inContainers: true,
  });
  assert.deepEqual(Object.keys(result.withoutWrites).sort(), ['kill', 'partition', 'pause']);
  assert.ok(result.acknowledged > 50 && result.watchEvents > 50, JSON.stringify(result));
});
