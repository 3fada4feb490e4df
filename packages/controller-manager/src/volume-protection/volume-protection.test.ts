import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '@kubets/api';
import { TestCluster } from '../testing/cluster.ts';
import {
  CLAIM_FINALIZER,
  claimProtection,
  usesClaim,
  VOLUME_FINALIZER,
  volumeProtection,
} from './reconciler.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = new TestCluster({
    controllers: (deps) => [claimProtection(deps), volumeProtection(deps)],
  });
  await cluster.start();
});
afterEach(() => cluster.stop());

const claim = (finalizers?: string[]): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'c', namespace: 'default', ...(finalizers && { finalizers }) },
});

const volume = (phase: string): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'v', finalizers: [VOLUME_FINALIZER] },
  status: { phase },
});

function pod(volumes: Volume[], nodeName?: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }], volumes, ...(nodeName && { nodeName }) },
  };
}
const MOUNT: Volume = { name: 'x', persistentVolumeClaim: { claimName: 'c' } };

describe('a claim', () => {
  it('that nobody uses goes when it is deleted', async () => {
    await cluster.create('persistentvolumeclaims', claim([CLAIM_FINALIZER]));
    await cluster.delete('persistentvolumeclaims', 'c');
    await cluster.settle();
    assert.equal(cluster.has('persistentvolumeclaims', 'c'), false);
  });

  it('stays until the last pod that uses it has gone', async () => {
    await cluster.create('persistentvolumeclaims', claim([CLAIM_FINALIZER]));
    await cluster.create('pods', pod([MOUNT], 'n1'));
    await cluster.delete('persistentvolumeclaims', 'c');
    await cluster.settle();
    assert.ok(cluster.has('persistentvolumeclaims', 'c'));
    await cluster.delete('pods', 'p');
    await cluster.settle();
    assert.equal(cluster.has('persistentvolumeclaims', 'c'), false);
  });

  it('gets the finalizer if it is older, and keeps those of others', async () => {
    await cluster.create('persistentvolumeclaims', claim(['example.com/mine']));
    await cluster.settle();
    const finalizers = () => cluster.get('persistentvolumeclaims', 'c').metadata.finalizers;
    assert.deepEqual(finalizers(), ['example.com/mine', CLAIM_FINALIZER]);
    await cluster.delete('persistentvolumeclaims', 'c');
    await cluster.settle();
    assert.deepEqual(finalizers(), ['example.com/mine']);
  });

  it('is used by pods on a node that name it, or have it for themselves', () => {
    assert.equal(usesClaim(pod([MOUNT], 'n1'), 'c'), true);
    assert.equal(usesClaim(pod([MOUNT]), 'c'), false);
    assert.equal(usesClaim(pod([MOUNT], 'n1'), 'other'), false);
    const own: Volume = { name: 'x', ephemeral: { volumeClaimTemplate: { spec: {} } } };
    assert.equal(usesClaim(pod([own], 'n1'), 'p-x'), true);
    assert.equal(usesClaim(pod([own], 'n1'), 'x'), false);
  });
});

describe('a volume', () => {
  for (const [phase, goes] of [
    ['Available', true],
    ['Released', true],
    ['Bound', false],
  ] as const) {
    it(`that is ${phase} ${goes ? 'goes' : 'stays'} when it is deleted`, async () => {
      cluster.api.seed('v1', 'persistentvolumes', volume(phase));
      await cluster.delete('persistentvolumes', 'v');
      await cluster.settle();
      assert.equal(cluster.has('persistentvolumes', 'v'), !goes);
    });
  }
});
