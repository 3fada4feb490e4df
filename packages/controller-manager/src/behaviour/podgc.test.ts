/** Pods that nothing else removes, and what their last state says. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { podGcController } from '../podgc/reconciler.ts';
import { node } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';

const KEPT = 'example.org/keep';
let cluster: TestCluster;
afterEach(() => cluster.stop());

/** A pod whose object stays when it is deleted, so that its last state can be read. */
const lingering = (name: string, nodeName?: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', finalizers: [KEPT] },
  spec: { containers: [{ name: 'c', image: 'v1' }], ...(nodeName ? { nodeName } : {}) },
});

it('pods whose node is gone were disrupted; those that were leaving anyway have only failed', async () => {
  cluster = new TestCluster({ controllers: (deps) => [podGcController(deps)] });
  await cluster.start();
  const taint = { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' };
  cluster.addNode(node('dead', { ready: 'Unknown', taints: [taint] }));
  await cluster.create('pods', lingering('orphan', 'gone'));
  await cluster.create('pods', lingering('leaving', 'dead'));
  await cluster.create('pods', lingering('unbound'));
  await cluster.delete('pods', 'leaving');
  await cluster.delete('pods', 'unbound');
  for (let s = 0; s < 120; s += 10) await cluster.turn(10_000);
  const said = (name: string): unknown => {
    const { phase, conditions = [] } = cluster.get<Pod>('pods', name).status ?? {};
    const disrupted = conditions.find(({ type }) => type === 'DisruptionTarget');
    return [phase, disrupted?.reason, disrupted?.message];
  };
  assert.deepEqual(said('orphan'), ['Failed', 'DeletionByPodGC', 'PodGC: node no longer exists']);
  assert.deepEqual(said('leaving'), ['Failed', undefined, undefined]);
  assert.deepEqual(said('unbound'), ['Failed', undefined, undefined]);
});
