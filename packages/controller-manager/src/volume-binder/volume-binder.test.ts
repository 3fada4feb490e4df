import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
  StorageClass,
} from '@kubets/api';
import { TestCluster } from '../testing/cluster.ts';
import { volumeBinder } from './reconciler.ts';

let cluster: TestCluster;
let removed: string[];
beforeEach(async () => {
  removed = [];
  const remove = async (path: string): Promise<void> => {
    if (path.includes('locked')) throw new Error(`rm ${path}: not permitted`);
    removed.push(path);
  };
  cluster = new TestCluster({ controllers: (deps) => [volumeBinder(deps, remove)] });
  await cluster.start();
});
afterEach(() => cluster.stop());

const claims = 'persistentvolumeclaims';
const volumes = 'persistentvolumes';

async function claim(spec: PersistentVolumeClaimSpec = {}, name = 'c'): Promise<void> {
  await cluster.create<PersistentVolumeClaim>(claims, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
    metadata: { name, namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  });
}

async function volume(spec: PersistentVolumeSpec = {}, name = 'v', metadata = {}): Promise<void> {
  await cluster.create<PersistentVolume>(volumes, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume' },
    metadata: { name, ...metadata },
    spec: {
      ...{ accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } },
      ...{ hostPath: { path: '/data' }, persistentVolumeReclaimPolicy: 'Retain', ...spec },
    },
  });
}

async function storageClass(name: string, more: Partial<StorageClass> = {}): Promise<void> {
  await cluster.create<StorageClass>('storageclasses', {
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' },
    metadata: { name },
    provisioner: 'kubernetes.io/no-provisioner',
    ...more,
  });
}

const theClaim = (name = 'c'): PersistentVolumeClaim => cluster.get(claims, name);
const theVolume = (name = 'v'): PersistentVolume => cluster.get(volumes, name);
const phases = (): unknown[] => [theClaim().status?.phase, theVolume().status?.phase];

describe('a claim and a volume that fits', () => {
  for (const order of ['claim', 'volume'] as const) {
    it(`come together when the ${order} was first`, async () => {
      await (order === 'claim' ? claim() : volume());
      await cluster.settle();
      assert.equal(order === 'claim' ? theClaim().status?.phase : 'Pending', 'Pending');
      if (order === 'volume') assert.equal(theVolume().status?.phase, 'Available');
      await (order === 'claim' ? volume() : claim());
      await cluster.settle();
      assert.deepEqual(phases(), ['Bound', 'Bound']);
      const { metadata, spec, status } = theClaim();
      assert.equal(spec?.volumeName, 'v');
      assert.deepEqual(metadata.annotations, {
        'pv.kubernetes.io/bind-completed': 'yes',
        'pv.kubernetes.io/bound-by-controller': 'yes',
      });
      assert.deepEqual(status?.accessModes, ['ReadWriteOnce']);
      assert.deepEqual(status?.capacity, { storage: '2Gi' });
      const { claimRef } = theVolume().spec ?? {};
      assert.deepEqual(
        [claimRef?.namespace, claimRef?.name, claimRef?.uid],
        ['default', 'c', metadata.uid],
      );
    });
  }

  it('come together once, however many claims there are', async () => {
    await claim({}, 'a');
    await claim({}, 'b');
    await volume();
    await cluster.settle();
    const bound = ['a', 'b'].filter((name) => theClaim(name).status?.phase === 'Bound');
    assert.equal(bound.length, 1);
  });

  it('go on where a process ended in the middle', async () => {
    await claim();
    await cluster.settle();
    await volume();
    for (let i = 0; i < 8; i += 1) {
      await cluster.turn();
      cluster.failover();
    }
    await cluster.settle();
    assert.deepEqual(phases(), ['Bound', 'Bound']);
  });
});

describe('a claim for one volume', () => {
  it('gets it, and is not said to be bound by the controller', async () => {
    await volume();
    await volume({}, 'w');
    await claim({ volumeName: 'w' });
    await cluster.settle();
    assert.equal(theVolume('w').spec?.claimRef?.name, 'c');
    assert.equal(theVolume('v').status?.phase, 'Available');
    const { annotations } = theClaim().metadata;
    assert.deepEqual(annotations, { 'pv.kubernetes.io/bind-completed': 'yes' });
  });

  it("does not get one that does not fit, or is another's", async () => {
    await volume({ capacity: { storage: '1Mi' } });
    await volume({ claimRef: { namespace: 'default', name: 'other' } }, 'w');
    await claim({ volumeName: 'v' });
    await claim({ volumeName: 'w' }, 'd');
    await claim({ volumeName: 'nope' }, 'e');
    await cluster.settle();
    assert.deepEqual(
      ['c', 'd', 'e'].map((name) => theClaim(name).status?.phase),
      Array(3).fill('Pending'),
    );
    assert.ok(
      cluster
        .events()
        .includes('VolumeMismatch: Cannot bind to requested volume "v": requested PV is too small'),
    );
    assert.ok(
      cluster.events().includes('FailedBinding: volume "w" already bound to a different claim.'),
    );
  });

  it('is the one that the volume is kept for', async () => {
    await volume({ claimRef: { namespace: 'default', name: 'c' } });
    await claim({}, 'other');
    await claim();
    await cluster.settle();
    assert.deepEqual(phases(), ['Bound', 'Bound']);
    assert.equal(theClaim('other').status?.phase, 'Pending');
    assert.equal(
      theVolume().metadata.annotations?.['pv.kubernetes.io/bound-by-controller'],
      undefined,
    );
  });
});

describe('a volume whose claim went', () => {
  const cases: readonly [PersistentVolumeSpec, string, string?][] = [
    [{}, 'Released'],
    [
      { persistentVolumeReclaimPolicy: 'Delete', csi: { driver: 'd', volumeHandle: 'h' } },
      'Released',
    ],
    [{ persistentVolumeReclaimPolicy: 'Delete' }, 'Failed', 'VolumeFailedDelete'],
    [{ persistentVolumeReclaimPolicy: 'Recycle' }, 'Failed', 'VolumeFailedRecycle'],
  ];
  for (const [spec, phase, reason] of cases) {
    it(`is ${phase} with ${spec.persistentVolumeReclaimPolicy ?? 'Retain'} ${spec.csi ? 'of a driver' : ''}`, async () => {
      await volume(spec);
      await claim();
      await cluster.settle();
      await cluster.delete(claims, 'c');
      await cluster.settle();
      assert.equal(theVolume().status?.phase, phase);
      if (reason) assert.ok(cluster.events().some((event) => event.startsWith(`${reason}: `)));
      // It stays another's: a new claim of the name does not get the data of the old one.
      await claim();
      await cluster.settle();
      assert.equal(theClaim().status?.phase, 'Pending');
    });
  }
});

describe('a directory of this machine whose claim went', () => {
  const gone = async (path: string): Promise<void> => {
    await volume({ persistentVolumeReclaimPolicy: 'Delete', hostPath: { path } });
    await claim();
    await cluster.settle();
    await cluster.delete(claims, 'c');
    await cluster.settle();
  };
  const failed = 'VolumeFailedDelete: ';

  it('is deleted where such volumes may be, and the volume with it', async () => {
    await gone('/tmp/volumes/a');
    assert.deepEqual(removed, ['/tmp/volumes/a']);
    assert.equal(cluster.has(volumes, 'v'), false);
  });

  it('stays where the way to it leads elsewhere', async () => {
    await gone('/tmp/a/../../etc');
    assert.deepEqual(removed, []);
  });

  it('stays anywhere else', async () => {
    await gone('/data');
    assert.deepEqual(removed, []);
    assert.equal(theVolume().status?.phase, 'Failed');
    const why = 'host_path deleter only supports /tmp/.+ but received provided /data';
    assert.ok(cluster.events().includes(failed + why));
  });

  it('leaves a volume that says why when it cannot be deleted', async () => {
    await gone('/tmp/locked');
    assert.equal(theVolume().status?.message, 'rm /tmp/locked: not permitted');
    assert.ok(cluster.events().includes(`${failed}rm /tmp/locked: not permitted`));
  });
});

describe('a claim that was bound', () => {
  it('lets go of a volume that is protected while it is bound, and of one that goes already', async () => {
    for (const isGoing of [false, true]) {
      const name = isGoing ? 'w' : 'v';
      const more = { finalizers: ['kubernetes.io/pv-protection'] };
      const spec = { hostPath: { path: `/tmp/${name}` }, persistentVolumeReclaimPolicy: 'Delete' };
      await volume(spec, name, more);
      await claim({}, name);
      await cluster.settle();
      assert.equal(theVolume(name).status?.phase, 'Bound');
      if (isGoing) await cluster.delete(volumes, name);
      await cluster.delete(claims, name);
      await cluster.settle();
      assert.equal(theVolume(name).status?.phase, 'Released');
      assert.ok(theVolume(name).metadata.deletionTimestamp);
    }
    assert.deepEqual(removed, ['/tmp/v'], 'data of what others delete stays');
  });

  it('is lost with its volume', async () => {
    await volume();
    await claim();
    await cluster.settle();
    await cluster.delete(volumes, 'v');
    await cluster.settle();
    assert.equal(theClaim().status?.phase, 'Lost');
    assert.ok(
      cluster
        .events()
        .includes(
          'ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
        ),
    );
  });

  it('leaves a volume that was kept for it in vain', async () => {
    await volume();
    await claim();
    await cluster.settle();
    const { claimRef } = theVolume().spec ?? {};
    const annotations = { 'pv.kubernetes.io/bound-by-controller': 'yes' };
    await volume({ claimRef: claimRef ?? {} }, 'w', { annotations });
    await cluster.settle();
    assert.equal(theVolume('w').spec?.claimRef, undefined);
    assert.equal(theVolume('w').status?.phase, 'Available');
    assert.equal(theVolume('v').status?.phase, 'Bound');
  });
});

describe('a claim without a volume', () => {
  const said = (start: string): boolean =>
    cluster.events().some((event) => event.startsWith(start));

  it('of no class says so', async () => {
    await claim({ storageClassName: '' });
    await cluster.settle();
    assert.ok(
      said(
        'FailedBinding: no persistent volumes available for this claim and no storage class is set',
      ),
    );
  });

  it('of a class that is not there says so, and is looked at when it comes', async () => {
    await claim({ storageClassName: 's' });
    await cluster.settle();
    assert.ok(said('ProvisioningFailed: storageclass.storage.k8s.io "s" not found'));
    await storageClass('s', { provisioner: 'a.example/b' });
    await cluster.settle();
    assert.ok(
      said(
        "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'a.example/b'",
      ),
    );
    assert.deepEqual(theClaim().metadata.annotations, {
      'volume.kubernetes.io/storage-provisioner': 'a.example/b',
      'volume.beta.kubernetes.io/storage-provisioner': 'a.example/b',
    });
  });

  it('of a class that waits for a consumer waits, though there is a volume, until one is kept for it', async () => {
    await storageClass('s', { volumeBindingMode: 'WaitForFirstConsumer' });
    await volume({ storageClassName: 's' });
    await claim({ storageClassName: 's' });
    await cluster.settle();
    assert.equal(theClaim().status?.phase, 'Pending');
    assert.ok(
      said('WaitForFirstConsumer: waiting for first consumer to be created before binding'),
    );
    await cluster.change<PersistentVolume>(volumes, 'v', (one) => {
      one.spec = { ...one.spec, claimRef: { namespace: 'default', name: 'c' } };
    });
    await cluster.settle();
    assert.deepEqual(phases(), ['Bound', 'Bound']);
  });

  it('gets the default class, the newest of several', async () => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    await claim();
    await cluster.settle();
    await storageClass('old', { metadata: { name: 'old', annotations } });
    await cluster.settle();
    assert.equal(theClaim().spec?.storageClassName, 'old');
    await cluster.turn(5_000);
    await storageClass('new', { metadata: { name: 'new', annotations } });
    await cluster.settle();
    await claim({}, 'd');
    await claim({ storageClassName: '' }, 'e');
    await cluster.settle();
    assert.equal(theClaim('d').spec?.storageClassName, 'new');
    assert.equal(theClaim('e').spec?.storageClassName, '');
  });
});
