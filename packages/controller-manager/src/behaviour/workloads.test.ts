import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Deployment, Pod, ReplicaSet, ReplicationController } from '@kubets/api';
import { ApiError } from '@kubets/api';
import { seededRandom } from '@kubets/platform';
import { deploymentController } from '../deployment/reconciler.ts';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { controllerRefOf, isDeleting, nameOf } from '../objects/meta.ts';
import { isReady } from '../objects/pods.ts';
import { REPLICA_SET, REPLICATION_CONTROLLER } from '../replicaset/kinds.ts';
import { replicaController } from '../replicaset/reconciler.ts';
import { deployment, replicaSet } from '../testing/builders.ts';
import { type ClusterOptions, TestCluster } from '../testing/cluster.ts';

let cluster: TestCluster;

function start(options: Partial<ClusterOptions> = {}): TestCluster {
  cluster = new TestCluster({
    controllers: (deps) => [
      deploymentController(deps),
      replicaController(deps, REPLICA_SET),
      replicaController(deps, REPLICATION_CONTROLLER),
      garbageCollector(deps),
    ],
    ...options,
  });
  return cluster;
}

afterEach(() => cluster.stop());

/** A deployment as a user sends it: the server gives uid and times. */
function web(spec: Parameters<typeof deployment>[1] = {}): Deployment {
  const made = deployment('web', spec);
  return { ...made, metadata: { name: 'web', namespace: 'default' } };
}

function app(name: string, replicas: number): ReplicaSet {
  const { apiVersion, kind, spec } = replicaSet(name);
  const wanted = { ...spec, selector: spec?.selector ?? {}, replicas };
  return { apiVersion, kind, metadata: { name, namespace: 'default' }, spec: wanted };
}

const setImage = (image: string) =>
  cluster.change<Deployment>('deployments', 'web', (d) => {
    const container = d.spec?.template.spec?.containers[0];
    if (container) container.image = image;
  });

const images = (): string[] =>
  cluster
    .list<Pod>('pods')
    .filter((pod) => !isDeleting(pod))
    .map((pod) => pod.spec?.containers[0]?.image ?? '')
    .sort();

const livePods = (): Pod[] => cluster.list<Pod>('pods').filter((pod) => !isDeleting(pod));

describe('a deployment', () => {
  it('becomes pods, and reports them', async () => {
    await start().start();
    await cluster.create('deployments', web({ replicas: 3 }));
    await cluster.settle();
    const [rs] = cluster.list<ReplicaSet>('replicasets');
    assert.ok(rs);
    const hash = rs.metadata.labels?.['pod-template-hash'];
    assert.equal(nameOf(rs), `web-${hash}`);
    const pods = cluster.list<Pod>('pods');
    assert.equal(pods.length, 3);
    assert.ok(pods.every((p) => nameOf(p).startsWith(`${nameOf(rs)}-`)));
    assert.ok(pods.every((p) => controllerRefOf(p)?.uid === rs.metadata.uid));
    const { status } = cluster.get<Deployment>('deployments', 'web');
    assert.equal(status?.availableReplicas, 3);
    assert.equal(
      status?.conditions?.find((c) => c.type === 'Progressing')?.reason,
      'NewReplicaSetAvailable',
    );
    const events = cluster.events();
    assert.ok(
      events.includes(`ScalingReplicaSet: Scaled up replica set ${nameOf(rs)} from 0 to 3`),
    );
    assert.equal(events.filter((e) => e.startsWith('SuccessfulCreate: Created pod: ')).length, 3);
  });

  it('keeps the generation its user gave it: the revision is noted with the status', async () => {
    await start().start();
    await cluster.create('deployments', web({ replicas: 1 }));
    await cluster.settle();
    const { metadata, status } = cluster.get<Deployment>('deployments', 'web');
    assert.equal(metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
    assert.deepEqual([metadata.generation, status?.observedGeneration], [1, 1]);
  });

  it('rolls over to a new version and back, keeping its history', async () => {
    await start().start();
    await cluster.create('deployments', web({ replicas: 3 }));
    await cluster.settle();
    await setImage('v2');
    await cluster.settle();
    assert.deepEqual(images(), ['v2', 'v2', 'v2']);
    assert.equal(cluster.list('replicasets').length, 2);
    await setImage('v1');
    await cluster.settle();
    assert.deepEqual(images(), ['v1', 'v1', 'v1']);
    assert.equal(cluster.list('replicasets').length, 2);
    const annotations = cluster.get('deployments', 'web').metadata.annotations;
    assert.equal(annotations?.['deployment.kubernetes.io/revision'], '3');
  });

  it('replaces a deleted pod, and a killed one', async () => {
    await start().start();
    await cluster.create('deployments', web({ replicas: 2 }));
    await cluster.settle();
    const [first, second] = cluster.names('pods');
    await cluster.delete('pods', first ?? '');
    const api = cluster.api.resource<Pod>('v1', 'pods');
    const victim = cluster.get<Pod>('pods', second ?? '');
    await api.updateStatus({ ...victim, status: { phase: 'Failed' } });
    await cluster.settle();
    const ready = livePods().filter(isReady).map(nameOf);
    assert.equal(ready.length, 2);
    assert.ok(!ready.includes(first ?? '') && !ready.includes(second ?? ''));
  });

  it('scales up and down', async () => {
    await start().start();
    await cluster.create('deployments', web({ replicas: 1 }));
    for (const replicas of [5, 2, 0, 3]) {
      await cluster.change<Deployment>('deployments', 'web', (d) => {
        if (d.spec) d.spec.replicas = replicas;
      });
      await cluster.settle();
      assert.equal(livePods().length, replicas);
    }
  });

  it('reports that it does not come along', async () => {
    await start().start();
    cluster.brokenImages.add('bad');
    await cluster.create('deployments', web({ replicas: 2, progressDeadlineSeconds: 30 }));
    await cluster.settle();
    await setImage('bad');
    await cluster.pass(60_000);
    const { status } = cluster.get<Deployment>('deployments', 'web');
    const progressing = status?.conditions?.find((c) => c.type === 'Progressing');
    assert.equal(progressing?.reason, 'ProgressDeadlineExceeded');
    assert.ok(images().includes('v1'), 'the old version still serves');
  });

  it('waits for minReadySeconds before it counts a pod', async () => {
    await start().start();
    await cluster.create('deployments', web({ replicas: 1, minReadySeconds: 10 }));
    await cluster.settle();
    const available = (): number =>
      cluster.get<Deployment>('deployments', 'web').status?.availableReplicas ?? 0;
    assert.equal(available(), 0);
    await cluster.pass(12_000);
    assert.equal(available(), 1);
  });

  it('with Recreate never runs two versions at once', async () => {
    await start({ gracefulPods: true }).start();
    await cluster.create('deployments', web({ replicas: 2, strategy: { type: 'Recreate' } }));
    await cluster.settle();
    await setImage('v2');
    await cluster.until('the new version runs', () => {
      const running = cluster.list<Pod>('pods').map((p) => p.spec?.containers[0]?.image);
      assert.ok(new Set(running).size <= 1, `runs ${running.join(', ')}`);
      return running.length === 2 && running.every((image) => image === 'v2');
    });
  });

  it('finds a new name when another template has its hash', async () => {
    await start().start();
    await cluster.create('deployments', web({ replicas: 1, paused: true }));
    await cluster.settle();
    const wanted = { ...web({ replicas: 1 }) };
    const { templateHash } = await import('../deployment/replica-set.ts');
    const squatter = app(`web-${templateHash(wanted)}`, 0);
    await cluster.create('replicasets', squatter);
    await cluster.change<Deployment>('deployments', 'web', (d) => {
      if (d.spec) d.spec.paused = false;
    });
    await cluster.until('a pod runs', () => livePods().length === 1);
    assert.equal(cluster.get<Deployment>('deployments', 'web').status?.collisionCount, 1);
  });

  it('takes back a replica set that lost its owner', async () => {
    await start().start();
    await cluster.create('deployments', web({ replicas: 2 }));
    await cluster.settle();
    const before = cluster.names('pods');
    await cluster.delete('deployments', 'web', 'Orphan');
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), before);
    await cluster.create('deployments', web({ replicas: 2 }));
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), before);
    assert.equal(cluster.list('replicasets').length, 1);
  });

  it('takes everything with it when it goes', async () => {
    await start().start();
    await cluster.create('deployments', web({ replicas: 2 }));
    await cluster.settle();
    await cluster.delete('deployments', 'web');
    await cluster.settle();
    assert.deepEqual(cluster.names('replicasets'), []);
    assert.deepEqual(cluster.names('pods'), []);
  });

  it('goes last when deleted in the foreground', async () => {
    await start({ gracefulPods: true }).start();
    await cluster.create('deployments', web({ replicas: 2 }));
    await cluster.settle();
    await cluster.delete('deployments', 'web', 'Foreground');
    await cluster.until('it is gone', () => {
      const leftBelow = cluster.list('pods').length + cluster.list('replicasets').length;
      const gone = !cluster.has('deployments', 'web');
      assert.ok(!gone || leftBelow === 0, 'the owner went before its dependents');
      return gone;
    });
  });
});

describe('a replica set', () => {
  it('adopts matching orphans and lets go of those that no longer match', async () => {
    await start().start();
    const orphan: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'orphan', namespace: 'default', labels: { app: 'api' } },
      spec: { containers: [{ name: 'c', image: 'v1' }] },
    };
    await cluster.create('pods', orphan);
    await cluster.create('replicasets', app('api', 2));
    await cluster.settle();
    assert.equal(livePods().length, 2);
    assert.equal(controllerRefOf(cluster.get('pods', 'orphan'))?.name, 'api');
    await cluster.change<Pod>('pods', 'orphan', (p) => {
      p.metadata.labels = { app: 'mine' };
    });
    await cluster.settle();
    assert.equal(controllerRefOf(cluster.get('pods', 'orphan')), undefined);
    assert.equal(livePods().length, 3);
  });

  it('tells why it cannot make pods, and goes on when it can', async () => {
    await start().start();
    let refusing = true;
    let attempts = 0;
    cluster.api.intercept = ({ verb, resource }) => {
      if (verb !== 'create' || resource !== 'pods' || !refusing) return;
      attempts++;
      throw new ApiError({
        apiVersion: 'v1',
        kind: 'Status',
        metadata: {},
        status: 'Failure',
        code: 403,
        reason: 'Forbidden',
        message: 'exceeded quota',
      });
    };
    await cluster.create('replicasets', app('api', 50));
    await cluster.turn();
    const failure = (): string | undefined =>
      cluster
        .get<ReplicaSet>('replicasets', 'api')
        .status?.conditions?.find((c) => c.type === 'ReplicaFailure')?.message;
    await cluster.until('the failure shows', () => failure() !== undefined);
    assert.equal(failure(), 'exceeded quota');
    assert.ok(attempts < 10, `asked ${attempts} times`);
    assert.ok(cluster.events().includes('FailedCreate: Error creating: exceeded quota'));
    refusing = false;
    await cluster.until('pods run', () => livePods().length === 50);
    await cluster.settle();
    assert.equal(failure(), undefined);
  });

  it('does not make pods twice while its cache is behind', async () => {
    await start().start();
    await cluster.create('replicasets', app('api', 3));
    let most = 0;
    for (let i = 0; i < 20; i++) {
      await cluster.change<ReplicaSet>('replicasets', 'api', (rs) => {
        rs.metadata.labels = { touched: String(i) };
      });
      await cluster.turn(5);
      most = Math.max(most, livePods().length);
    }
    assert.equal(most, 3);
  });
});

describe('a replication controller', () => {
  it('keeps its pods up', async () => {
    await start().start();
    const rc: ReplicationController = {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'old', namespace: 'default' },
      spec: {
        replicas: 2,
        selector: { app: 'old' },
        template: {
          metadata: { labels: { app: 'old' } },
          spec: { containers: [{ name: 'c', image: 'v1' }] },
        },
      },
    };
    await cluster.create('replicationcontrollers', rc);
    await cluster.settle();
    assert.equal(livePods().length, 2);
    const { status } = cluster.get<ReplicationController>('replicationcontrollers', 'old');
    assert.equal(status?.availableReplicas, 2);
    await cluster.delete('replicationcontrollers', 'old');
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), []);
  });
});

/** Plays edits at random moments, with a change of leaders now and then. */
async function playRollouts(seed: number, change: { leaders: boolean }): Promise<void> {
  const random = seededRandom(seed);
  await cluster.start();
  await cluster.create('deployments', web({ replicas: 4 }));
  const check = (): void => {
    // What is asked for in all; the replica sets carry it out each at its own pace.
    const sets = cluster.list<ReplicaSet>('replicasets');
    const asked = sets.reduce((sum, rs) => sum + (rs.spec?.replicas ?? 0), 0);
    assert.ok(asked <= 5, `${asked} pods asked for, more than the surge allows`);
    for (const rs of sets) {
      const pods = livePods().filter((pod) => controllerRefOf(pod)?.uid === rs.metadata.uid);
      assert.ok(pods.length <= 4, `${pods.length} pods of ${nameOf(rs)}`);
    }
  };
  for (let round = 0; round < 5; round++) {
    await setImage(`v${random.int(3) + 1}`);
    for (let turns = random.int(12); turns > 0; turns--) {
      await cluster.turn(5);
      check();
    }
    if (change.leaders) cluster.failover();
    await cluster.turn(5);
    check();
  }
  await setImage('final');
  await cluster.settle();
  assert.deepEqual(images(), ['final', 'final', 'final', 'final']);
}

describe('rollouts', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`lose and double nothing when leaders change in the middle (seed ${seed})`, async () => {
      start({ seed });
      await playRollouts(seed, { leaders: true });
    });

    it(`nor when caches are behind (seed ${seed})`, async () => {
      start({ seed, lagging: true });
      await playRollouts(seed, { leaders: false });
    });

    it(`nor when both come together (seed ${seed})`, async () => {
      start({ seed, lagging: true });
      await playRollouts(seed, { leaders: true });
    });
  }
});
