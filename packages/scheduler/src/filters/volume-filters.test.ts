/** Cases of the stock plugins about volumes: volumerestrictions, nodevolumelimits, volumezone. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { PersistentVolumeSpec, Volume } from '@kubets/api';
import { type PodDraft, TestCluster, testNode, testPod } from '../testing/builders.ts';

let cluster: TestCluster;
beforeEach(() => {
  cluster = new TestCluster([testNode('a'), testNode('b')]);
});

/** A claim that has a volume of the same name. */
function bound(
  name: string,
  spec: PersistentVolumeSpec = {},
  more: { modes?: string[]; labels?: Record<string, string> } = {},
): void {
  const { volumes } = cluster.state;
  volumes.claims.set(`default/${name}`, {
    metadata: {
      name,
      namespace: 'default',
      annotations: { 'pv.kubernetes.io/bind-completed': 'y' },
    },
    spec: { volumeName: name, accessModes: more.modes ?? ['ReadWriteOnce'] },
    status: { phase: 'Bound' },
  });
  volumes.volumes.set(name, { metadata: { name, labels: more.labels ?? {} }, spec });
}

const withClaims = (name: string, claims: string[], more: PodDraft = {}) => {
  const volumes = claims.map((claimName) => ({
    ...{ name: claimName, persistentVolumeClaim: { claimName } },
  }));
  return testPod(name, { ...more, spec: { ...more.spec, volumes } });
};

describe('a claim for one pod only', () => {
  const IN_USE =
    'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';
  beforeEach(() => bound('one', {}, { modes: ['ReadWriteOncePod'] }));

  it('keeps a second pod from all nodes', () => {
    cluster.place(withClaims('first', ['one']), 'a');
    const why = `0/2 nodes are available: 2 ${IN_USE}.`;
    assert.equal(
      cluster.explain(withClaims('second', ['one'])),
      `${why} preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.`,
    );
  });

  it('lets a pod of another claim be', () => {
    cluster.place(withClaims('first', ['one']), 'a');
    bound('other', {}, { modes: ['ReadWriteOncePod'] });
    assert.ok(cluster.choose(withClaims('second', ['other'])));
  });

  it('is free again when its pod has gone', () => {
    cluster.place(withClaims('first', ['one']), 'a');
    cluster.state.remove('uid-default-first');
    assert.ok(cluster.choose(withClaims('second', ['one'])));
  });

  it('is taken from a less important pod', () => {
    cluster.place(withClaims('first', ['one']), 'a');
    const important = withClaims('second', ['one'], { spec: { priority: 10 } });
    const result = cluster.preempt(important);
    assert.equal(result.outcome === 'found' && result.candidate.node, 'a');
    assert.equal(cluster.explain(important), `0/2 nodes are available: 2 ${IN_USE}.`);
  });
});

describe('disks that one pod writes to', () => {
  const NO_DISK = 'node(s) had no available disk';
  const rbd = { monitors: ['a', 'b'], pool: 'p', image: 'i' };
  const cases: readonly [string, Omit<Volume, 'name'>, Omit<Volume, 'name'>, boolean][] = [
    ['gce', { gcePersistentDisk: { pdName: 'd' } }, { gcePersistentDisk: { pdName: 'd' } }, true],
    [
      'gce, other disks',
      { gcePersistentDisk: { pdName: 'd' } },
      { gcePersistentDisk: { pdName: 'e' } },
      false,
    ],
    [
      'gce, both reading',
      { gcePersistentDisk: { pdName: 'd', readOnly: true } },
      { gcePersistentDisk: { pdName: 'd', readOnly: true } },
      false,
    ],
    [
      'ebs, even reading',
      { awsElasticBlockStore: { volumeID: 'v', readOnly: true } },
      { awsElasticBlockStore: { volumeID: 'v', readOnly: true } },
      true,
    ],
    [
      'iscsi',
      { iscsi: { iqn: 'q', lun: 0, targetPortal: 'x' } },
      { iscsi: { iqn: 'q', lun: 1, targetPortal: 'y' } },
      true,
    ],
    ['rbd with a monitor in common', { rbd }, { rbd: { ...rbd, monitors: ['b', 'c'] } }, true],
    ['rbd without', { rbd }, { rbd: { ...rbd, monitors: ['c'] } }, false],
    ['different kinds', { rbd }, { gcePersistentDisk: { pdName: 'd' } }, false],
  ];
  for (const [what, there, wanted, clash] of cases) {
    it(`${what}: ${clash ? 'another node' : 'any'}`, () => {
      const holds = (volume: Omit<Volume, 'name'>) => ({ volumes: [{ name: 'v', ...volume }] });
      cluster.place(testPod('there', { spec: holds(there) }), 'a');
      const pod = testPod('p', { spec: { ...holds(wanted), nodeSelector: { only: 'a' } } });
      cluster.state.setNode(testNode('a', { labels: { only: 'a' } }));
      assert.deepEqual(cluster.reasons(pod, 'a'), clash ? [NO_DISK] : []);
    });
  }
});

describe('volumes of a driver', () => {
  const TOO_MANY = 'node(s) exceed max volume count';
  const csi = (handle: string, driver = 'd.io') => ({ csi: { driver, volumeHandle: handle } });
  function limit(node: string, count: number, driver = 'd.io'): void {
    const drivers = [{ name: driver, nodeID: node, allocatable: { count } }];
    cluster.state.volumes.csiNodes.set(node, { metadata: { name: node }, spec: { drivers } });
  }
  beforeEach(() => {
    for (const name of ['v1', 'v2', 'v3']) bound(name, csi(name));
    cluster.state.dropNode('b');
  });

  it('are no more than a node can have', () => {
    limit('a', 2);
    cluster.place(withClaims('p1', ['v1']), 'a');
    assert.ok(cluster.choose(withClaims('p2', ['v2'])));
    cluster.place(withClaims('p2', ['v2']), 'a');
    assert.deepEqual(cluster.reasons(withClaims('p3', ['v3']), 'a'), [TOO_MANY]);
  });

  it('count once, however many pods have them', () => {
    limit('a', 1);
    cluster.place(withClaims('p1', ['v1']), 'a');
    assert.ok(cluster.choose(withClaims('p2', ['v1'])));
    assert.deepEqual(cluster.reasons(withClaims('p3', ['v2']), 'a'), [TOO_MANY]);
  });

  it('of a pod count together', () => {
    limit('a', 2);
    assert.ok(cluster.choose(withClaims('p', ['v1', 'v2'])));
    assert.deepEqual(cluster.reasons(withClaims('p', ['v1', 'v2', 'v3']), 'a'), [TOO_MANY]);
  });

  it('of another driver, or without a limit, do not count', () => {
    limit('a', 1, 'other.io');
    cluster.place(withClaims('p1', ['v1']), 'a');
    assert.ok(cluster.choose(withClaims('p2', ['v2'])));
  });

  it('that are attached without a pod count, too', () => {
    limit('a', 1);
    cluster.state.volumes.attachments.set('x', {
      metadata: { name: 'x' },
      spec: { attacher: 'd.io', nodeName: 'a', source: { persistentVolumeName: 'v1' } },
    });
    assert.deepEqual(cluster.reasons(withClaims('p2', ['v2']), 'a'), [TOO_MANY]);
    assert.ok(cluster.choose(withClaims('p1', ['v1'])));
  });

  it('that are still to be made count by their class', () => {
    limit('a', 1);
    const { volumes } = cluster.state;
    volumes.classes.set('late', {
      metadata: { name: 'late' },
      ...{ provisioner: 'd.io', volumeBindingMode: 'WaitForFirstConsumer' },
    });
    volumes.claims.set('default/new', {
      metadata: { name: 'new', namespace: 'default' },
      spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'] },
    });
    assert.ok(cluster.choose(withClaims('p', ['new'])));
    cluster.place(withClaims('p1', ['v1']), 'a');
    assert.deepEqual(cluster.reasons(withClaims('p', ['new']), 'a'), [TOO_MANY]);
  });
});

describe('volumes with the label of a zone', () => {
  const ZONE = 'topology.kubernetes.io/zone';
  const OLD = 'failure-domain.beta.kubernetes.io/zone';
  const NO_ZONE = ['node(s) had no available volume zone'];
  const cases: readonly [string, Record<string, string>, Record<string, string>, boolean][] = [
    ['in the zone of the node', { [ZONE]: 'x' }, { [ZONE]: 'x' }, true],
    ['in another', { [ZONE]: 'y' }, { [ZONE]: 'x' }, false],
    ['in several', { [ZONE]: 'y__x' }, { [ZONE]: 'x' }, true],
    ['by the older label', { [OLD]: 'x' }, { [OLD]: 'x' }, true],
    ['by the older label, on a node with the newer one', { [OLD]: 'x' }, { [ZONE]: 'x' }, true],
    ['on a node that says nothing', { [ZONE]: 'x' }, {}, true],
    [
      'on a node that says its region only',
      { [ZONE]: 'x' },
      { 'topology.kubernetes.io/region': 'r' },
      false,
    ],
    ['that says nothing', {}, { [ZONE]: 'x' }, true],
  ];
  for (const [what, labels, node, fits] of cases) {
    it(`${what}: ${fits}`, () => {
      bound('v', {}, { labels });
      cluster.state.dropNode('b');
      cluster.state.setNode(testNode('a', { labels: node }));
      assert.deepEqual(cluster.reasons(withClaims('p', ['v']), 'a'), fits ? [] : NO_ZONE);
    });
  }
});
