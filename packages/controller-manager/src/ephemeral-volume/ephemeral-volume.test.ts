import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { PersistentVolumeClaim, Pod } from '@kubets/api';
import { TestCluster } from '../testing/cluster.ts';
import { ephemeralVolumeController } from './reconciler.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = new TestCluster({ controllers: (deps) => [ephemeralVolumeController(deps)] });
  cluster.runsPods = false;
  await cluster.start();
});
afterEach(() => cluster.stop());

const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const pod: Pod = {
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' } },
  spec: {
    containers: [{ name: 'c', image: 'i' }],
    volumes: [
      { name: 'plain', emptyDir: {} },
      {
        name: 'own',
        ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec } },
      },
    ],
  },
};
const claims = (): PersistentVolumeClaim[] => cluster.list('persistentvolumeclaims');

describe('a volume that a pod has for itself', () => {
  it('gets a claim of its own, owned by the pod', async () => {
    await cluster.create('pods', pod);
    await cluster.settle();
    const [claim, ...more] = claims();
    assert.equal(more.length, 0);
    assert.deepEqual([claim?.metadata.name, claim?.metadata.labels], ['p-own', { a: 'b' }]);
    assert.deepEqual(claim?.spec, spec);
    const [owner] = claim?.metadata.ownerReferences ?? [];
    const { uid } = cluster.get('pods', 'p').metadata;
    assert.deepEqual([owner?.kind, owner?.uid, owner?.controller], ['Pod', uid, true]);
  });

  it('gets it anew when it went', async () => {
    await cluster.create('pods', pod);
    await cluster.settle();
    await cluster.delete('persistentvolumeclaims', 'p-own');
    await cluster.settle();
    assert.equal(claims().length, 1);
  });

  it('does not take the claim of somebody else', async () => {
    await cluster.create('persistentvolumeclaims', {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
      metadata: { name: 'p-own', namespace: 'default' },
    });
    await cluster.create('pods', pod);
    await cluster.settle();
    assert.equal(claims()[0]?.metadata.ownerReferences, undefined);
    const why = 'PVC default/p-own was not created for pod default/p (pod is not owner)';
    assert.ok(cluster.events().includes(`FailedCreate: ${why}`));
    await cluster.delete('persistentvolumeclaims', 'p-own');
    await cluster.settle();
    assert.equal(claims()[0]?.metadata.ownerReferences?.[0]?.name, 'p', 'the name is free');
  });
});
