import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@kubets/api';
import { VOLUME_WAIT_MS } from '../limits.ts';
import { testNode } from '../testing/builders.ts';
import { World } from '../testing/world.ts';

const SELECTED = 'volume.kubernetes.io/selected-node';
let world: World;

beforeEach(async () => {
  world = await new World().start();
  await world.node(testNode('node-1'));
});

const claims = () => world.api.resource<PersistentVolumeClaim>('v1', 'persistentvolumeclaims');
const volumes = () => world.api.resource<PersistentVolume>('v1', 'persistentvolumes');

async function storageClass(provisioner: string): Promise<void> {
  await world.api.resource<StorageClass>('storage.k8s.io/v1', 'storageclasses').create({
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'late' } },
    ...{ provisioner, volumeBindingMode: 'WaitForFirstConsumer' },
  });
}

async function claim(name = 'c'): Promise<void> {
  await claims().create({
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
    metadata: { name, namespace: 'default' },
    spec: {
      ...{ accessModes: ['ReadWriteOnce'], storageClassName: 'late' },
      resources: { requests: { storage: '1Gi' } },
    },
  });
  await world.api.settle();
}

async function volume(name: string): Promise<void> {
  const made = await volumes().create({
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name } },
    spec: {
      ...{ accessModes: ['ReadWriteOnce'], storageClassName: 'late' },
      capacity: { storage: '1Gi' },
    },
  });
  await volumes().updateStatus({ ...made, status: { phase: 'Available' } });
  await world.api.settle();
}

/** What the controllers do once a volume is kept for a claim. */
async function bind(name: string, volumeName: string): Promise<void> {
  const found = await claims().get('default', name);
  const annotations = { ...found.metadata.annotations, 'pv.kubernetes.io/bind-completed': 'yes' };
  const next = await claims().update({
    ...found,
    metadata: { ...found.metadata, annotations },
    spec: { ...found.spec, volumeName },
  });
  await claims().updateStatus({ ...next, status: { phase: 'Bound' } });
  await world.api.settle();
}

const pod = (name: string, claimName = 'c'): Promise<void> =>
  world.pod(name, { spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] } });

describe('a pod with a claim that waits for it', () => {
  it('gets a volume kept for it, and its node once the claim is bound', async () => {
    await storageClass('kubernetes.io/no-provisioner');
    await claim();
    await volume('v');
    await pod('p');
    const { spec, metadata } = await volumes().get('', 'v');
    assert.deepEqual([spec?.claimRef?.namespace, spec?.claimRef?.name], ['default', 'c']);
    assert.equal(metadata.annotations?.['pv.kubernetes.io/bound-by-controller'], 'yes');
    assert.equal(await world.nodeOf('p'), undefined);
    await bind('c', 'v');
    assert.equal(await world.nodeOf('p'), 'node-1');
  });

  it('has its provisioner told the node', async () => {
    await storageClass('a.example/b');
    await claim();
    await pod('p');
    const { metadata } = await claims().get('default', 'c');
    assert.equal(metadata.annotations?.[SELECTED], 'node-1');
    await volume('made');
    await bind('c', 'made');
    assert.equal(await world.nodeOf('p'), 'node-1');
  });

  it('is tried again when the provisioner takes the choice back, or nothing comes of it', async () => {
    await storageClass('a.example/b');
    await claim();
    await pod('p');
    const found = await claims().get('default', 'c');
    await claims().update({ ...found, metadata: { ...found.metadata, annotations: {} } });
    await world.api.settle();
    assert.ok(world.events('p').some((event) => event.includes('its choice of node went away')));
    await world.pass(3_000);
    const again = await claims().get('default', 'c');
    assert.equal(again.metadata.annotations?.[SELECTED], 'node-1');
    await world.pass(VOLUME_WAIT_MS);
    assert.ok(world.events('p').some((event) => event.includes('context deadline exceeded')));
  });

  it('does not get what another was given', async () => {
    await storageClass('kubernetes.io/no-provisioner');
    await claim('c');
    await claim('d');
    await volume('v');
    await Promise.all([pod('p', 'c'), pod('q', 'd')]);
    const waiting = ['p', 'q'].filter((name) =>
      world
        .events(name)
        .some((event) => event.includes("didn't find available persistent volumes")),
    );
    assert.equal(waiting.length, 1);
  });

  it('without a claim waits for it', async () => {
    await pod('p');
    assert.equal(await world.nodeOf('p'), undefined);
    await storageClass('a.example/b');
    await claim();
    await world.pass(2_000);
    const { metadata } = await claims().get('default', 'c');
    assert.equal(metadata.annotations?.[SELECTED], 'node-1');
  });
});
