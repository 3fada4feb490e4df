/** Which writes may leave for the store a moment later, with others. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Store } from '../storage/store.ts';
import { make, targetOf } from '../testing/index.ts';
import { useScene } from '../testing/scene.ts';

const s = useScene();

/** Renews a lease. @returns whether the write was one that may wait */
async function renewed(namespace: string): Promise<boolean> {
  const { store }: { store: Store } = s.t;
  const metadata = { name: 'n', namespace };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata };
  const { metadata: made } = await make(s.t, lease);
  const patience: boolean[] = [];
  const swap = store.swap.bind(store);
  store.swap = (key, value, expected, o) => {
    patience.push(o?.mayWait === true);
    return swap(key, value, expected, o);
  };
  const spec = { renewTime: '2026-01-01T00:00:00.000000Z' };
  const next = { ...lease, metadata: { ...metadata, resourceVersion: made.resourceVersion }, spec };
  await s.put(targetOf('coordination.k8s.io/v1', 'Lease', metadata), next);
  assert.equal(patience.length, 1);
  return patience[0] === true;
}

it('a node that renews its lease may wait a moment', async () => {
  assert.equal(await renewed('kube-node-lease'), true);
});

it('one who holds a lock by a lease may not', async () => {
  assert.equal(await renewed('default'), false);
});
