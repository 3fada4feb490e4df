/** Owners that are not where their dependents look for them. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import type { ConfigMap, OwnerReference } from '@kubets/api';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { TestCluster } from '../testing/cluster.ts';

let cluster: TestCluster;
afterEach(() => cluster.stop());

const map = (name: string, namespace: string, owners: OwnerReference[] = []): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, ownerReferences: owners },
});

it('owners in another namespace do not count, which is said, though they are known before', async () => {
  cluster = new TestCluster({ controllers: (deps) => [garbageCollector(deps)] });
  await cluster.start();
  const owner = await cluster.create<ConfigMap>('configmaps', map('owner', 'default'));
  const uid = owner.metadata.uid ?? '';
  await cluster.settle();
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid };
  await cluster.create('configmaps', map('near', 'default', [ref]));
  await cluster.create('configmaps', map('misnamed', 'default', [{ ...ref, name: 'another' }]));
  await cluster.create('configmaps', map('far', 'other', [ref]));
  await cluster.settle();
  assert.deepEqual(cluster.names('configmaps').sort(), ['near', 'owner']);
  const where = `[v1/ConfigMap, namespace: other, name: owner, uid: ${uid}]`;
  const told = `OwnerRefInvalidNamespace: ownerRef ${where} does not exist in namespace "other"`;
  assert.deepEqual(cluster.events(), [told]);
});
