import assert from 'node:assert/strict';
import { it } from 'node:test';
import { preferredNodes } from './node-match.ts';

const node = { name: 'node-1', labels: { zone: 'a' } };

it('keeps the weights of what is preferred', () => {
  const preferred = [
    { weight: 5, preference: { matchExpressions: [{ key: 'zone', operator: 'Exists' }] } },
    { weight: 0, preference: {} },
  ];
  const found = preferredNodes({
    containers: [],
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } },
  });
  assert.deepEqual(
    found.map(({ weight, matches }) => [weight, matches(node)]),
    [[5, true]],
  );
});
