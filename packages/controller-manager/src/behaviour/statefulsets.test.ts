import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Pod, StatefulSet } from '@kubets/api';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { nameOf } from '../objects/meta.ts';
import { isReady } from '../objects/pods.ts';
import { statefulSetController } from '../statefulset/reconciler.ts';
import { type ClusterOptions, TestCluster } from '../testing/cluster.ts';

let cluster: TestCluster;

async function start(options: Partial<ClusterOptions> = {}): Promise<void> {
  cluster = new TestCluster({
    controllers: (deps) => [statefulSetController(deps), garbageCollector(deps)],
    ...options,
  });
  await cluster.start();
}

afterEach(() => cluster.stop());

const database = (): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db', namespace: 'default' },
  spec: {
    replicas: 3,
    serviceName: 'db',
    selector: { matchLabels: { app: 'db' } },
    revisionHistoryLimit: 10,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    template: {
      metadata: { labels: { app: 'db' } },
      spec: { containers: [{ name: 'c', image: 'v1' }] },
    },
    volumeClaimTemplates: [{ metadata: { name: 'data' } }],
  },
});

const edit = (change: (set: StatefulSet) => void) =>
  cluster.change<StatefulSet>('statefulsets', 'db', change);
const setImage = (image: string) =>
  edit((set) => {
    const container = set.spec?.template.spec?.containers[0];
    if (container) container.image = image;
  });
const members = (): string[] =>
  cluster
    .list<Pod>('pods')
    .map((p) => `${nameOf(p)}:${p.spec?.containers[0]?.image}`)
    .sort();
const working = (): number => cluster.list<Pod>('pods').filter(isReady).length;

describe('a stateful set', () => {
  it('comes up in order, with claims that stay', async () => {
    await start();
    await cluster.create('statefulsets', database());
    await cluster.until('all members work', () => {
      const names = cluster.names('pods');
      assert.deepEqual(names, ['db-0', 'db-1', 'db-2'].slice(0, names.length));
      return working() === 3;
    });
    await cluster.settle();
    const { status } = cluster.get<StatefulSet>('statefulsets', 'db');
    assert.deepEqual([status?.readyReplicas, status?.currentReplicas], [3, 3]);
    await edit((set) => {
      if (set.spec) set.spec.replicas = 1;
    });
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), ['db-0']);
    assert.deepEqual(cluster.names('persistentvolumeclaims'), [
      'data-db-0',
      'data-db-1',
      'data-db-2',
    ]);
  });

  it('gives a lost member its name back', async () => {
    await start();
    await cluster.create('statefulsets', database());
    await cluster.settle();
    const before = cluster.get('pods', 'db-1').metadata.uid;
    await cluster.delete('pods', 'db-1');
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), ['db-0', 'db-1', 'db-2']);
    assert.notEqual(cluster.get('pods', 'db-1').metadata.uid, before);
  });

  it('makes a failed member anew, and says so', async () => {
    await start();
    await cluster.create('statefulsets', database());
    await cluster.settle();
    const pods = cluster.api.resource<Pod>('v1', 'pods');
    const status = { phase: 'Failed', reason: 'Evicted' };
    await pods.updateStatus({ ...cluster.get<Pod>('pods', 'db-1'), status });
    await cluster.settle();
    assert.equal(working(), 3);
    const told = 'RecreatingFailedPod: StatefulSet default/db is recreating failed Pod db-1';
    assert.ok(cluster.events().includes(told));
    const made = 'SuccessfulCreate: create Claim data-db-0 Pod db-0 in StatefulSet db success';
    assert.ok(cluster.events().includes(made));
  });

  it('gives a member that waits its claim back, and one that it took over its labels', async () => {
    await start();
    await cluster.create('statefulsets', database());
    await cluster.settle();
    const pods = cluster.api.resource<Pod>('v1', 'pods');
    cluster.runsPods = false;
    await pods.updateStatus({ ...cluster.get<Pod>('pods', 'db-1'), status: { phase: 'Pending' } });
    await cluster.delete('persistentvolumeclaims', 'data-db-1');
    await cluster.change<Pod>('pods', 'db-2', ({ metadata }) => {
      metadata.labels = { ...metadata.labels, 'apps.kubernetes.io/pod-index': '' };
    });
    await cluster.settle();
    assert.ok(cluster.has('persistentvolumeclaims', 'data-db-1'));
    const { labels } = cluster.get<Pod>('pods', 'db-2').metadata;
    assert.equal(labels?.['apps.kubernetes.io/pod-index'], '2');
  });

  it('is updated from the highest, one at a time, and remembers how it was', async () => {
    await start({ gracefulPods: true });
    await cluster.create('statefulsets', database());
    await cluster.settle();
    await setImage('v2');
    await cluster.until('all members have the new version', () => {
      assert.ok(cluster.names('pods').length >= 2, 'two members are missing');
      return members().join() === 'db-0:v2,db-1:v2,db-2:v2' && working() === 3;
    });
    await cluster.settle();
    const { status } = cluster.get<StatefulSet>('statefulsets', 'db');
    assert.equal(status?.currentRevision, status?.updateRevision);
    assert.equal(cluster.list('controllerrevisions').length, 2);
  });

  it('stops at a version that does not work', async () => {
    await start();
    await cluster.create('statefulsets', database());
    await cluster.settle();
    cluster.brokenImages.add('bad');
    await setImage('bad');
    await cluster.settle();
    assert.deepEqual(members(), ['db-0:v1', 'db-1:v1', 'db-2:bad']);
  });

  for (const seed of [1, 2, 3]) {
    it(`ends as asked, whoever leads and however late it hears (seed ${seed})`, async () => {
      await start({ lagging: true, seed });
      await cluster.create('statefulsets', database());
      for (let i = 0; i < 40; i++) {
        await cluster.turn(20);
        if (i % 12 === 6) await setImage(`v${i}`);
        if (i % 7 === 3) cluster.failover();
      }
      await setImage('final');
      await cluster.settle();
      assert.deepEqual(members(), ['db-0:final', 'db-1:final', 'db-2:final']);
    });
  }
});

describe('the claims of a stateful set', () => {
  const keeping = (whenScaled: string, whenDeleted: string): StatefulSet => {
    const set = database();
    if (set.spec) set.spec.persistentVolumeClaimRetentionPolicy = { whenScaled, whenDeleted };
    return set;
  };
  const claims = (): string[] => cluster.names('persistentvolumeclaims');
  const scale = (replicas: number) =>
    edit((set) => {
      if (set.spec) set.spec.replicas = replicas;
    });

  async function begin(whenScaled: string, whenDeleted: string): Promise<void> {
    await start();
    await cluster.create('statefulsets', keeping(whenScaled, whenDeleted));
    await cluster.until('all members work', () => working() === 3);
    await cluster.settle();
    assert.deepEqual(claims(), ['data-db-0', 'data-db-1', 'data-db-2']);
  }

  it('go with a member that is scaled away, if asked', async () => {
    await begin('Delete', 'Retain');
    await scale(1);
    await cluster.settle();
    assert.deepEqual(claims(), ['data-db-0']);
    await scale(2);
    await cluster.settle();
    assert.deepEqual(claims(), ['data-db-0', 'data-db-1']);
    await cluster.delete('statefulsets', 'db');
    await cluster.settle();
    assert.deepEqual(claims(), ['data-db-0', 'data-db-1']);
  });

  it('go with the set, if asked', async () => {
    await begin('Retain', 'Delete');
    await scale(1);
    await cluster.settle();
    assert.equal(claims().length, 3);
    await cluster.delete('statefulsets', 'db');
    await cluster.settle();
    assert.deepEqual(claims(), []);
  });

  it('stay with a member that is only replaced, and when the policy is taken back', async () => {
    await begin('Delete', 'Delete');
    await cluster.delete('pods', 'db-1');
    await cluster.settle();
    assert.equal(claims().length, 3);
    await edit((set) => {
      if (set.spec) {
        const whenScaled = 'Retain';
        set.spec.persistentVolumeClaimRetentionPolicy = { whenScaled, whenDeleted: 'Retain' };
      }
    });
    await cluster.settle();
    await cluster.delete('statefulsets', 'db');
    await cluster.settle();
    assert.equal(claims().length, 3);
  });
});
