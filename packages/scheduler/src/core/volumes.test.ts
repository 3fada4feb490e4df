import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type {
  CSIStorageCapacity,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  StorageClass,
  Volume,
} from '@kubets/api';
import { TestCluster, testNode, testPod } from '../testing/builders.ts';
import { claimsOf, NO_SPACE, NO_VOLUME, NODE_CONFLICT, planFor, VOLUME_GONE } from './volumes.ts';

let cluster: TestCluster;
beforeEach(() => {
  const zone = (name: string, z: string) => testNode(name, { labels: { zone: z } });
  cluster = new TestCluster([zone('a', 'east'), zone('b', 'west')]);
});

const BOUND = { 'pv.kubernetes.io/bind-completed': 'yes' };

function claim(name: string, more: Partial<PersistentVolumeClaim> = {}): void {
  const { metadata, spec, ...rest } = more;
  cluster.state.volumes.claims.set(`default/${name}`, {
    metadata: { name, namespace: 'default', uid: `uid-${name}`, ...metadata },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    ...rest,
  });
}

const bound = (name: string, volumeName: string): void =>
  claim(name, {
    metadata: { annotations: BOUND },
    spec: { volumeName },
    status: { phase: 'Bound' },
  });

function volume(name: string, zone?: string, spec: PersistentVolumeSpec = {}): PersistentVolume {
  const matchExpressions = [{ key: 'zone', operator: 'In', values: [zone ?? ''] }];
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
  const made: PersistentVolume = {
    metadata: { name },
    spec: {
      ...{ accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, storageClassName: 'late' },
      ...(zone !== undefined && { nodeAffinity }),
      ...spec,
    },
    status: { phase: 'Available' },
  };
  cluster.state.volumes.volumes.set(name, made);
  return made;
}

function storageClass(name: string, more: Partial<StorageClass> = {}): void {
  cluster.state.volumes.classes.set(name, {
    metadata: { name },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
    ...more,
  });
}

const pod = (...claimNames: string[]) =>
  testPod('p', {
    spec: {
      volumes: claimNames.map((claimName) => ({
        name: claimName,
        persistentVolumeClaim: { claimName },
      })),
    },
  });
const explained = (...names: string[]): string => cluster.explain(pod(...names));

describe('a pod with claims', () => {
  it('runs where its volumes are', () => {
    bound('c', 'v');
    volume('v', 'west');
    assert.equal(cluster.choose(pod('c')), 'b');
    volume('v');
    assert.ok(cluster.choose(pod('c')));
  });

  it('does not run where they are not', () => {
    bound('c', 'v');
    volume('v', 'north');
    assert.ok(explained('c').startsWith(`0/2 nodes are available: 2 ${NODE_CONFLICT}.`));
    cluster.state.volumes.volumes.clear();
    assert.ok(explained('c').startsWith(`0/2 nodes are available: 2 ${VOLUME_GONE}.`));
  });

  const general: [string, () => void, string][] = [
    ['that is not there', () => undefined, 'persistentvolumeclaim "c" not found'],
    [
      'that goes',
      () => claim('c', { metadata: { deletionTimestamp: 't' } }),
      'persistentvolumeclaim "c" is being deleted',
    ],
    [
      'that lost its volume',
      () => claim('c', { spec: { volumeName: 'v' }, status: { phase: 'Lost' } }),
      'persistentvolumeclaim "c" bound to non-existent persistentvolume "v"',
    ],
    [
      'that is to be bound at once',
      () => claim('c'),
      'pod has unbound immediate PersistentVolumeClaims',
    ],
  ];
  for (const [what, prepare, why] of general) {
    it(`waits for one ${what}`, () => {
      prepare();
      const useless = '0/2 nodes are available: 2 Preemption is not helpful for scheduling.';
      assert.equal(explained('c'), `0/2 nodes are available: ${why}. preemption: ${useless}`);
    });
  }

  it('waits for those it has for itself', () => {
    const own: Volume = { name: 'x', ephemeral: { volumeClaimTemplate: { spec: {} } } };
    const message = cluster.explain(testPod('p', { spec: { volumes: [own] } }));
    const why = 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-x"';
    assert.ok(message.startsWith(`0/2 nodes are available: ${why}.`), message);
  });
});

describe('a claim that waits for its consumer', () => {
  const spec = { storageClassName: 'late' };

  it('is for a node that reaches a volume which fits', () => {
    storageClass('late');
    claim('c', { spec });
    volume('small', 'east', { capacity: { storage: '1Mi' } });
    volume('v', 'west');
    assert.equal(cluster.choose(pod('c')), 'b');
  });

  it('is for none when there is no such volume, or it was given to another just now', () => {
    storageClass('late');
    claim('c', { spec });
    assert.ok(explained('c').startsWith(`0/2 nodes are available: 2 ${NO_VOLUME}.`));
    volume('v', 'west');
    cluster.state.assumedVolumes.set('v', 'uid-other');
    assert.equal(cluster.choose(pod('c')), undefined);
    cluster.state.assumedVolumes.set('v', 'uid-c');
    assert.equal(cluster.choose(pod('c')), 'b');
  });

  it('does not share its volume with another of the pod', () => {
    storageClass('late');
    claim('c', { spec });
    claim('d', { spec });
    volume('v', 'west');
    assert.equal(cluster.choose(pod('c', 'd')), undefined);
    volume('w', 'west');
    assert.equal(cluster.choose(pod('c', 'd')), 'b');
  });

  it('may be for any node its provisioner serves', () => {
    storageClass('late', { provisioner: 'a.example/b' });
    claim('c', { spec });
    assert.ok(cluster.choose(pod('c')));
    const east = [{ matchLabelExpressions: [{ key: 'zone', values: ['east'] }] }];
    storageClass('late', { provisioner: 'a.example/b', allowedTopologies: east });
    assert.equal(cluster.choose(pod('c')), 'a');
  });

  it('has a plan: volumes that are there first, then new ones', () => {
    storageClass('late', { provisioner: 'a.example/b' });
    claim('c', { spec });
    claim('d', { spec });
    volume('v', 'west');
    const { volumes, table } = cluster.state;
    const claims = claimsOf(cluster.info(pod('c', 'd')), volumes);
    assert.ok(typeof claims !== 'string');
    const planOn = (node: string): unknown => {
      const entry = table.byName(node);
      assert.ok(entry);
      const plan = planFor(claims, entry, volumes, () => false);
      if (typeof plan === 'string') return plan;
      const keep = plan.keep.map((one) => [one.claim.metadata.name, one.volume.metadata.name]);
      return [keep, plan.provision.map(({ metadata }) => metadata.name)];
    };
    assert.deepEqual(planOn('b'), [[['c', 'v']], ['d']]);
    assert.deepEqual(planOn('a'), [[], ['c', 'd']]);
  });
});

describe('a driver that tells how much it can still make', () => {
  const capacity = (name: string, zone: string, more: Partial<CSIStorageCapacity>): void => {
    cluster.state.volumes.capacities.set(`default/${name}`, {
      metadata: { name, namespace: 'default' },
      ...{ storageClassName: 'made', nodeTopology: { matchLabels: { zone } } },
      ...more,
    });
  };
  beforeEach(() => {
    storageClass('made', { provisioner: 'd.io' });
    claim('c', { spec: { storageClassName: 'made' } });
    const metadata = { name: 'd.io' };
    cluster.state.volumes.drivers.set('d.io', { metadata, spec: { storageCapacity: true } });
  });

  it('gets pods where it has enough', () => {
    assert.deepEqual(cluster.reasons(pod('c'), 'a'), [NO_SPACE]);
    capacity('east', 'east', { capacity: '512Mi' });
    capacity('west', 'west', { capacity: '1Gi' });
    assert.equal(cluster.choose(pod('c')), 'b');
  });

  it('makes no volume larger than it says', () => {
    capacity('west', 'west', { capacity: '10Gi', maximumVolumeSize: '1Mi' });
    assert.deepEqual(cluster.reasons(pod('c'), 'b'), [NO_SPACE]);
    capacity('other', 'west', { capacity: '10Gi', storageClassName: 'other' });
    assert.deepEqual(cluster.reasons(pod('c'), 'b'), [NO_SPACE]);
  });

  it('is asked for as much as is wanted where it does not', () => {
    cluster.state.volumes.drivers.clear();
    assert.ok(cluster.choose(pod('c')));
  });
});
