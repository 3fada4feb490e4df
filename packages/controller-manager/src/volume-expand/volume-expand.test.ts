import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim } from '@kubets/api';
import { TestCluster } from '../testing/cluster.ts';
import { volumeExpandController } from './reconciler.ts';

const TOLD = 'ExternalExpanding: waiting for an external controller to expand this PVC';
let cluster: TestCluster;
beforeEach(async () => {
  cluster = new TestCluster({ controllers: (deps) => [volumeExpandController(deps)] });
  await cluster.start();
});
afterEach(() => cluster.stop());

async function bound(phase = 'Bound', keptFor?: string): Promise<void> {
  const claim: PersistentVolumeClaim = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
    metadata: { name: 'c', namespace: 'default' },
    spec: { volumeName: 'v', resources: { requests: { storage: '1Gi' } } },
  };
  const { metadata } = await cluster.create('persistentvolumeclaims', claim);
  const uid = keptFor ?? metadata.uid;
  const volume: PersistentVolume = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v' } },
    spec: { capacity: { storage: '1Gi' }, claimRef: uid === undefined ? {} : { uid } },
  };
  await cluster.create('persistentvolumes', volume);
  const api = cluster.api.resource<PersistentVolumeClaim>('v1', 'persistentvolumeclaims');
  const status = { phase, capacity: { storage: '1Gi' } };
  await api.updateStatus({ ...cluster.get('persistentvolumeclaims', 'c'), status });
  await cluster.settle();
}

const grow = async (storage: string): Promise<void> => {
  await cluster.change<PersistentVolumeClaim>('persistentvolumeclaims', 'c', ({ spec }) => {
    if (spec) spec.resources = { requests: { storage } };
  });
  await cluster.settle();
};

describe('a claim that asks for more', () => {
  it('is told who is waited for', async () => {
    await bound();
    assert.deepEqual(cluster.events(), []);
    await grow('2Gi');
    assert.deepEqual(cluster.events(), [TOLD]);
  });

  it('is not looked at before it is bound, nor where the volume is another’s', async () => {
    await bound('Pending');
    await grow('2Gi');
    assert.deepEqual(cluster.events(), []);
  });

  it('says nothing of a volume that is another’s', async () => {
    await bound('Bound', 'somebody');
    await grow('2Gi');
    assert.deepEqual(cluster.events(), []);
  });
});
