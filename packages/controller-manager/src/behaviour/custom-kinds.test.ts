/** The garbage collector and kinds that are defined while it runs. */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ConfigMap, CustomResourceDefinition, KubeObject } from '@kubets/api';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { nameOf } from '../objects/meta.ts';
import { widgetDefinition } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';

const widget = (name: string): KubeObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name, namespace: 'default' },
});

function map(name: string, owner: KubeObject, apiVersion = 'example.com/v1'): ConfigMap {
  const uid = owner.metadata.uid ?? '';
  const ref = { apiVersion, kind: 'Widget', name: nameOf(owner), uid, blockOwnerDeletion: true };
  const metadata = { name, namespace: 'default', ownerReferences: [ref] };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata };
}

describe('objects of a defined kind', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = new TestCluster({ controllers: (deps) => [garbageCollector(deps)] });
    await cluster.start();
  });
  afterEach(() => cluster.stop());

  const define = () =>
    cluster.api.seed('apiextensions.k8s.io/v1', 'customresourcedefinitions', widgetDefinition());

  it('take their dependents with them, whichever version those name', async () => {
    define();
    const owner = await cluster.create('widgets', widget('w'));
    await cluster.create('configmaps', map('a', owner));
    await cluster.create('configmaps', map('b', owner, 'example.com/v2'));
    await cluster.settle();
    await cluster.delete('widgets', 'w');
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), []);
  });

  it('whose owner was gone before they came do not stay', async () => {
    define();
    const owner = await cluster.create('widgets', widget('w'));
    await cluster.delete('widgets', 'w');
    await cluster.settle();
    await cluster.create('configmaps', map('late', owner));
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), []);
  });

  it('wait for their dependents, or leave them behind, as they are deleted', async () => {
    define();
    const first = await cluster.create('widgets', widget('first'));
    const second = await cluster.create('widgets', widget('second'));
    await cluster.create('configmaps', map('of-first', first));
    await cluster.create('configmaps', map('of-second', second));
    await cluster.settle();
    await cluster.delete('widgets', 'first', 'Foreground');
    await cluster.delete('widgets', 'second', 'Orphan');
    await cluster.settle();
    assert.deepEqual(cluster.names('widgets'), []);
    assert.deepEqual(cluster.names('configmaps'), ['of-second']);
    const { ownerReferences = [] } = cluster.get('configmaps', 'of-second').metadata;
    assert.deepEqual(ownerReferences, []);
  });

  it('go with their definition, and so do their dependents', async () => {
    define();
    const owner = await cluster.create('widgets', widget('w'));
    await cluster.create('configmaps', map('a', owner));
    await cluster.settle();
    await cluster.delete('widgets', 'w');
    await cluster.delete('customresourcedefinitions', 'widgets.example.com');
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), []);
  });

  it('that are served no more keep what they own', async () => {
    define();
    const owner = await cluster.create('widgets', widget('w'));
    await cluster.create('configmaps', map('a', owner));
    await cluster.settle();
    await cluster.change<CustomResourceDefinition>(
      'customresourcedefinitions',
      'widgets.example.com',
      ({ spec }) => {
        for (const version of spec.versions) version.served = false;
      },
    );
    await cluster.settle();
    await cluster.change('configmaps', 'a', (object) => {
      object.metadata.labels = { touched: 'yes' };
    });
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['a']);
  });
});
