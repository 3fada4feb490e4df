import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Job, JobSpec, Pod } from '@kubets/api';
import { seededRandom } from '@kubets/platform';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { finishedCondition } from '../job/decide.ts';
import { jobController } from '../job/reconciler.ts';
import { isDeleting, nameOf } from '../objects/meta.ts';
import { type ClusterOptions, TestCluster } from '../testing/cluster.ts';

let cluster: TestCluster;

async function start(options: Partial<ClusterOptions> = {}): Promise<void> {
  cluster = new TestCluster({
    controllers: (deps) => [jobController(deps), garbageCollector(deps)],
    ...options,
  });
  cluster.outcomes.set('good', 'Succeeded');
  cluster.outcomes.set('bad', 'Failed');
  await cluster.start();
}

afterEach(() => cluster.stop());

const job = (image: string, spec: Partial<JobSpec> = {}): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'j', namespace: 'default' },
  spec: {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    selector: {},
    template: {
      metadata: { labels: { app: 'j' } },
      spec: { restartPolicy: 'Never', containers: [{ name: 'c', image }] },
    },
    ...spec,
  },
});

const status = () => cluster.get<Job>('jobs', 'j').status ?? {};
const endOf = (): string | undefined => finishedCondition(cluster.get<Job>('jobs', 'j'))?.type;
const livePods = (): Pod[] => cluster.list<Pod>('pods').filter((pod) => !isDeleting(pod));

describe('a job', () => {
  it('runs to its end, and its pods may go', async () => {
    await start();
    await cluster.create('jobs', job('good', { completions: 5, parallelism: 2 }));
    await cluster.settle();
    assert.equal(endOf(), 'Complete');
    assert.equal(status().succeeded, 5);
    assert.deepEqual(status().uncountedTerminatedPods, {});
    const pods = cluster.list<Pod>('pods');
    assert.equal(pods.length, 5);
    assert.ok(pods.every((p) => (p.metadata.finalizers ?? []).length === 0));
    assert.ok(cluster.events().includes('Completed: Job completed'));
  });

  it('gives up after its limit, each time waiting longer', async () => {
    await start();
    await cluster.create('jobs', job('bad', { backoffLimit: 2 }));
    await cluster.settle();
    assert.equal(cluster.list('pods').length, 1);
    await cluster.pass(11_000);
    assert.equal(cluster.list('pods').length, 2);
    await cluster.pass(10_000);
    assert.equal(cluster.list('pods').length, 2);
    await cluster.pass(15_000);
    assert.equal(endOf(), 'Failed');
    assert.equal(status().failed, 3);
    assert.ok(
      cluster
        .events()
        .includes('BackoffLimitExceeded: Job has reached the specified backoff limit'),
    );
  });

  it('counts pods that are deleted before it saw their end', async () => {
    await start();
    await cluster.create('jobs', job('slow', { completions: 2 }));
    await cluster.settle();
    const [victim] = cluster.names('pods');
    await cluster.delete('pods', victim ?? '');
    await cluster.settle();
    assert.equal(status().failed, 1);
    assert.ok(!cluster.has('pods', victim ?? ''));
    await cluster.pass(11_000);
    assert.equal(livePods().length, 1);
  });

  it('of indexes gives each its number', async () => {
    await start();
    const spec = { completionMode: 'Indexed', completions: 4, parallelism: 4 };
    await cluster.create('jobs', job('good', spec));
    await cluster.settle();
    assert.equal(status().completedIndexes, '0-3');
    const prefixes = cluster.names('pods').map((name) => name.slice(0, 4));
    assert.deepEqual(prefixes, ['j-0-', 'j-1-', 'j-2-', 'j-3-']);
  });

  it('can be suspended and goes on later, without a failure', async () => {
    await start();
    await cluster.create('jobs', job('slow'));
    await cluster.settle();
    const suspend = (on: boolean) =>
      cluster.change<Job>('jobs', 'j', (j) => {
        if (j.spec) j.spec.suspend = on;
      });
    await suspend(true);
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), []);
    assert.equal(status().failed ?? 0, 0);
    await suspend(false);
    await cluster.settle();
    assert.equal(livePods().length, 1);
  });

  it('goes some time after its end if it asks for that, with its pods', async () => {
    await start();
    await cluster.create('jobs', job('good', { ttlSecondsAfterFinished: 30 }));
    await cluster.settle();
    assert.equal(endOf(), 'Complete');
    await cluster.pass(20_000);
    assert.ok(cluster.has('jobs', 'j'));
    await cluster.pass(20_000);
    assert.deepEqual([...cluster.names('jobs'), ...cluster.names('pods')], []);
  });

  it('takes its running pods with it when deleted', async () => {
    await start();
    await cluster.create('jobs', job('slow', { completions: 3, parallelism: 3 }));
    await cluster.settle();
    assert.equal(livePods().length, 3);
    await cluster.delete('jobs', 'j');
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), []);
  });

  it('of another manager is left alone; what is not supported is said', async () => {
    await start();
    await cluster.create('jobs', job('good', { managedBy: 'example.org/other' }));
    const policy = { rules: [] };
    const odd = job('good', { podFailurePolicy: policy });
    await cluster.create('jobs', { ...odd, metadata: { name: 'odd', namespace: 'default' } });
    await cluster.settle();
    assert.equal(cluster.names('pods').filter((name) => name.startsWith('j-')).length, 0);
    const warnings = cluster.events().filter((e) => e.startsWith('FieldNotSupported'));
    assert.deepEqual(warnings, [
      'FieldNotSupported: not supported and ignored: spec.podFailurePolicy',
    ]);
  });

  for (const seed of [1, 2, 3, 4, 5, 6, 137]) {
    it(`counts every end once, whoever leads and however late it hears (seed ${seed})`, async () => {
      const random = seededRandom(seed);
      await start({ lagging: true, seed });
      await cluster.create('jobs', job('good', { completions: 12, parallelism: 4 }));
      const names = new Set<string>();
      for (let i = 0; i < 60; i++) {
        await cluster.turn(20);
        for (const pod of cluster.list<Pod>('pods')) names.add(nameOf(pod));
        if (random.int(8) === 0) cluster.failover();
      }
      await cluster.settle();
      assert.equal(endOf(), 'Complete');
      assert.equal(status().succeeded, 12);
      assert.equal(names.size, 12);
    });
  }
});
